//! `ec2ssh [ssh] [USER@]TARGET [COMMAND...]`: runs a shell or a command on an instance.

use clap::Args;

use super::options::{ConnectArgs, settings};
use super::prompts::prompter;
use super::session_io;
use crate::config::HostKeyPolicy;
use crate::connect;
use crate::context::Ctx;
use crate::error::{CommandError, ErrorKind};
use crate::plan::Plan;
use crate::program::{Program, Purpose};
use crate::route::Survey;
use crate::text::{sanitize_json, sanitize_lines};
use crate::ui::Ui;

/// The exit status of a root login on cloud-init images, after "Please login as the user …".
const FORCED_OTHER_USER: u8 = 142;

/// The arguments of `ec2ssh ssh` and of the short form.
#[derive(Args, Clone, Debug, Default)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct SshArgs {
    #[command(flatten)]
    pub connect: ConnectArgs,
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
    /// Compress, on every route (Session Manager always compresses)
    #[arg(short = 'C', long)]
    pub compress: bool,
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
pub(crate) async fn run(ctx: &Ctx, args: SshArgs) -> Result<u8, CommandError> {
    let ui = &ctx.ui;
    let Some(target) = &args.target else {
        return Err(CommandError::new(ErrorKind::Usage, "no TARGET given")
            .hint("ec2ssh [USER@]TARGET; list the instances: ec2ssh list"));
    };
    let mut typed = args.connect.typed(args.host_keys);
    typed.options.compress = args.compress.then_some(true);
    let settings = settings(ctx, target, typed)?;
    let events = prompter(ui, args.connect.yes);
    let begun = if settings.offline { "connecting to" } else { "asking AWS for" };
    ui.doing(&format!("{begun} {}", settings.target.selector));
    if args.dry_run {
        let (plan, survey) = ui.watch(connect::dry_run(&ctx.aws, settings, &events)).await?;
        return print_plan(ui, args.json, &plan, &survey);
    }
    let request = session_io::SessionRequest {
        program: args.program(),
        tty: args.tty,
        no_tty: args.no_tty,
        no_stdin: args.no_stdin,
    };
    let purpose = if request.wants_pty() { Purpose::Terminal } else { Purpose::Bulk };
    let (plan, connection) = ui.watch(connect::session(&ctx.aws, settings, purpose, &events)).await?;
    let result = session_io::run(ui, &connection, &request, &plan.session).await;
    connection.close().await;
    let id = &plan.route.instance.id;
    if matches!(result, Ok(FORCED_OTHER_USER)) && plan.login.user == "root" {
        ui.notice(&format!("Hint: this image does not allow the login as root: ec2ssh ubuntu@{id}"));
    }
    result.map_err(|source| {
        connect::Error::Ssh { plan: Box::new(plan.route), source: Box::new(source), failed: Vec::new() }.into()
    })
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
