//! What the host key of an instance is checked against: our own file, its console, the caller's known_hosts.

use std::path::PathBuf;
use std::time::Duration;

use super::Error;
use super::resolve::Resolved;
use crate::aws::{self, Aws};
use crate::config::HostKeyPolicy;
use crate::plan::Plan;
use crate::ssh;
use crate::ssh::host_keys::check::{Answer, Console, HostKeyCheck};
use crate::ssh::host_keys::console::parse;
use crate::ssh::host_keys::known_hosts::{KnownHosts, alias};
use crate::ssh::host_keys::lines::at_port;

/// A person waits for it, where the server's key is not known. The SDK alone would try for longer.
const CONSOLE_WITHIN: Duration = Duration::from_secs(10);

impl Resolved {
    /// The check of the host key. On a first contact its console is asked for from now on, beside whatever follows.
    pub(super) fn host_key_check(&self) -> Result<HostKeyCheck, Error> {
        let plan = &self.plan;
        let check = HostKeyCheck {
            store: KnownHosts::of_the_user().ok_or(Error::NoDataFolder)?,
            instance_id: plan.instance.id.clone(),
            alias: alias(&plan.instance.id, plan.port),
            label: plan.instance.label().to_owned(),
            names: names(plan, &self.typed),
            caller_files: callers_files(),
            console: console(self.aws.clone(), plan.instance.id.clone()),
            policy: match plan.host_keys {
                HostKeyPolicy::Auto => ssh::Policy::Ask,
                HostKeyPolicy::Strict => ssh::Policy::Strict,
                HostKeyPolicy::AcceptNew => ssh::Policy::AcceptNew,
            },
            confirmed: self.confirmed.clone(),
        };
        if check.is_first_contact() {
            let console = check.console.clone();
            tokio::spawn(async move {
                console.answer().await;
            });
        }
        Ok(check)
    }
}

/// Where ssh looks, too (ssh_config(5), UserKnownHostsFile and GlobalKnownHostsFile).
fn callers_files() -> Vec<PathBuf> {
    let own = dirs::home_dir().map(|home| home.join(".ssh/known_hosts"));
    own.into_iter().chain([PathBuf::from("/etc/ssh/ssh_known_hosts")]).collect()
}

/// Every name and address of the instance, as ssh looks for them.
fn names(plan: &Plan, typed: &str) -> Vec<String> {
    let instance = &plan.instance;
    let mut all = vec![instance.id.clone(), typed.to_owned()];
    all.extend([&instance.name, &instance.public_dns, &instance.private_dns].into_iter().flatten().cloned());
    all.extend([instance.public_ip, instance.private_ip].iter().flatten().map(ToString::to_string));
    all.extend(instance.ipv6.iter().map(ToString::to_string));
    all.iter().map(|name| at_port(name, plan.port)).collect()
}

fn console(aws: Aws, instance_id: String) -> Console {
    Console::new(move || {
        let (aws, instance_id) = (aws.clone(), instance_id.clone());
        async move {
            let read = tokio::time::timeout(CONSOLE_WITHIN, read(&aws, &instance_id)).await;
            read.unwrap_or_else(|_| Err(format!("did not come in {} s.", CONSOLE_WITHIN.as_secs())))
        }
    })
}

/// What was posted after boot has the keys, as they are printed at the first one only; if it was not posted yet, what is
/// there now may.
async fn read(aws: &Aws, instance_id: &str) -> Answer {
    let posted = parse(&aws.console_output(instance_id, false).await.map_err(|error| why(&error))?);
    if !posted.is_empty() {
        return Ok(posted);
    }
    // Instances that are not on Nitro cannot: that is no news to anybody.
    Ok(aws.console_output(instance_id, true).await.map(|latest| parse(&latest)).unwrap_or_default())
}

fn why(error: &aws::Error) -> String {
    match error {
        aws::Error::Service { code, call, .. } if code == "UnauthorizedOperation" => {
            format!("cannot be read: the credentials lack {}.", call.iam_action())
        }
        other => format!("cannot be read: {other}."),
    }
}
