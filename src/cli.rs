//! The command line: parses it, creates the [`Ui`], dispatches the command and reports errors. The only
//! place where a result becomes an exit code.

mod arguments;
mod shutdown;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::commands::background;
use crate::commands::complete;
use crate::commands::completions;
#[cfg(unix)]
use crate::commands::config;
use crate::commands::credentials::{self, offer_login};
use crate::commands::doctor;
#[cfg(unix)]
use crate::commands::forward;
#[cfg(unix)]
use crate::commands::hold_key;
use crate::commands::info;
use crate::commands::known_hosts;
use crate::commands::list;
use crate::commands::metadata;
use crate::commands::proxy;
use crate::commands::rdp;
use crate::commands::serial;
use crate::commands::ssh;
use crate::commands::ssm;
use crate::context::Ctx;
use crate::error::{CommandError, CommandKind, ErrorKind};
use crate::secret::disable_core_dumps;
use crate::store;
use crate::store::owner::check_owner;
use crate::terminal::raw;
use crate::terminal::signals::TerminationSignals;
use crate::ui::trace::SafeStderr;
use crate::ui::{Ui, Verbosity};

use arguments::{Command, Unparsed, parse, tree};
use shutdown::{shut_down, shut_down_after_panic};

/// Runs the program: from the arguments to the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    with_panic_hook(|| {
        let args: Vec<OsString> = args.into_iter().collect();
        let command = match parse(args.clone()) {
            Ok(command) => command,
            Err(unparsed) => return unparsed_exit(&unparsed),
        };
        if let Some(code) = run_in_background(&command, &args) {
            return code;
        }
        disable_core_dumps();
        let ui = ui_of(&command);
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
            report(&ui_of(command), Verbosity::default(), &error);
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
    tree()
}

/// Shows why the arguments are no command, or the help that was asked for.
fn unparsed_exit(unparsed: &Unparsed) -> ExitCode {
    match &unparsed.explained {
        Some(error) => {
            report(&Ui::without_stdout(Verbosity::default(), terminal_width), Verbosity::default(), error);
        }
        None => drop(unparsed.error.print()),
    }
    ExitCode::from(unparsed.code)
}

/// Returns the door to the user for this command.
fn ui_of(command: &Command) -> Ui {
    let verbosity = Verbosity::from(command.output());
    // A dry run opens no session, so its plan goes to standard output.
    let is_dry_run = matches!(command, Command::Ssh(args) if args.dry_run);
    match command.kind() {
        CommandKind::Session if !is_dry_run => Ui::without_stdout(verbosity, terminal_width),
        CommandKind::Session | CommandKind::Tool => Ui::new(verbosity, terminal_width),
    }
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
            let mut tree = tree();
            // This adds the subcommand `help`.
            tree.build();
            Box::pin(complete::run(ctx, args, &tree)).await
        }
        Command::Completions(args) => completions::run(&ctx.ui, args, tree()),
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
