//! `-J`: connects to the hosts that a connection goes through, one after the other.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use super::ssh_options::{SshConfigArgs, resolve};
use crate::config::Options;
use crate::connect::{self, Jump, SshHost, Through, Way};
use crate::context::Ctx;
use crate::error::{CommandError, ErrorKind};
use crate::event::Events;
use crate::find;
use crate::program::Purpose;
use crate::settings::{Settings, Typed};

/// The options that all hosts of a chain have in common with their target.
#[derive(Clone, Debug, Default)]
pub(super) struct Common {
    /// The file that `-F` names.
    pub file: Option<PathBuf>,
    /// The AWS profile, region and host key policy that were typed.
    pub typed: Typed,
}

impl Common {
    /// Takes over what is not about the target alone.
    pub(super) fn of(config: &SshConfigArgs, typed: &Typed) -> Self {
        let Options { profile, region, host_keys, .. } = typed.options.clone();
        let options = Options { profile, region, host_keys, ..Options::default() };
        Self { file: config.file.clone(), typed: Typed { options, clear_forwards: true, ..Typed::default() } }
    }

    async fn resolve(&self, ctx: &Ctx, host: &str) -> Result<Settings, CommandError> {
        // `-o` is about the target; each host has its own lines in ssh_config.
        let config = SshConfigArgs { options: Vec::new(), file: self.file.clone() };
        Ok(resolve(ctx, host, self.typed.clone(), &config).await?.settings)
    }

    /// Returns the options of this program for the same hosts.
    fn words(&self) -> Vec<String> {
        let options = &self.typed.options;
        let policy = options.host_keys.map(|policy| policy.to_string());
        let pairs = [("--profile", &options.profile), ("--region", &options.region), ("--host-keys", &policy)];
        pairs.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value.clone()?])).flatten().collect()
    }
}

/// Connects to these hosts, and returns the last one. A name that is no instance's is a host that ssh knows.
///
/// # Errors
/// One of them cannot be reached.
pub(super) async fn through(
    ctx: &Ctx,
    hosts: &str,
    common: &Common,
    events: &Events,
) -> Result<Option<Arc<Jump>>, CommandError> {
    let chain = chain(ctx, hosts, common).await?;
    let mut last: Option<Arc<Jump>> = None;
    for (at, (host, settings)) in chain.iter().enumerate() {
        let way = Way { jump: last.clone(), key: None };
        let session = connect::session_by(&ctx.aws, way, settings.clone(), Purpose::Bulk, events);
        let this = match ctx.ui.watch(session).await {
            Ok(connect::Session { plan, connection, .. }) => {
                Through::Instance { id: plan.route.instance.id, connection }
            }
            Err(connect::Error::Find(find::Error::NotFound { .. })) => {
                ctx.ui.step(&format!("no instance is called {host}: ssh connects to it"));
                let before = chain[..at].iter().map(|(host, _)| host.clone()).collect();
                let (file, options) = (common.file.clone(), common.words());
                Through::Host(SshHost { typed: host.clone(), before, file, options })
            }
            Err(error) => return Err(error.into()),
        };
        last = Some(Arc::new(Jump::new(this, last)));
    }
    Ok(last)
}

/// Returns the hosts with their settings. The first one may have hosts of its own before it (ProxyJump); those of the others do not count, as
/// in ssh.
async fn chain(ctx: &Ctx, hosts: &str, common: &Common) -> Result<Vec<(String, Settings)>, CommandError> {
    let mut chain: VecDeque<(String, Settings)> = VecDeque::new();
    let mut before = Some(hosts.to_owned());
    while let Some(hosts) = before.take() {
        for host in hosts.split(',').map(str::trim).rev() {
            if chain.iter().any(|(other, _)| other == host) {
                return Err(CommandError::new(ErrorKind::Usage, format!("{host} is named twice among the jump hosts")));
            }
            chain.push_front((host.to_owned(), common.resolve(ctx, host).await?));
        }
        before = chain.front().and_then(|(_, settings)| settings.jump.clone());
    }
    Ok(chain.into())
}
