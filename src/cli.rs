//! The command line: parse, make the [`Ui`], dispatch, report. The one place where a result becomes an exit code.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{CommandFactory, Parser, Subcommand};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::commands::complete::{self, CompleteArgs, takes_next};
use crate::commands::completions::{self, CompletionsArgs};
#[cfg(unix)]
use crate::commands::config::{self, ConfigArgs};
use crate::commands::known_hosts::{self, KnownHostsArgs};
use crate::commands::list::{self, ListArgs};
use crate::commands::options::OutputOptions;
use crate::commands::proxy::{self, ProxyArgs};
use crate::commands::ssh::{self, SshArgs};
use crate::commands::{farewell, farewell_after_panic};
use crate::error::{CommandError, Family, Kind};
use crate::secret::keep_out_of_dumps;
use crate::terminal::raw;
use crate::terminal::signals::Fatal;
use crate::ui::trace::SafeStderr;
use crate::ui::{Ui, Volume};

/// Get onto an EC2 instance: by name, with a key that lives only in memory
#[derive(Parser, Debug)]
#[command(
    name = "ec2ssh",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  ec2ssh my-instance\n  ec2ssh ubuntu@10.0.0.7 uptime\n  ec2ssh -i key.pem tag:Env=prod\n  \
                  ssh -o ProxyCommand='ec2ssh proxy %r@%h:%p' ec2-user@my-instance\n\n\
                  An instance that bears a subcommand's name is reached with `ec2ssh ssh NAME`."
)]
struct App {
    #[command(flatten)]
    ssh: SshArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The subcommands; without one it is `ssh`.
#[derive(Subcommand, Debug)]
#[command(subcommand_help_heading = "Commands")]
enum Command {
    /// A shell or a command on an instance; the same as without `ssh`
    Ssh(Box<SshArgs>),
    /// Standard input and output to the instance's SSH port, for ssh_config
    Proxy(Box<ProxyArgs>),
    /// The instances as a table
    List(ListArgs),
    /// The host keys that are trusted
    KnownHosts(KnownHostsArgs),
    /// Has plain `ssh` reach instances by name: a block in ~/.ssh/config
    #[cfg(unix)]
    Config(ConfigArgs),
    /// The completion script of a shell
    Completions(CompletionsArgs),
    /// The instances that a word may become, for the completion scripts
    #[command(hide = true)]
    Complete(CompleteArgs),
}

impl Command {
    fn family(&self) -> Family {
        match self {
            Self::Ssh(_) | Self::Proxy(_) => Family::Session,
            #[cfg(unix)]
            Self::Config(_) => Family::Tool,
            Self::List(_) | Self::KnownHosts(_) | Self::Completions(_) | Self::Complete(_) => Family::Tool,
        }
    }

    fn output(&self) -> OutputOptions {
        match self {
            Self::Ssh(args) => args.connect.output,
            Self::Proxy(args) => args.connect.output,
            Self::List(args) => args.output,
            Self::KnownHosts(args) => args.output,
            #[cfg(unix)]
            Self::Config(args) => args.output,
            Self::Completions(_) | Self::Complete(_) => OutputOptions::default(),
        }
    }

    /// Whether ssh runs it and ends it: its own end is watched there.
    fn is_run_by_ssh(&self) -> bool {
        matches!(self, Self::Proxy(args) if args.openssh.agent.is_some())
    }

    fn ui(&self) -> Ui {
        let volume = Volume::from(self.output());
        match self {
            // A dry run has no session: its plan is the output.
            Self::Ssh(args) if args.dry_run => Ui::new(volume),
            Self::Ssh(_) | Self::Proxy(_) => Ui::wire(volume),
            #[cfg(unix)]
            Self::Config(_) => Ui::new(volume),
            Self::List(_) | Self::KnownHosts(_) | Self::Completions(_) | Self::Complete(_) => Ui::new(volume),
        }
    }
}

/// The whole program, from its arguments to its exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    guarded(|| {
        let command = match parse(args.into_iter().collect()) {
            Ok(command) => command,
            Err(code) => return code,
        };
        keep_out_of_dumps();
        let ui = command.ui();
        let family = command.family();
        trace(command.output().verbose);
        let result = run(&ui, command);
        raw::restore();
        ui.set_raw(false);
        ExitCode::from(match result {
            Ok(code) => code,
            Err(error) => {
                report(&ui, &error);
                error.exit_code(family)
            }
        })
    })
}

