//! `ec2ssh proxy [USER@]TARGET[:PORT]`: connects standard input and output to the instance's SSH port, for ssh_config's
//! ProxyCommand. The login itself is done by ssh.
//!
//! Without `--agent`, ssh uses its own private key and ec2ssh pushes the public half. With it (`openssh`), ec2ssh makes
//! the key and is ssh's agent too.

mod args;
#[cfg(unix)]
mod openssh;

pub(crate) use args::ProxyArgs;

use super::prompts::prompter;
use crate::connect;
use crate::context::Ctx;
use crate::error::CommandError;
use crate::terminal::raw::close_stdout;
use crate::transport::pump::{self, AfterInput};

/// Forwards bytes until both directions have ended.
///
/// # Errors
/// Fails if the connection cannot be made or breaks.
pub(crate) async fn run(ctx: &Ctx, args: ProxyArgs) -> Result<u8, CommandError> {
    #[cfg(unix)]
    if let Some(agent) = args.openssh.agent.clone() {
        return Box::pin(openssh::run(ctx, &args, agent)).await;
    }
    let settings = args.settings(ctx)?;
    let events = prompter(&ctx.ui, args.connect.yes);
    ctx.ui.doing(&format!("asking AWS for {}", settings.target.selector));
    let link = ctx.ui.watch(connect::stream(&ctx.aws, settings, &events)).await?.into_stream();
    ctx.ui.step("forwarding standard input and output");
    pump::join(tokio::io::stdin(), tokio::io::stdout(), link, close_stdout, AfterInput::Unlimited).await?;
    Ok(0)
}
