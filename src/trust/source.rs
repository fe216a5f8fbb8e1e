//! Builds the verifier of an instance from ec2ssh's known_hosts, the console, the caller's known_hosts and the instance's names.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::console::parse;
use super::console_keys::{Console, ConsoleKeys};
use super::known_hosts::{KnownHosts, alias};
use super::lines::at_port;
use super::session_keys::SessionKeys;
use super::verifier::InstanceVerifier;
use crate::aws::{self, Aws};
use crate::confirm::ConfirmGate;
use crate::event::Events;
use crate::plan::RoutePlan;
use crate::plan::address::Address;
use crate::settings::Settings;

/// The time limit for reading the console: the user waits for it if the server's key is not known. The SDK would retry longer.
const CONSOLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes the verifier of the planned instance. On a first contact the console is read from now on, beside whatever follows.
pub(crate) fn verifier(
    aws: &Aws,
    plan: &RoutePlan,
    settings: &Settings,
    confirmed: &ConfirmGate,
    events: &Events,
) -> InstanceVerifier {
    let instance = &plan.instance;
    let verifier = InstanceVerifier {
        keys: SessionKeys::new(KnownHosts::of_the_user(), alias(&instance.id, plan.port), events),
        instance_id: instance.id.clone(),
        label: instance.label().to_owned(),
        names: if settings.offline { own_name(plan) } else { names(plan, &settings.target.selector.to_string()) },
        other_names: other_names(plan),
        caller_files: caller_files(),
        console: if settings.offline { unread_console() } else { console(aws.clone(), instance.id.clone()) },
        policy: settings.host_keys,
        confirmed: confirmed.clone(),
        events: Arc::clone(events),
        progress: Arc::default(),
        keeps: true,
    };
    if verifier.is_first_contact() {
        let console = verifier.console.clone();
        tokio::spawn(async move {
            console.printed_keys().await;
        });
    }
    verifier
}

/// Returns the files where ssh looks, too (ssh_config(5), UserKnownHostsFile and GlobalKnownHostsFile).
pub(super) fn caller_files() -> Vec<PathBuf> {
    let own = dirs::home_dir().map(|home| home.join(".ssh/known_hosts"));
    own.into_iter().chain([PathBuf::from("/etc/ssh/ssh_known_hosts")]).collect()
}

/// Returns the names of the instance for which known_hosts vouches, as ssh looks for them: what was typed, what belongs to no other
/// machine, and the addresses that are dialed.
fn names(plan: &RoutePlan, typed: &str) -> Vec<String> {
    let instance = &plan.instance;
    let mut all = vec![instance.id.clone(), typed.to_owned()];
    all.extend(instance.public_dns.clone());
    for address in &plan.addresses {
        all.push(address.raw());
        if let Address::Name(_, Some(ip)) = address {
            all.push(ip.to_string());
        }
    }
    all.iter().map(|name| at_port(name, plan.port)).collect()
}

/// Returns the name that no other machine can have: without AWS nothing says that an address is still the instance's.
fn own_name(plan: &RoutePlan) -> Vec<String> {
    vec![at_port(&plan.instance.id, plan.port)]
}

/// Returns the other names and addresses of the instance. Another machine may have the same ones: a Name tag is anybody's, a private
/// address exists in each VPC.
fn other_names(plan: &RoutePlan) -> Vec<String> {
    let instance = &plan.instance;
    let mut all: Vec<String> = [&instance.name, &instance.private_dns].into_iter().flatten().cloned().collect();
    all.extend([instance.public_ip, instance.private_ip].iter().flatten().map(ToString::to_string));
    all.extend(instance.other_public_ips.iter().map(ToString::to_string));
    all.extend(instance.other_private_ips.iter().map(ToString::to_string));
    all.extend(instance.ipv6.iter().map(ToString::to_string));
    all.iter().map(|name| at_port(name, plan.port)).collect()
}

/// Returns the console of an instance that AWS is not asked for.
fn unread_console() -> Console {
    Console::new(|| async { Err("is not read: AWS is not asked (--offline)".to_owned()) })
}

fn console(aws: Aws, instance_id: String) -> Console {
    Console::new(move || {
        let (aws, instance_id) = (aws.clone(), instance_id.clone());
        async move {
            let read = tokio::time::timeout(CONSOLE_TIMEOUT, read(&aws, &instance_id)).await;
            read.unwrap_or_else(|_| Err(format!("could not be read within {} s.", CONSOLE_TIMEOUT.as_secs())))
        }
    })
}

/// Reads the output that was posted after boot, which has the keys that are printed on the first boot only; if it was not posted
/// yet, reads the latest output.
async fn read(aws: &Aws, instance_id: &str) -> ConsoleKeys {
    let posted = parse(&aws.console(instance_id, false).await.map_err(|error| reason(&error))?.bytes);
    if !posted.is_empty() {
        return Ok(posted);
    }
    // Only Nitro instances have a latest output, so a failure here is normal.
    Ok(aws.console(instance_id, true).await.map(|latest| parse(&latest.bytes)).unwrap_or_default())
}

fn reason(error: &aws::Error) -> String {
    match error {
        aws::Error::Service { code, call, .. } if code == "UnauthorizedOperation" => {
            format!("cannot be read: the credentials lack {}.", call.iam_action())
        }
        other => format!("cannot be read: {other}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ID, route_plan};

    /// Another machine with the address may have a certificate for it.
    #[test]
    fn addresses_vouch_only_with_aws() {
        let mut plan = route_plan();
        plan.addresses = vec![Address::Ip("192.0.2.1".parse().unwrap())];
        assert_eq!(names(&plan, "web-1"), [ID, "web-1", "192.0.2.1"]);
        assert_eq!(own_name(&plan), [ID]);
    }
}
