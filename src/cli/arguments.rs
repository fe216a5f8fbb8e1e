//! The arguments: the commands with their options, and what the parser does not know by itself.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::complete::{CompleteArgs, takes_value_from_next_word};
use crate::commands::completions::CompletionsArgs;
#[cfg(unix)]
use crate::commands::config::ConfigArgs;
use crate::commands::doctor::DoctorArgs;
#[cfg(unix)]
use crate::commands::forward::ForwardArgs;
#[cfg(unix)]
use crate::commands::hold_key::HoldKeyArgs;
use crate::commands::info::InfoArgs;
use crate::commands::known_hosts::KnownHostsArgs;
use crate::commands::list::ListArgs;
use crate::commands::metadata::MetadataArgs;
use crate::commands::options::OutputOptions;
use crate::commands::proxy::ProxyArgs;
#[cfg(unix)]
use crate::commands::rdp::RdpArgs;
#[cfg(unix)]
use crate::commands::serial::SerialArgs;
use crate::commands::ssh::SshArgs;
#[cfg(unix)]
use crate::commands::ssm::SsmArgs;
use crate::error::{CommandError, CommandKind, ErrorKind};

/// Connect to an EC2 instance by name, with a key that lives only in memory
#[derive(Parser, Debug)]
#[command(
    name = "ec2ssh",
    version,
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    subcommand_negates_reqs = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  ec2ssh my-instance\n  ec2ssh ubuntu@10.0.0.7 uptime\n  ec2ssh -i key.pem tag:Env=prod\n  \
                  ssh -o ProxyCommand='ec2ssh proxy %r@%h:%p' ec2-user@my-instance\n\n\
                  If an instance's name is also a subcommand, use `ec2ssh ssh NAME`."
)]
struct App {
    #[command(flatten)]
    ssh: SshArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The subcommands; `ssh` is the default.
#[derive(Subcommand, Clone, Debug)]
#[command(subcommand_help_heading = "Commands")]
pub(super) enum Command {
    /// Open a shell or run a command on an instance (`ssh` may be left out)
    Ssh(Box<SshArgs>),
    /// Connect standard input and output to an instance's SSH port, for ssh_config
    Proxy(Box<ProxyArgs>),
    /// Forward ports of an instance, or of hosts behind it; reconnects by itself
    #[cfg(unix)]
    Forward(Box<ForwardArgs>),
    /// Open a shell or run a command through Session Manager: no SSH, user or key is needed
    #[cfg(unix)]
    Ssm(Box<SsmArgs>),
    /// Open the desktop of a Windows instance: tunnel, password, certificate, client
    #[cfg(unix)]
    Rdp(Box<RdpArgs>),
    /// Open the serial console of an instance
    #[cfg(unix)]
    Serial(Box<SerialArgs>),
    /// List instances in a table
    List(ListArgs),
    /// Show all that AWS knows of an instance: addresses, groups, agent, user data, console
    Info(Box<InfoArgs>),
    /// Find out why an instance cannot be connected to, and what to type
    Doctor(Box<DoctorArgs>),
    /// Ask an instance for its metadata (IMDSv2), over SSH
    Metadata(Box<MetadataArgs>),
    /// List, add or forget trusted host keys
    KnownHosts(KnownHostsArgs),
    /// Configure OpenSSH to reach instances by name (~/.ssh/config)
    #[cfg(unix)]
    Config(ConfigArgs),
    /// Print the completion script of a shell
    Completions(CompletionsArgs),
    /// Hold a pushed key for the connections that share it; started by the first of them
    #[cfg(unix)]
    #[command(hide = true)]
    HoldKey(HoldKeyArgs),
    /// Complete a partly typed TARGET, for the completion scripts
    #[command(hide = true)]
    Complete(CompleteArgs),
}

impl Command {
    pub(super) fn kind(&self) -> CommandKind {
        match self {
            Self::Ssh(_) | Self::Proxy(_) => CommandKind::Session,
            #[cfg(unix)]
            Self::Ssm(_) | Self::Serial(_) => CommandKind::Session,
            #[cfg(unix)]
            Self::Config(_) | Self::HoldKey(_) | Self::Forward(_) | Self::Rdp(_) => CommandKind::Tool,
            Self::List(_)
            | Self::Info(_)
            | Self::Doctor(_)
            | Self::Metadata(_)
            | Self::KnownHosts(_)
            | Self::Completions(_)
            | Self::Complete(_) => CommandKind::Tool,
        }
    }

