//! `ec2ssh [ssh] [USER@]INSTANCE [COMMAND...]`: a shell or a command on an instance.

use clap::Args;

use super::answers::person;
use super::options::ConnectOptions;
use super::shell;
use crate::config::HostKeys;
use crate::connect::{Resolved, resolve, session};
use crate::error::{CommandError, Kind};
use crate::ssh::client::Purpose;
use crate::ssh::session::Program;
use crate::text::{neutralise_json, neutralise_lines};
use crate::ui::Ui;

/// The status with which cloud-init's images end a login as root, after "Please login as the user …".
const FORCED_OTHER_USER: u8 = 142;

/// What may be typed.
#[derive(Args, Clone, Debug, Default)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub struct SshArgs {
    #[command(flatten)]
    pub connect: ConnectOptions,
    /// How a new host key is treated
    #[arg(long, value_enum, value_name = "POLICY")]
    pub host_keys: Option<HostKeys>,
    /// Ask for a terminal, also for a command; twice: even without one here
    #[arg(short = 't', long = "tty", action = clap::ArgAction::Count, conflicts_with = "no_tty")]
    pub tty: u8,
    /// Ask for no terminal
    #[arg(short = 'T', long = "no-tty")]
    pub no_tty: bool,
    /// Run nothing; keep the connection
    #[arg(short = 'N', long = "no-command", conflicts_with = "command")]
    pub no_command: bool,
    /// Do not read standard input
    #[arg(short = 'n', long = "no-stdin")]
    pub no_stdin: bool,
    /// Print what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// With --dry-run: as JSON
    #[arg(long, requires = "dry_run")]
    pub json: bool,
    /// Id, address, DNS name, tag:KEY=VALUE, asg:NAME, or Name (exact, prefix or glob)
    #[arg(value_name = "[USER@]INSTANCE[:PORT]")]
    pub instance: Option<String>,
    /// Command to run instead of a shell
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    pub command: Vec<String>,
}

impl SshArgs {
    /// What to run. As ssh does, the words are joined with blanks and left to the remote shell.
    fn program(&self) -> Program {
        match (self.no_command, self.command.as_slice()) {
            (true, _) => Program::Nothing,
            (false, []) => Program::Shell,
            (false, words) => Program::Command(words.join(" ")),
        }
    }
}

/// Runs it; the exit status is the remote program's.
///
/// # Errors
/// Whatever stood in the way.
pub async fn run(ui: &Ui, args: SshArgs) -> Result<u8, CommandError> {
    let Some(instance) = &args.instance else {
        return Err(
            CommandError::new(Kind::Usage, "which instance?").hint("ec2ssh [USER@]INSTANCE; see them: ec2ssh list")
        );
    };
    let mut wish = args.connect.wish(instance)?;
    wish.request.typed.host_keys = args.host_keys;
    let events = person(ui, args.connect.yes);
    if args.dry_run {
        return dry_run(ui, &args, resolve(crate::connect::Wish { start: false, ..wish }, &events).await?).await;
    }
    let wishes = shell::Wishes { program: args.program(), tty: args.tty, no_tty: args.no_tty, no_stdin: args.no_stdin };
    if wishes.wants_pty() {
        wish.purpose = Purpose::Terminal;
    }
    let (plan, connection) = session(wish, &events).await?;
    let result = shell::run(ui, &connection, &wishes).await;
    connection.close().await;
    if matches!(result, Ok(FORCED_OTHER_USER)) && plan.login.user == "root" {
        ui.notice(&format!("Hint: this image wants another user than root: ec2ssh ubuntu@{}", plan.instance.id));
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
        neutralise_json(&format!("{json:#}\n"))
    } else {
        neutralise_lines(&format!("{plan}\n{facts}")) + "\n"
    };
    ui.out(&text)?;
    Ok(0)
}
