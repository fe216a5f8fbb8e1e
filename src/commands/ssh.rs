//! `ec2ssh [ssh] [USER@]TARGET [COMMAND...]`: runs a shell or a command on an instance.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use clap::Args;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::background::go_to_background;
use super::forwarding::{Forwarding, own_connection};
use super::jump;
use super::options::ConnectArgs;
use super::prompts::prompter;
use super::session_io::{self, SessionRequest};
use super::ssh_options::{Resolved, SshConfigArgs, resolve};
use crate::config::{Escape, HostKeyPolicy, RequestTty};
use crate::connect::{self, Way};
use crate::context::Ctx;
use crate::error::{CommandError, ErrorKind};
use crate::event::without_questions;
use crate::forward::opener::Opener;
use crate::forward::through_ssh::ThroughSsh;
use crate::forward_spec::{Destination, Forward, stdio};
use crate::plan::Plan;
use crate::program::{Program, Purpose};
use crate::route::Survey;
use crate::settings::{SessionSettings, Typed};
use crate::ssh;
use crate::ssh::client::Connection;
use crate::ssh_config::Found;
use crate::terminal::raw;
use crate::text::{sanitize_json, sanitize_lines};
use crate::transport::pump::{self, AfterInput};
use crate::ui::Ui;

/// The exit status of a root login on cloud-init images, after "Please login as the user …".
const FORCED_OTHER_USER: u8 = 142;

/// The arguments of `ec2ssh ssh` and of the short form.
#[derive(Args, Clone, Debug, Default)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct SshArgs {
    #[command(flatten)]
    pub connect: ConnectArgs,
    #[command(flatten)]
    pub forward: ForwardArgs,
    #[command(flatten)]
    pub config: SshConfigArgs,
    /// Handle new host keys by this policy
    #[arg(long, value_enum, value_name = "POLICY")]
    pub host_keys: Option<HostKeyPolicy>,
    /// Request a pty, also for a command; twice: even without a local terminal
    #[arg(short = 't', long = "tty", action = clap::ArgAction::Count, overrides_with = "no_tty")]
    pub tty: u8,
    /// Do not request a pty
    #[arg(short = 'T', long = "no-tty", overrides_with = "tty")]
    pub no_tty: bool,
    /// Run no command; keep the connection open
    #[arg(short = 'N', long = "no-command", conflicts_with = "command")]
    pub no_command: bool,
    /// Go to the background once logged in, with the forwards standing; needs a command or -N
    #[arg(short = 'f', long = "background")]
    pub background: bool,
    /// Request the subsystem that COMMAND names, for example sftp
    #[arg(short = 's', long = "subsystem", conflicts_with = "no_command")]
    pub subsystem: bool,
    /// Compress, on every route (Session Manager always compresses)
    #[arg(short = 'C', long)]
    pub compress: bool,
    /// Do not read standard input
    #[arg(short = 'n', long = "no-stdin")]
    pub no_stdin: bool,
    /// Set the escape character: a character, ^ and a letter, or none
    #[arg(short = 'e', long, value_name = "CHAR", value_parser = Escape::parse)]
    pub escape_char: Option<Escape>,
    /// Print the plan without connecting
    #[arg(short = 'G', long)]
    pub dry_run: bool,
    /// Print the plan as JSON (with --dry-run)
    #[arg(long, requires = "dry_run")]
    pub json: bool,
    /// Accepted as ssh does, and without effect: no X11, no GSSAPI, protocol 2
    #[arg(short = 'x', short_aliases = ['k', '2'], hide = true, action = clap::ArgAction::Count)]
    pub without_effect: u8,
    /// Id, address, DNS name, tag:KEY=VALUE, asg:NAME, or Name tag (exact, prefix or glob)
    #[arg(value_name = "[USER@]TARGET[:PORT]")]
    pub target: Option<String>,
    /// Run this command instead of a shell
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    pub command: Vec<String>,
}