    pub(super) fn output(&self) -> OutputOptions {
        match self {
            Self::Ssh(args) => args.connect.output,
            Self::Proxy(args) => OutputOptions { quiet: args.is_quiet(), ..args.connect.output },
            #[cfg(unix)]
            Self::Ssm(args) => args.find.output,
            #[cfg(unix)]
            Self::Serial(args) => args.find.output,
            #[cfg(unix)]
            Self::Rdp(args) => args.find.output,
            Self::List(args) => args.output,
            Self::Info(args) => args.output,
            Self::Doctor(args) => args.output,
            Self::Metadata(args) => args.connect.output,
            Self::KnownHosts(args) => args.output,
            #[cfg(unix)]
            Self::Forward(args) => args.connect.output,
            #[cfg(unix)]
            Self::Config(args) => args.output,
            #[cfg(unix)]
            Self::HoldKey(_) => OutputOptions::default(),
            Self::Completions(_) | Self::Complete(_) => OutputOptions::default(),
        }
    }

    /// Whether ssh starts and ends the process: then the command itself watches for the end of ssh.
    pub(super) fn is_run_by_ssh(&self) -> bool {
        matches!(self, Self::Proxy(args) if args.openssh.agent.is_some())
    }
}

/// Returns the command tree, for the completion scripts and their test.
pub(super) fn tree() -> clap::Command {
    App::command()
}

/// Arguments that are no command: help, or a mistake.
pub(super) struct Unparsed {
    /// The error of the parser, or its help text.
    pub error: clap::Error,
    /// An explanation that goes before the parser's words.
    pub explained: Option<Box<CommandError>>,
    /// The exit code of the program.
    pub code: u8,
}

/// Parses the arguments of the program.
///
/// # Errors
/// They are no command.
pub(super) fn parse(args: Vec<OsString>) -> Result<Command, Unparsed> {
    let args = subcommand_first(args);
    let kind = args.get(1).and_then(|word| word.to_str()).map_or(CommandKind::Session, kind_of);
    match App::try_parse_from(args) {
        Ok(app) => Ok(app.command.unwrap_or_else(|| Command::Ssh(Box::new(app.ssh)))),
        Err(error) => {
            let explained = lacking_option(&error).filter(|_| kind == CommandKind::Session).map(Box::new);
            let code = if error.use_stderr() { CommandError::new(ErrorKind::Usage, "").exit_code(kind) } else { 0 };
            Err(Unparsed { error, explained, code })
        }
    }
}

/// The options of ssh(1) that ec2ssh lacks.
const LACKING_SSH_OPTIONS: &str = "BEIKMOPQSXYbcmwy";

/// Explains an option of ssh that ec2ssh lacks: ssh itself has it, and connects through ec2ssh.
fn lacking_option(error: &clap::Error) -> Option<CommandError> {
    let option = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (clap::error::ErrorKind::UnknownArgument, Some(ContextValue::String(option))) => option,
        _ => return None,
    };
    let letter =
        option.strip_prefix('-').filter(|letter| letter.len() == 1 && LACKING_SSH_OPTIONS.contains(*letter))?;
    let error = CommandError::new(ErrorKind::Usage, format!("ec2ssh does not have ssh's option -{letter}"));
    Some(
        error
            .hint(format!("use ssh, which connects through ec2ssh after `ec2ssh config install --match NAME`: ssh -{letter} … NAME"))
            .hint(format!("without changing its configuration: ssh -o ProxyCommand='ec2ssh proxy %r@%h:%p' -{letter} … NAME")),
    )
}

/// Returns the kind of the command with this name; any other word is a target of `ssh`.
fn kind_of(name: &str) -> CommandKind {
    let is_command = name == "help" || App::command().find_subcommand(name).is_some();
    if is_command && !matches!(name, "ssh" | "proxy" | "ssm" | "serial") {
        CommandKind::Tool
    } else {
        CommandKind::Session
    }
}

/// Moves a subcommand that follows options (`ec2ssh --profile p list`) to the front, where clap expects it. The first
/// word that is neither an option nor an option's value decides; the words after it stay as they are.
fn subcommand_first(mut args: Vec<OsString>) -> Vec<OsString> {
    let tree = App::command();
    let mut index = 1;
    while let Some(word) = args.get(index).and_then(|word| word.to_str()) {
        if word == "--" {
            break;
        }
        if !word.starts_with('-') || word == "-" {
            if index > 1 && tree.find_subcommand(word).is_some() {
                let subcommand = args.remove(index);
                args.insert(1, subcommand);
            }
            break;
        }
        index += if takes_value_from_next_word(&tree, word) { 2 } else { 1 };
    }
    args
}
