//! `ec2ssh serial TARGET`: the serial console of an instance, for when its network or its sshd is gone.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::options::{FindArgs, settings};
use super::prompts::prompter;
use crate::agent::parent::SshProcess;
use crate::agent::socket::private_folder;
use crate::config::{Escape, HostKeyPolicy};
use crate::connect::{self, SerialConsole};
use crate::context::Ctx;
use crate::error::{CommandError, ErrorKind};
use crate::store;
use crate::terminal::raw;
use crate::terminal::signals::{is_orphan, stop_self};
use crate::text::{sanitize_lines, shell_word};
use crate::ui::Ui;

/// The number of lines of the console that are shown first.
const SHOWN_LINES: usize = 20;

/// The time within which a server that denies the session ends it.
const DENIED_TIMEOUT: Duration = Duration::from_secs(2);
/// The interval at which it is seen whether ssh has stopped.
const STOP_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The arguments of `ec2ssh serial`.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct SerialArgs {
    #[command(flatten)]
    pub find: FindArgs,
    /// Handle a host key that AWS has not published: auto asks, strict refuses
    #[arg(long, value_enum, value_name = "POLICY", hide_possible_values = true)]
    pub host_keys: Option<HostKeyPolicy>,
    /// Set the escape character of ssh: a character, ^ and a letter, or none
    #[arg(short = 'e', long, value_name = "CHAR", value_parser = escape)]
    pub escape_char: Option<String>,
    /// Give ssh this option, for example ProxyJump=HOST
    #[arg(short = 'o', value_name = "OPTION=VALUE")]
    pub option: Vec<String>,
    /// Give ssh this configuration file; none for no file
    #[arg(short = 'F', value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Id, address, DNS name, tag:KEY=VALUE, asg:NAME, or Name tag (exact, prefix or glob)
    #[arg(value_name = "TARGET")]
    pub target: String,
}

/// Checks an escape character as ssh does.
fn escape(text: &str) -> Result<String, String> {
    Escape::parse(text).map(|_| text.to_owned())
}

/// Opens the console and returns ssh's exit status.
///
/// # Errors
/// The instance is not found, the service refuses the key, or ssh cannot be started.
pub(crate) async fn run(ctx: &Ctx, args: SerialArgs) -> Result<u8, CommandError> {
    let ui = &ctx.ui;
    if !raw::stdin_is_terminal() {
        let error = CommandError::new(ErrorKind::Usage, "the serial console needs a terminal on standard input");
        return Err(error.hint(format!("for what it has printed: ec2ssh info --console {}", args.target)));
    }
    let mut typed = args.find.typed();
    typed.options.host_keys = args.host_keys;
    let settings = settings(ctx, args.target.parse()?, typed)?;
    let events = prompter(ui, args.find.yes);
    ui.doing(&format!("asking AWS for {}", args.target));
    let found = ui.watch(connect::serial_console(&ctx.aws, settings, &events)).await;
    let console = found.map_err(|error| CommandError::from(error).of_subcommand("serial", ""))?;
    ui.doing(&format!("connecting to {}", console.host));
    let socket = socket(&console)?;
    let mut ssh = start(&args, &console, &socket)?;
    let process = SshProcess::from_pid(ssh.pid());
    let pid = ssh.pid();
    let session = async {
        tokio::select! {
            status = ssh.0.wait() => status,
            served = console.serve(&socket, process) => {
                served?;
                ssh.0.wait().await
            }
        }
    };
    let mut logged_in = None;
    let announced = async {
        console.signed().await;
        logged_in = Some(Instant::now());
        ui.clear_progress();
        announce(ui, &args, &console);
        std::future::pending::<()>().await;
    };
    let status = tokio::select! {
        status = session => status?,
        () = follow_stops(pid) => return Ok(255),
        () = announced => return Ok(255),
    };
    ui.clear_progress();
    if let Some(refusal) = console.refusal() {
        return Err(CommandError::failed(format!("host key verification failed for {}", console.host))
            .cause(refusal.to_string())
            .hint("compare it with AWS's list: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/connect-to-serial-console.html")
            .hint(format!("if you are sure of it: ec2ssh serial {}, and answer yes", console.instance_id)));
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255);
    if code == 255 && logged_in.is_none_or(|at| at.elapsed() < DENIED_TIMEOUT) {
        return Err(not_opened(&console, logged_in.is_some()));
    }
    ui.notice(&format!("The session on the serial console of {} has ended.", console.instance_id));
    Ok(code)
}

/// Shows what the console has printed, and how the session is left.
fn announce(ui: &Ui, args: &SerialArgs, console: &SerialConsole) {
    show_output(ui, console);
    let how = match args.escape_char.as_deref().unwrap_or("~") {
        "none" => "There is no escape: it ends with the connection.".to_owned(),
        escape => format!("Leave with {escape}. after Enter; {escape}B sends a break."),
    };
    ui.notice(&format!("Serial console of {}: press Enter if it stays blank. {how}", console.instance_id));
}

