//! The arguments of `ec2ssh proxy`, and the settings that they mean.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use clap::Args;

#[cfg(unix)]
use crate::agent::parent::SshProcess;
use crate::commands::options::{ConnectArgs, settings};
use crate::config::HostKeyPolicy;
use crate::context::Ctx;
use crate::error::CommandError;
use crate::settings::Settings;
use crate::target::{bracket_ipv6, split_keyed_port};

/// The arguments of `ec2ssh proxy`.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct ProxyArgs {
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
pub(crate) struct OpensshOptions {
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

impl ProxyArgs {
    /// Whether nothing but errors is to be shown: by an option here, or of the ssh that runs this program with its block.
    pub(crate) fn is_quiet(&self) -> bool {
        #[cfg(unix)]
        if self.openssh.agent.is_some() && self.owner().is_quiet() {
            return true;
        }
        self.connect.output.quiet
    }

    /// Returns the ssh that runs this program.
    #[cfg(unix)]
    pub(crate) fn owner(&self) -> SshProcess {
        self.openssh.owner.map_or_else(SshProcess::parent, SshProcess::from_pid)
    }

    /// Merges these arguments with the config file.
    pub(crate) fn settings(&self, ctx: &Ctx) -> Result<Settings, CommandError> {
        let mut typed = self.connect.typed(self.openssh.host_keys);
        // ssh passes port 22 if no port was given, and then the config file may set another one.
        typed.options.port = typed.options.port.filter(|port| self.openssh.agent.is_none() || *port != 22);
        // With --agent the key is always a pushed one.
        typed.pushed_key = self.openssh.agent.is_some();
        let target = self.typed_target();
        let (target, port) = match self.openssh.agent {
            Some(_) => (target.as_str(), None),
            None => split_keyed_port(&target),
        };
        typed.options.port = port.or(typed.options.port);
        settings(ctx, target.parse()?, typed)
    }

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
