//! The command line: parses it, creates the [`Ui`], dispatches the command and reports errors. The only
//! place where a result becomes an exit code.

mod shutdown;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::commands::background;
use crate::commands::complete::{self, CompleteArgs, takes_value_from_next_word};
use crate::commands::completions::{self, CompletionsArgs};
#[cfg(unix)]
use crate::commands::config::{self, ConfigArgs};
use crate::commands::credentials::{self, offer_login};
use crate::commands::doctor::{self, DoctorArgs};
#[cfg(unix)]
use crate::commands::forward::{self, ForwardArgs};
#[cfg(unix)]
use crate::commands::hold_key::{self, HoldKeyArgs};
use crate::commands::info::{self, InfoArgs};
use crate::commands::known_hosts::{self, KnownHostsArgs};
use crate::commands::list::{self, ListArgs};
use crate::commands::metadata::{self, MetadataArgs};
use crate::commands::options::OutputOptions;
use crate::commands::proxy::{self, ProxyArgs};
use crate::commands::rdp::{self, RdpArgs};
use crate::commands::serial::{self, SerialArgs};
use crate::commands::ssh::{self, SshArgs};
use crate::commands::ssm::{self, SsmArgs};
use crate::context::Ctx;
use crate::error::{CommandError, CommandKind, ErrorKind};
use crate::secret::disable_core_dumps;
use crate::store;
use crate::store::owner::check_owner;
use crate::terminal::raw;
use crate::terminal::signals::TerminationSignals;
use crate::ui::trace::SafeStderr;
use crate::ui::{Ui, Verbosity};

use shutdown::{shut_down, shut_down_after_panic};

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
enum Command {
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
    fn kind(&self) -> CommandKind {
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

    fn output(&self) -> OutputOptions {
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
    fn is_run_by_ssh(&self) -> bool {
        matches!(self, Self::Proxy(args) if args.openssh.agent.is_some())
    }

    fn ui(&self) -> Ui {
        let verbosity = Verbosity::from(self.output());
        // A dry run opens no session, so its plan goes to standard output.
        let is_dry_run = matches!(self, Self::Ssh(args) if args.dry_run);
        match self.kind() {
            CommandKind::Session if !is_dry_run => Ui::without_stdout(verbosity, terminal_width),
            CommandKind::Session | CommandKind::Tool => Ui::new(verbosity, terminal_width),
        }
    }
}

/// Runs the program: from the arguments to the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    with_panic_hook(|| {
        let args: Vec<OsString> = args.into_iter().collect();
        let command = match parse(args.clone()) {
            Ok(command) => command,
            Err(code) => return code,
        };
        if let Some(code) = run_in_background(&command, &args) {
            return code;
        }
        disable_core_dumps();
        let ui = command.ui();
        let kind = command.kind();
        let verbosity = Verbosity::from(command.output());
        trace(verbosity.verbose);
        // Completions run while the user types: they ask nothing.
        let is_silent = matches!(command, Command::Complete(_));
        // ssh has the terminal, and has perhaps given it back to the shell already.
        let is_proxy = matches!(command, Command::Proxy(_));
        let interaction = if is_silent { credentials::silent() } else { credentials::interaction(&ui) };
        let ctx = Ctx::new(ui, interaction);
        let ui = &ctx.ui;
        let result = run(&ctx, command);
        raw::restore();
        ui.set_raw(false);
        ui.clear_progress();
        ExitCode::from(match result {
            Ok(code) => code,
            Err(error) if is_proxy && matches!(error.kind, ErrorKind::Interrupted(_)) => error.exit_code(kind),
            Err(error) => {
                report(ui, verbosity, &error);
                error.exit_code(kind)
            }
        })
    })
}

/// For `-f`: has a child do the work, and returns once it goes on in the background, or has ended.
fn run_in_background(command: &Command, args: &[OsString]) -> Option<ExitCode> {
    let Command::Ssh(ssh) = command else { return None };
    if !ssh.background || background::is_child() {
        return None;
    }
    match background::run_in_child(args) {
        Ok(None) => Some(ExitCode::SUCCESS),
        Ok(Some(status)) => Some(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255))),
        Err(error) => {
            let error = CommandError::failed("cannot go to the background").cause(error.to_string());
            report(&command.ui(), Verbosity::default(), &error);
            Some(ExitCode::from(255))
        }
    }
}

/// Runs `program` with a panic hook that, for a panic on any thread, restores the terminal, reports an internal error
/// and exits with 255 at once. Nothing is unwound: the release build has no unwind tables.
pub fn with_panic_hook(program: impl FnOnce() -> ExitCode) -> ExitCode {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    std::panic::set_hook(Box::new(|panic| {
        // The first panic ends the program; a later one must neither interrupt nor repeat that.
        while PANICKED.swap(true, Ordering::Relaxed) {
            std::thread::park();
        }
        raw::restore();
        let ui = Ui::without_stdout(Verbosity::default(), terminal_width);
        ui.clear_progress();
        let shut_down = shut_down_after_panic();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let words = panic.payload_as_str().unwrap_or("no message");
        let error = CommandError::failed("internal error (panic)")
            .cause(format!("{words} ({place})"))
            .hint("report it with the output of: ec2ssh -vv …");
        report(&ui, Verbosity::default(), &error);
        shut_down.wait();
        std::process::exit(255);
    }));
    program()
}