/// The options of ssh for forwarding.
#[derive(Args, Clone, Debug, Default)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct ForwardArgs {
    /// Forward a port from here: PORT:HOST:PORT, PORT (the same there), :PORT (any free one here), or socket paths
    #[arg(short = 'L', help_heading = "Forwarding", value_name = "SPEC", value_parser = Forward::local)]
    pub local: Vec<Forward>,
    /// Forward a port of the instance to here: PORT:HOST:PORT, socket paths, or PORT (SOCKS there)
    #[arg(short = 'R', help_heading = "Forwarding", value_name = "SPEC", value_parser = Forward::remote)]
    pub remote: Vec<Forward>,
    /// Forward wherever the clients of this port ask to go (SOCKS 4a and 5)
    #[arg(short = 'D', help_heading = "Forwarding", value_name = "[ADDRESS:]PORT", value_parser = Forward::dynamic)]
    pub dynamic: Vec<Forward>,
    /// Connect standard input and output to a port that the instance reaches, or to its Unix socket
    #[arg(short = 'W', help_heading = "Forwarding", value_name = "HOST:PORT", value_parser = stdio, conflicts_with_all = ["command", "subsystem"])]
    pub stdio: Option<Destination>,
    /// Go through these hosts: instances, or hosts that ssh knows
    #[arg(short = 'J', help_heading = "Forwarding", value_name = "HOST[,HOST]")]
    pub jump: Option<String>,
    /// Let other hosts connect to forwarded ports here
    #[arg(short = 'g', help_heading = "Forwarding")]
    pub gateway: bool,
    /// Let the instance use the keys of your agent
    #[arg(short = 'A', help_heading = "Forwarding", overrides_with = "no_agent")]
    pub agent: bool,
    /// Do not let the instance use the keys of your agent (the default)
    #[arg(short = 'a', help_heading = "Forwarding", overrides_with = "agent")]
    pub no_agent: bool,
}

impl ForwardArgs {
    fn add_to(&self, typed: &mut Typed) {
        let some = |forwards: &Vec<Forward>| (!forwards.is_empty()).then(|| forwards.clone());
        let options = &mut typed.options;
        options.local_forward = some(&self.local);
        options.remote_forward = some(&self.remote);
        options.dynamic_forward = some(&self.dynamic);
        options.proxy_jump.clone_from(&self.jump);
        options.gateway_ports = self.gateway.then_some(true);
        options.forward_agent = match (self.agent, self.no_agent) {
            (false, false) => None,
            (agent, _) => Some(agent),
        };
        typed.clear_forwards |= self.stdio.is_some();
    }
}

impl SshArgs {
    fn typed(&self) -> Typed {
        let mut typed = self.connect.typed(self.host_keys);
        typed.options.compress = self.compress.then_some(true);
        typed.options.escape_char = self.escape_char;
        self.forward.add_to(&mut typed);
        typed
    }

    /// Returns what to run. As in ssh, the words are joined with blanks for the remote shell.
    fn request(&self, settings: &SessionSettings, found: &Found) -> Result<SessionRequest, CommandError> {
        let no_command = self.no_command || found.no_command.unwrap_or_default();
        let subsystem = self.subsystem || found.subsystem.unwrap_or_default();
        let words = self.command.join(" ");
        let program = match (self.command.is_empty(), &settings.remote_command) {
            _ if no_command || self.forward.stdio.is_some() => Program::Nothing,
            (true, _) if subsystem => {
                return Err(CommandError::new(ErrorKind::Usage, "-s needs the name of a subsystem")
                    .hint("ec2ssh -s TARGET sftp"));
            }
            (false, _) if subsystem => Program::Subsystem(words),
            (false, Some(_)) => {
                let error = CommandError::new(
                    ErrorKind::Usage,
                    "there is a COMMAND, and a RemoteCommand in ssh_config or config.toml",
                );
                return Err(error.hint("ignore the latter: -o RemoteCommand=none"));
            }
            (false, None) => Program::Command(words),
            (true, Some(command)) => Program::Command(command.clone()),
            (true, None) => Program::Shell,
        };
        let (tty, no_tty) = match (self.tty, self.no_tty, settings.request_tty) {
            (0, false, Some(RequestTty::No)) => (0, true),
            (0, false, Some(RequestTty::Yes)) => (1, false),
            (0, false, Some(RequestTty::Force)) => (2, false),
            (tty, no_tty, _) => (tty, no_tty),
        };
        if self.background && program == Program::Shell {
            let error = CommandError::new(ErrorKind::Usage, "-f needs a command to run in the background, or -N");
            return Err(error.hint("forwards alone: ec2ssh -f -N -L 8080 TARGET"));
        }
        let no_stdin = self.no_stdin || self.background || found.no_stdin.unwrap_or_default();
        Ok(SessionRequest { program, tty, no_tty, no_stdin })
    }
}

