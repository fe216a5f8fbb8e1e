//! `-J`: connects to the hosts that a connection goes through, one after the other.

use std::sync::Arc;

use super::ssh_options::{Resolved, SshConfigArgs, resolve};
use crate::connect::{self, Jump, Through};
use crate::context::Ctx;
use crate::error::{CommandError, ErrorKind};
use crate::event::Events;
use crate::find;
use crate::program::Purpose;
use crate::settings::Typed;

/// Connects to these hosts, and returns the last one. What no instance is called is a host that ssh knows.
///
/// # Errors
/// One of them cannot be reached.
pub(super) async fn through(
    ctx: &Ctx,
    hosts: &str,
    config: &SshConfigArgs,
    events: &Events,
) -> Result<Option<Arc<Jump>>, CommandError> {
    let hosts: Vec<&str> = hosts.split(',').map(str::trim).collect();
    let repeated = hosts.iter().enumerate().find(|(at, host)| hosts[..*at].contains(host));
    if let Some((_, host)) = repeated {
        return Err(CommandError::new(ErrorKind::Usage, format!("{host} is named twice in -J")));
    }
    // Each host has its own lines in ssh_config; `-o` is about the target.
    let config = SshConfigArgs { options: Vec::new(), file: config.file.clone() };
    let mut last: Option<Arc<Jump>> = None;
    for (at, host) in hosts.iter().enumerate() {
        let Resolved { settings, .. } =
            resolve(ctx, host, Typed { clear_forwards: true, ..Typed::default() }, &config).await?;
        let session = connect::session_through(&ctx.aws, last.clone(), settings, Purpose::Bulk, events);
        let this = match ctx.ui.watch(session).await {
            Ok(connect::Session { plan, connection, .. }) => {
                Through::Instance { id: plan.route.instance.id, connection }
            }
            Err(connect::Error::Find(find::Error::NotFound { .. })) => {
                ctx.ui.step(&format!("no instance is called {host}: ssh connects to it"));
                let before = hosts[..at].iter().map(|host| (*host).to_owned()).collect();
                Through::Host { typed: (*host).to_owned(), before, file: config.file.clone() }
            }
            Err(error) => return Err(error.into()),
        };
        last = Some(Arc::new(Jump::new(this, last)));
    }
    Ok(last)
}