/// Runs `program` so that a panic, on whatever thread, gives the terminal back, reaches the person as an error of ours, and
/// ends the program with 255 there and then. Nothing is unwound: the release build has no tables for it.
pub fn guarded(program: impl FnOnce() -> ExitCode) -> ExitCode {
    static IS_DYING: AtomicBool = AtomicBool::new(false);
    std::panic::set_hook(Box::new(|panic| {
        // The first one ends the program; another must not cut that short, nor begin it again.
        while IS_DYING.swap(true, Ordering::Relaxed) {
            std::thread::park();
        }
        raw::restore();
        let farewell = farewell_after_panic();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let words = panic.payload_as_str().unwrap_or("no words");
        let error = CommandError::failed("ec2ssh has a defect and cannot go on")
            .cause(format!("{words} ({place})"))
            .hint("please report it, with what this shows: ec2ssh -vv …");
        report(&Ui::wire(Volume::default()), &error);
        farewell.wait();
        std::process::exit(255);
    }));
    program()
}

/// The command tree, for the completion scripts and their test.
pub fn command() -> clap::Command {
    App::command()
}

fn parse(args: Vec<OsString>) -> Result<Command, ExitCode> {
    let args = subcommand_first(args);
    let is_tool = args
        .get(1)
        .and_then(|word| word.to_str())
        .is_some_and(|word| matches!(word, "list" | "known-hosts" | "config" | "complete" | "completions" | "help"));
    let family = if is_tool { Family::Tool } else { Family::Session };
    match App::try_parse_from(args) {
        Ok(app) => Ok(app.command.unwrap_or_else(|| Command::Ssh(Box::new(app.ssh)))),
        Err(error) => {
            let _ = error.print();
            let code = if error.use_stderr() { CommandError::new(Kind::Usage, "").exit_code(family) } else { 0 };
            Err(ExitCode::from(code))
        }
    }
}

/// Moves a subcommand that stands behind options (`ec2ssh --profile p list`) to the front, where clap wants it. The
/// first word that is neither an option nor an option's value decides; all behind it stays as it is.
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
        index += if takes_next(&tree, word) { 2 } else { 1 };
    }
    args
}

/// `-vv` and more: what the libraries trace, to standard error. Never finer than debug, where payloads begin, and without
/// the parts that sign requests.
fn trace(verbose: u8) {
    if verbose < 2 {
        return;
    }
    let filter = Targets::new().with_default(LevelFilter::DEBUG).with_targets([
        ("aws_sigv4", LevelFilter::OFF),
        ("aws_runtime::auth", LevelFilter::OFF),
        ("aws_smithy_http_client", LevelFilter::INFO),
        ("hyper", LevelFilter::INFO),
        ("hyper_util", LevelFilter::INFO),
    ]);
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| SafeStderr);
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}

fn run(ui: &Ui, command: Command) -> Result<u8, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let mut fatal = if command.is_run_by_ssh() { Fatal::without_hangup() } else { Fatal::install() }?;
        let result = tokio::select! {
            result = dispatch(ui, command) => result,
            signal = fatal.wait() => Err(CommandError::new(Kind::Interrupted(signal), "")),
        };
        farewell().await;
        result
    });
    // A read from the terminal cannot be taken back; it must not hold us.
    runtime.shutdown_background();
    result
}

async fn dispatch(ui: &Ui, command: Command) -> Result<u8, CommandError> {
    match command {
        Command::Ssh(args) => Box::pin(ssh::run(ui, *args)).await,
        Command::Proxy(args) => Box::pin(proxy::run(ui, *args)).await,
        Command::List(args) => Box::pin(list::run(ui, args)).await,
        Command::KnownHosts(args) => Box::pin(known_hosts::run(ui, args)).await,
        #[cfg(unix)]
        Command::Config(args) => config::run(ui, args),
        Command::Complete(args) => Box::pin(complete::run(ui, args, &App::command())).await,
        Command::Completions(args) => completions::run(ui, args, App::command()),
    }
}

fn report(ui: &Ui, error: &CommandError) {
    if matches!(error.kind, Kind::Interrupted(_)) {
        return;
    }
    if let Some(table) = &error.table {
        ui.lines(table.render(raw::size().map(|size| size.columns.into())).trim_end());
    }
    ui.error(&error.message, &error.causes, &error.hints);
}