/// Runs the session and returns the remote program's exit status.
///
/// # Errors
/// Fails if no target was given, the instance cannot be reached, the login is denied or the connection is lost.
pub(crate) async fn run(ctx: &Ctx, args: SshArgs) -> Result<u8, CommandError> {
    let ui = &ctx.ui;
    let Some(target) = &args.target else {
        return Err(CommandError::new(ErrorKind::Usage, "no TARGET given")
            .hint("ec2ssh [USER@]TARGET; list the instances: ec2ssh list"));
    };
    let typed = args.typed();
    let common = jump::Common::of(&args.config, &typed);
    let Resolved { settings, found } = resolve(ctx, target, typed, &args.config).await?;
    let mut events = prompter(ui, args.connect.yes);
    if found.batch == Some(true) {
        events = without_questions(events);
    }
    let begun = if settings.offline { "connecting to" } else { "asking AWS for" };
    if args.dry_run {
        ui.doing(&format!("{begun} {}", settings.target.selector));
        let (plan, survey) = ui.watch(connect::dry_run(&ctx.aws, settings, &events)).await?;
        return print_plan(ui, args.json, &plan, &survey);
    }
    let request = args.request(&settings.session, &found)?;
    let forwarding = Forwarding::bind(ui, &settings.session.forwards).await?;
    ui.doing(&format!("{begun} {}", settings.target.selector));
    let purpose = if request.wants_pty() { Purpose::Terminal } else { Purpose::Bulk };
    let jump = match settings.jump.clone() {
        Some(hosts) => Box::pin(jump::through(ctx, &hosts, &common, &events)).await?,
        None => None,
    };
    let way = Way { jump, key: None };
    let session = ui.watch(connect::session_by(&ctx.aws, way, settings, purpose, &events)).await?;
    let result = match &args.forward.stdio {
        Some(to) => forward_stdio(&session.connection, to).await,
        None => serve(ui, &session, &request, &forwarding, args.background).await?,
    };
    session.connection.close().await;
    let plan = &session.plan;
    let id = &plan.route.instance.id;
    if matches!(result, Ok(FORCED_OTHER_USER)) && plan.login.user == "root" {
        ui.notice(&format!("Hint: this image does not allow the login as root: ec2ssh ubuntu@{id}"));
    }
    result.map_err(|source| {
        let plan = Box::new(plan.route.clone());
        connect::Error::Ssh { plan, source: Box::new(source), failed: Vec::new() }.into()
    })
}

/// Runs the program beside what is forwarded.
async fn serve(
    ui: &Ui,
    session: &connect::Session,
    request: &SessionRequest,
    forwarding: &Forwarding,
    background: bool,
) -> Result<Result<u8, ssh::Error>, CommandError> {
    let connection = &session.connection;
    let (own, provider) = own_connection();
    let has_program = request.program != Program::Nothing;
    let opener: Arc<dyn Opener> =
        if has_program { Arc::new(own) } else { Arc::new(ThroughSsh(Arc::clone(connection))) };
    // The server's listeners need the connection at once.
    let second = if has_program && forwarding.has_remote() { Some(provider.connect(session, ui).await) } else { None };
    // Dropped at the end, which ends the forwards.
    let _forwards = forwarding.start(ui, opener, second.as_ref().unwrap_or(connection), connection).await?;
    if background {
        let keeps_output = has_program || ui.verbosity().verbose > 0;
        go_to_background(keeps_output)?;
    }
    tokio::select! {
        result = session_io::run(ui, connection, request, &session.plan.session, forwarding) => Ok(result),
        () = provider.serve(session, ui, second) => Ok(Ok(0)),
    }
}

/// Joins standard input and output to a port or socket that the instance reaches.
async fn forward_stdio(connection: &Connection, to: &Destination) -> Result<u8, ssh::Error> {
    let stream = match to {
        Destination::Tcp { host, port } => connection.open_tcp(host, *port, ("127.0.0.1", 0)).await?,
        Destination::Unix(path) => connection.open_unix(path).await?,
        Destination::Socks => return Ok(0),
    };
    let stdin = UntilClosed { stdin: tokio::io::stdin(), closed: Box::pin(stream.closed().cancelled_owned()) };
    let joined = pump::join(stdin, tokio::io::stdout(), stream, raw::close_stdout, AfterInput::Unlimited).await;
    match joined {
        Ok(()) => Ok(0),
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => Err(connection.closed().await),
        Err(source) => Err(ssh::Error::Local { stream: "standard stream", source: Arc::new(source) }),
    }
}

/// Standard input that ends when the far side takes nothing more.
struct UntilClosed {
    stdin: tokio::io::Stdin,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl AsyncRead for UntilClosed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.closed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stdin).poll_read(cx, into)
    }
}

fn print_plan(ui: &Ui, as_json: bool, plan: &Plan, survey: &Survey) -> Result<u8, CommandError> {
    let text = if as_json {
        let mut json = plan.to_json();
        survey.add_to(&mut json);
        sanitize_json(&format!("{json:#}\n"))
    } else {
        sanitize_lines(&format!("{plan}\n{survey}")) + "\n"
    };
    ui.out(&text)?;
    Ok(0)
}
