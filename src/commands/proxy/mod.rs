//! `ec2ssh proxy [USER@]INSTANCE[:PORT]`: standard input and output to the instance's SSH port, for ssh_config's
//! ProxyCommand. Who logs in is ssh's affair. Without `--agent` it has a private key of its own, and the public half is
//! pushed here; with it (`openssh`) the key is ours, and ssh's agent too.

#[cfg(unix)]
mod openssh;

use std::net::Ipv6Addr;
use std::path::PathBuf;

use clap::Args;

use super::answers::person;
use super::options::ConnectOptions;
use crate::config::HostKeys;
use crate::connect::{Wish, public_half, stream};
use crate::error::CommandError;
use crate::target::bracket_ipv6;
use crate::terminal::raw::close_stdout;
use crate::transport::pump::{self, AfterInput};
use crate::ui::Ui;

/// What may be typed.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub struct ProxyArgs {
    #[command(flatten)]
    pub connect: ConnectOptions,
    #[command(flatten)]
    pub openssh: OpensshOptions,
    /// As for ssh; in ssh_config: %r@%h:%p
    #[arg(value_name = "[USER@]INSTANCE[:PORT]")]
    pub instance: String,
}

/// What the block of `ec2ssh config` adds.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "With the block of `ec2ssh config install`")]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub struct OpensshOptions {
    /// Make a key, push it, and be ssh's agent for it at this path (its IdentityAgent)
    #[arg(long, value_name = "PATH", conflicts_with = "identity")]
    pub agent: Option<PathBuf>,
    /// Hand ssh the connected socket (ProxyUseFdpass yes)
    #[arg(long, requires = "agent")]
    pub fdpass: bool,
    /// How a new host key is treated
    #[arg(long, value_enum, value_name = "POLICY", requires = "agent")]
    pub host_keys: Option<HostKeys>,
    /// A suffix of INSTANCE that is not part of it
    #[arg(long, value_name = "SUFFIX")]
    pub suffix: Option<String>,
    /// INSTANCE as it was typed (%n), where ssh has made it lower case (%h)
    #[arg(long, value_name = "NAME")]
    pub typed: Option<String>,
    /// Write the host keys into this file, for an ssh before 8.5
    #[arg(long, value_name = "FILE", requires = "agent")]
    pub known_hosts: Option<PathBuf>,
    /// The ssh process that a detached agent is for
    #[arg(long, hide = true, requires = "fdpass")]
    pub owner: Option<i32>,
}

/// Runs it until both directions have ended.
///
/// # Errors
/// Whatever stood in the way.
pub async fn run(ui: &Ui, args: ProxyArgs) -> Result<u8, CommandError> {
    #[cfg(unix)]
    if let Some(agent) = args.openssh.agent.clone() {
        return Box::pin(openssh::run(ui, &args, agent)).await;
    }
    let wish = args.wish()?;
    let events = person(ui, args.connect.yes);
    let identity = wish.request.options().identity;
    let key = public_half(identity.as_ref())?;
    let link = stream(wish, &key, &events).await?;
    ui.step("joining standard input and output to it");
    pump::join(tokio::io::stdin(), tokio::io::stdout(), link, close_stdout, AfterInput::ForEver).await?;
    Ok(0)
}

impl ProxyArgs {
    fn wish(&self) -> Result<Wish, CommandError> {
        let openssh = &self.openssh;
        let mut wish = self.connect.wish(&self.typed_instance())?;
        wish.request.typed.host_keys = openssh.host_keys;
        // ssh says 22 where nobody said a port: the config file may know better.
        wish.request.typed.port = wish.request.typed.port.filter(|port| openssh.agent.is_none() || *port != 22);
        Ok(wish)
    }
}

impl ProxyArgs {
    /// INSTANCE for our own parser, which takes an IPv6 address in brackets. The block gives user and port by themselves.
    fn typed_instance(&self) -> String {
        let name = name(&self.instance, &self.openssh);
        match name.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) if self.openssh.agent.is_some() => name.to_owned(),
            Err(_) => bracket_ipv6(name),
        }
    }
}

/// The instance's name: with the letters as typed, unless ssh_config's HostName has put another in its place, and without
/// the suffix.
fn name<'a>(instance: &'a str, options: &'a OpensshOptions) -> &'a str {
    let typed = options.typed.as_deref().filter(|typed| typed.eq_ignore_ascii_case(instance));
    let name = typed.unwrap_or(instance);
    let end = options.suffix.as_deref().map_or(0, str::len);
    let (bare, suffix) = name.split_at_checked(name.len().saturating_sub(end)).unwrap_or((name, ""));
    let has_suffix = options.suffix.as_deref().is_some_and(|wanted| wanted.eq_ignore_ascii_case(suffix));
    if has_suffix && !bare.is_empty() { bare } else { name }
}
