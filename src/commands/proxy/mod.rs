//! `ec2ssh proxy [USER@]TARGET[:PORT]`: connects standard input and output to the instance's SSH port, for ssh_config's
//! ProxyCommand. The login itself is done by ssh.
//!
//! Without `--agent`, ssh uses its own private key and ec2ssh pushes the public half. With it (`openssh`), ec2ssh makes
//! the key and is ssh's agent too.

#[cfg(unix)]
mod openssh;

use std::net::Ipv6Addr;
use std::path::PathBuf;

use clap::Args;

use super::options::ConnectArgs;
use super::prompts::prompter;
use crate::config::HostKeyPolicy;
use crate::connect::{Wish, public_half, stream};
use crate::error::CommandError;
use crate::target::bracket_ipv6;
use crate::terminal::raw::close_stdout;
use crate::transport::pump::{self, AfterInput};
use crate::ui::Ui;

/// The arguments of `ec2ssh proxy`.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub struct ProxyArgs {
    #[command(flatten)]
    pub connect: ConnectArgs,
    #[command(flatten)]
    pub openssh: OpensshOptions,
    /// Target as for `ec2ssh ssh`; in ssh_config: %r@%h:%p
    #[arg(value_name = "[USER@]TARGET[:PORT]")]
    pub target: String,
}

/// The options that only the block of `ec2ssh config` uses.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options for the block of `ec2ssh config install`")]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub struct OpensshOptions {
    /// Make a key, push it, and serve it to ssh as an agent at this path (its IdentityAgent)
    #[arg(long, value_name = "PATH", conflicts_with = "identity")]
    pub agent: Option<PathBuf>,
    /// Pass the connected socket to ssh (ProxyUseFdpass yes)
    #[arg(long, requires = "agent")]
    pub fdpass: bool,
    /// Handle new host keys by this policy
    #[arg(long, value_enum, value_name = "POLICY", requires = "agent")]
    pub host_keys: Option<HostKeyPolicy>,
    /// Remove this suffix from TARGET
    #[arg(long, value_name = "SUFFIX")]
    pub suffix: Option<String>,
    /// TARGET as it was typed (%n), in case ssh has changed it to lower case (%h)
    #[arg(long, value_name = "NAME")]
    pub typed: Option<String>,
    /// Write the host keys to this file, for ssh before 8.5
    #[arg(long, value_name = "FILE", requires = "agent")]
    pub known_hosts: Option<PathBuf>,
    /// Process id of the ssh that a detached agent serves
    #[arg(long, hide = true, requires = "fdpass")]
    pub owner: Option<i32>,
}

/// Forwards bytes until both directions have ended.
///
/// # Errors
/// Fails if the connection cannot be made or breaks.
pub async fn run(ui: &Ui, args: ProxyArgs) -> Result<u8, CommandError> {
    #[cfg(unix)]
    if let Some(agent) = args.openssh.agent.clone() {
        return Box::pin(openssh::run(ui, &args, agent)).await;
    }
    let wish = args.wish()?;
    let events = prompter(ui, args.connect.yes);
    let identity = wish.request.options().identity;
    let key = public_half(identity.as_ref())?;
    let link = stream(wish, &key, &events).await?;
    ui.step("forwarding standard input and output");
    pump::join(tokio::io::stdin(), tokio::io::stdout(), link, close_stdout, AfterInput::Unlimited).await?;
    Ok(0)
}

impl ProxyArgs {
    fn wish(&self) -> Result<Wish, CommandError> {
        let openssh = &self.openssh;
        let mut wish = self.connect.wish(&self.typed_target())?;
        wish.request.typed.host_keys = openssh.host_keys;
        // ssh passes port 22 if no port was given, and then the config file may set another one.
        wish.request.typed.port = wish.request.typed.port.filter(|port| openssh.agent.is_none() || *port != 22);
        Ok(wish)
    }
}

impl ProxyArgs {
    /// Returns the target for ec2ssh's own parser, which expects an IPv6 address in brackets. The block passes user and
    /// port as separate options.
    fn typed_target(&self) -> String {
        let name = name(&self.target, &self.openssh);
        match name.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) if self.openssh.agent.is_some() => name.to_owned(),
            Err(_) => bracket_ipv6(name),
        }
    }
}

/// Returns the name of the instance: in the typed case, unless ssh_config's HostName has replaced it, and without the
/// suffix.
fn name<'a>(target: &'a str, options: &'a OpensshOptions) -> &'a str {
    let typed = options.typed.as_deref().filter(|typed| typed.eq_ignore_ascii_case(target));
    let name = typed.unwrap_or(target);
    let end = options.suffix.as_deref().map_or(0, str::len);
    let (bare, suffix) = name.split_at_checked(name.len().saturating_sub(end)).unwrap_or((name, ""));
    let has_suffix = options.suffix.as_deref().is_some_and(|wanted| wanted.eq_ignore_ascii_case(suffix));
    if has_suffix && !bare.is_empty() { bare } else { name }
}
