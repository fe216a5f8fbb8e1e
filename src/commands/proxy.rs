//! `ec2ssh proxy [USER@]INSTANCE[:PORT]`: standard input and output to the instance's SSH port, for ssh_config's
//! ProxyCommand. Who logs in, and with which private key, is ssh's affair: the public half is pushed here.

use clap::Args;

use super::answers::person;
use super::options::ConnectOptions;
use crate::connect::{public_half, resolve_for_proxy};
use crate::error::CommandError;
use crate::target::bracket_ipv6;
use crate::terminal::raw::close_stdout;
use crate::transport::pump;
use crate::ui::Ui;

/// What may be typed.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub struct ProxyArgs {
    #[command(flatten)]
    pub connect: ConnectOptions,
    /// As for ssh; in ssh_config: %r@%h:%p
    #[arg(value_name = "[USER@]INSTANCE[:PORT]")]
    pub instance: String,
}

/// Runs it until both directions have ended.
///
/// # Errors
/// Whatever stood in the way.
pub async fn run(ui: &Ui, args: ProxyArgs) -> Result<u8, CommandError> {
    let wish = args.connect.wish(&bracket_ipv6(&args.instance))?;
    let events = person(ui, args.connect.yes);
    let identity = wish.request.options().identity;
    let key = public_half(identity.as_ref())?;
    let resolved = resolve_for_proxy(wish, &events).await?;
    let stream = resolved.open_stream(&key, &events).await?;
    ui.step("joining standard input and output to it");
    pump::join(tokio::io::stdin(), tokio::io::stdout(), stream, close_stdout).await?;
    Ok(0)
}
