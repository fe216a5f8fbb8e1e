//! `ec2ssh [ssh] [USER@]TARGET [COMMAND...]`: runs a shell or a command on an instance.

use clap::Args;

use super::options::ConnectArgs;
use super::prompts::prompter;
use super::session_io;
use crate::config::HostKeyPolicy;
use crate::connect::{Resolved, resolve, session};
use crate::error::{CommandError, ErrorKind};
use crate::ssh::client::Purpose;
use crate::ssh::session::Program;
use crate::text::{sanitize_json, sanitize_lines};
use crate::ui::Ui;

/// The exit status of a root login on cloud-init images, after "Please login as the user …".
const FORCED_OTHER_USER: u8 = 142;

/// The arguments of `ec2ssh ssh` and of the short form.
#[derive(Args, Clone, Debug, Default)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub struct SshArgs {
    #[command(flatten)]
    pub connect: ConnectArgs,
    /// Handle new host keys by this policy
    #[arg(long, value_enum, value_name = "POLICY")]
    pub host_keys: Option<HostKeyPolicy>,
    /// Request a pty, also for a command; twice: even without a local terminal
    #[arg(short = 't', long = "tty", action = clap::ArgAction::Count, conflicts_with = "no_tty")]
    pub tty: u8,
    /// Request no pty
    #[arg(short = 'T', long = "no-tty")]
    pub no_tty: bool,
    /// Run no command; keep the connection open
    #[arg(short = 'N', long = "no-command", conflicts_with = "command")]
    pub no_command: bool,
    /// Do not read standard input
    #[arg(short = 'n', long = "no-stdin")]
    pub no_stdin: bool,
    /// Print the plan without connecting
    #[arg(long)]
    pub dry_run: bool,
    /// Print the plan as JSON (with --dry-run)
    #[arg(long, requires = "dry_run")]
    pub json: bool,
    /// Id, address, DNS name, tag:KEY=VALUE, asg:NAME, or Name tag (exact, prefix or glob)
    #[arg(value_name = "[USER@]TARGET[:PORT]")]
    pub target: Option<String>,
    /// Run this command instead of a shell
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    pub command: Vec<String>,
}

impl SshArgs {
    /// Returns the program to run. As in ssh, the words are joined with blanks for the remote shell.
    fn program(&self) -> Program {
        match (self.no_command, self.command.as_slice()) {
            (true, _) => Program::Nothing,
            (false, []) => Program::Shell,
            (false, words) => Program::Command(words.join(" ")),
        }
    }
}

/// Runs the session and returns the remote program's exit status.
///
/// # Errors
/// Fails if no target was given, the instance cannot be reached, the login is denied or the connection is lost.
pub async fn run(ui: &Ui, args: SshArgs) -> Result<u8, CommandError> {
    let Some(target) = &args.target else {
        return Err(CommandError::new(ErrorKind::Usage, "no TARGET given")
            .hint("ec2ssh [USER@]TARGET; list the instances: ec2ssh list"));
    };
    let mut wish = args.connect.wish(target)?;
    wish.request.typed.host_keys = args.host_keys;
    let events = prompter(ui, args.connect.yes);
    if args.dry_run {
        return dry_run(ui, &args, resolve(crate::connect::Wish { start: false, ..wish }, &events).await?).await;
    }
    let session_request = session_io::SessionRequest {
        program: args.program(),
        tty: args.tty,
        no_tty: args.no_tty,
        no_stdin: args.no_stdin,
    };
    if session_request.wants_pty() {
        wish.purpose = Purpose::Terminal;
    }
    let (plan, connection) = session(wish, &events).await?;
    let result = session_io::run(ui, &connection, &session_request).await;
    connection.close().await;
    if matches!(result, Ok(FORCED_OTHER_USER)) && plan.login.user == "root" {
        ui.notice(&format!("Hint: this image does not allow the login as root: ec2ssh ubuntu@{}", plan.instance.id));
    }
    result.map_err(|source| {
        crate::connect::Error::Ssh { plan: Box::new(plan), source: Box::new(source), others: Vec::new() }.into()
    })
}

async fn dry_run(ui: &Ui, args: &SshArgs, resolved: Resolved) -> Result<u8, CommandError> {
    let (plan, facts) = (&resolved.plan, resolved.survey().await);
    let text = if args.json {
        let mut json = plan.to_json();
        facts.add_to(&mut json);
        sanitize_json(&format!("{json:#}\n"))
    } else {
        sanitize_lines(&format!("{plan}\n{facts}")) + "\n"
    };
    ui.out(&text)?;
    Ok(0)
}