/// Returns the command tree, for the completion scripts and their test.
pub fn command() -> clap::Command {
    App::command()
}

fn parse(args: Vec<OsString>) -> Result<Command, ExitCode> {
    let args = subcommand_first(args);
    let kind = args.get(1).and_then(|word| word.to_str()).map_or(CommandKind::Session, kind_of);
    match App::try_parse_from(args) {
        Ok(app) => Ok(app.command.unwrap_or_else(|| Command::Ssh(Box::new(app.ssh)))),
        Err(error) => {
            match lacking_option(&error).filter(|_| kind == CommandKind::Session) {
                Some(error) => {
                    report(&Ui::without_stdout(Verbosity::default(), terminal_width), Verbosity::default(), &error)
                }
                None => drop(error.print()),
            }
            let code = if error.use_stderr() { CommandError::new(ErrorKind::Usage, "").exit_code(kind) } else { 0 };
            Err(ExitCode::from(code))
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

/// Writes the libraries' tracing to standard error for `-vv` and more. Never finer than debug, because trace events
/// contain payloads, and without the modules that sign requests.
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

fn run(ctx: &Ctx, command: Command) -> Result<u8, CommandError> {
    #[cfg(unix)]
    if let Command::HoldKey(args) = &command {
        return hold_key::run(args);
    }
    if let Some(Err(error)) = store::cache_folder().map(|folder| check_owner(&folder)) {
        ctx.ui.notice(&format!("Warning: the cache is not used: {error}"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let mut fatal =
            if command.is_run_by_ssh() { TerminationSignals::without_hangup() } else { TerminationSignals::install() }?;
        let result = tokio::select! {
            result = dispatch_with_login(ctx, command) => result,
            signal = fatal.wait() => Err(CommandError::new(ErrorKind::Interrupted(signal), "")),
        };
        shut_down().await;
        result
    });
    // A blocking read from the terminal cannot be cancelled and must not delay the exit.
    runtime.shutdown_background();
    result
}

/// Runs the command, and once more after an expired login was renewed.
async fn dispatch_with_login(ctx: &Ctx, command: Command) -> Result<u8, CommandError> {
    match dispatch(ctx, command.clone()).await {
        Err(error) if offer_login(&ctx.ui, &error).await => dispatch(ctx, command).await,
        other => other,
    }
}

async fn dispatch(ctx: &Ctx, command: Command) -> Result<u8, CommandError> {
    match command {
        Command::Ssh(args) => Box::pin(ssh::run(ctx, *args)).await,
        Command::Proxy(args) => Box::pin(proxy::run(ctx, *args)).await,
        #[cfg(unix)]
        Command::Forward(args) => Box::pin(forward::run(ctx, *args)).await,
        #[cfg(unix)]
        Command::Rdp(args) => Box::pin(rdp::run(ctx, *args)).await,
        #[cfg(unix)]
        Command::Serial(args) => Box::pin(serial::run(ctx, *args)).await,
        #[cfg(unix)]
        Command::Ssm(args) => Box::pin(ssm::run(ctx, *args)).await,
        Command::List(args) => Box::pin(list::run(ctx, args)).await,
        Command::Info(args) => Box::pin(info::run(ctx, *args)).await,
        Command::Doctor(args) => Box::pin(doctor::run(ctx, *args)).await,
        Command::Metadata(args) => Box::pin(metadata::run(ctx, *args)).await,
        Command::KnownHosts(args) => Box::pin(known_hosts::run(ctx, args)).await,
        #[cfg(unix)]
        Command::Config(args) => config::run(&ctx.ui, args),
        #[cfg(unix)]
        Command::HoldKey(_) => unreachable!("it runs before the runtime is made"),
        Command::Complete(args) => {
            let mut tree = App::command();
            // This adds the subcommand `help`.
            tree.build();
            Box::pin(complete::run(ctx, args, &tree)).await
        }
        Command::Completions(args) => completions::run(&ctx.ui, args, App::command()),
    }
}

/// Returns the width of the terminal in columns, if there is one.
fn terminal_width() -> Option<usize> {
    raw::size().map(|size| size.columns.into())
}

/// The signal of Ctrl-C.
const SIGINT: u8 = 2;

fn report(ui: &Ui, verbosity: Verbosity, error: &CommandError) {
    if let ErrorKind::Interrupted(signal) = error.kind {
        // The terminal has echoed ^C, and the shell's prompt comes next.
        if signal == SIGINT {
            ui.start_new_line();
        }
        return;
    }
    let error = &error.clone().or_shortage();
    if let Some(table) = &error.table {
        ui.table(table);
    }
    if let Some(finding) = &error.finding {
        ui.step(&format!("finding: {}", finding.code()));
    }
    if verbosity.verbose > 1 {
        sources(error).iter().for_each(|source| ui.step(&format!("source: {source}")));
    }
    ui.error(&error.message, &error.causes, &error.hints);
}

/// Returns the message of the error that is reported and of its sources, outermost first.
fn sources(error: &CommandError) -> Vec<String> {
    let first = error.source.as_deref().map(|source| source as &dyn std::error::Error);
    std::iter::successors(first, |error| error.source()).map(ToString::to_string).collect()
}