/// Explains an ssh that ended before there was a session; its own words stand above.
fn not_opened(console: &SerialConsole, denied: bool) -> CommandError {
    let id = &console.instance_id;
    let error = CommandError::failed(format!("the serial console of {id} was not opened"));
    if denied {
        return error
            .cause(
                "the server ended the session at once: another one may be open, or the instance has no serial console",
            )
            .hint(format!("wait 30 s after the other session has ended, then: ec2ssh serial {id}"));
    }
    error
        .cause(format!("ssh did not come as far as the login at {}; it says why above", console.host))
        .hint("the server is reached on port 22; through a proxy: ec2ssh serial -o ProxyCommand='nc -X connect -x PROXY:3128 %h %p' TARGET")
}

/// Stops this process with ssh, which stops itself only (`~^Z`), so that the shell gets its terminal back. Both are continued together.
async fn follow_stops(ssh: i32) {
    let Some(pid) = Pid::from_raw(ssh) else { return std::future::pending().await };
    let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    loop {
        sleep(STOP_POLL_INTERVAL).await;
        if !matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_))) {
            continue;
        }
        if is_orphan() {
            // No shell could continue it.
            let _ = kill_process(pid, Signal::CONT);
        } else {
            stop_self();
        }
    }
}

/// Shows the last lines that the console has: what was written before the connection is not written again.
fn show_output(ui: &Ui, console: &SerialConsole) {
    let Some(output) = &console.output else { return };
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
    if !last.is_empty() {
        ui.lines(&sanitize_lines(&last.join("\n")));
    }
}

/// Returns the path of a socket that no other session has.
fn socket(console: &SerialConsole) -> Result<PathBuf, CommandError> {
    let none =
        || CommandError::failed("there is no folder for the agent's socket").hint("set XDG_RUNTIME_DIR, or HOME");
    let folder = store::runtime_folder().ok_or_else(none)?;
    private_folder(&folder)?;
    Ok(folder.join(format!("serial-{}-{}", console.instance_id, std::process::id())))
}

/// Returns the path of this program by the name that it was called by: a link of another name may be another program.
fn own_program() -> std::io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let is_own = |path: &PathBuf| std::fs::canonicalize(path).is_ok_and(|path| path == own);
    let found = match called.components().count() {
        0 => None,
        1 => {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&folders).map(|folder| folder.join(&called)).find(is_own)
        }
        _ => std::path::absolute(&called).ok().filter(is_own),
    };
    Ok(found.unwrap_or(own))
}

/// Keeps ssh from reading a percent sign as the beginning of a token.
fn without_tokens(text: &str) -> String {
    text.replace('%', "%%")
}

/// A running ssh. It is ended with this value, so that it restores the terminal.
struct Ssh(Child);

impl Ssh {
    fn pid(&self) -> i32 {
        self.0.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default()
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        if let (Ok(None), Some(pid)) = (self.0.try_wait(), Pid::from_raw(self.pid())) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

/// Starts ssh with the key and the judgement of this process.
fn start(args: &SerialArgs, console: &SerialConsole, socket: &std::path::Path) -> Result<Ssh, CommandError> {
    let own = own_program()?;
    let (own, socket) = (shell_word(&own.display().to_string()), socket.display().to_string());
    let answer = format!(
        "{} known-hosts answer --agent {} %I %H %K",
        without_tokens(&own),
        without_tokens(&shell_word(&socket))
    );
    let mut command = Command::new("ssh");
    if let Some(file) = &args.config {
        command.arg("-F").arg(file);
    }
    if let Some(escape) = &args.escape_char {
        command.args(["-e", escape]);
    }
    command.args(args.option.iter().flat_map(|option| ["-o", option.as_str()]));
    let options = [
        format!("IdentityAgent=\"{}\"", without_tokens(&socket)),
        format!("KnownHostsCommand={answer}"),
        format!("HostKeyAlias={}", console.host),
        format!("User={}", console.user),
        // The key file and the files of known hosts that the configuration may name are for other hosts.
        "IdentitiesOnly=no".to_owned(),
        "IdentityFile=none".to_owned(),
        "UserKnownHostsFile=none".to_owned(),
        "GlobalKnownHostsFile=none".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        "UpdateHostKeys=no".to_owned(),
        "CheckHostIP=no".to_owned(),
        "VerifyHostKeyDNS=no".to_owned(),
        // What a configuration has for all hosts is not for a console.
        "ClearAllForwardings=yes".to_owned(),
        "ForwardX11=no".to_owned(),
        "RemoteCommand=none".to_owned(),
        "PermitLocalCommand=no".to_owned(),
        "PreferredAuthentications=publickey".to_owned(),
        "ControlPath=none".to_owned(),
        "ForwardAgent=no".to_owned(),
        "RequestTTY=force".to_owned(),
        "LogLevel=ERROR".to_owned(),
    ];
    command.args(options.iter().flat_map(|option| ["-o", option.as_str()])).arg("--").arg(&console.host);
    command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    let child = command.spawn().map_err(|error| {
        CommandError::new(ErrorKind::Failed, "cannot start ssh, which the serial console needs")
            .cause(error.to_string())
            .hint("install OpenSSH's client, for example: apt install openssh-client")
    })?;
    Ok(Ssh(child))
}
