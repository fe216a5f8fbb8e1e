//! `ec2ssh ssm TARGET [COMMAND...]`: a shell or a command through Session Manager, without port, user, key or sshd.

mod attempts;
mod command;
mod stdin;
mod terminal;

use clap::Args;

use super::options::{FindArgs, settings};
use super::prompts::prompter;
use crate::aws::sessions::Document;
use crate::config::Escape;
use crate::connect;
use crate::context::Ctx;
use crate::error::CommandError;
use crate::settings::Settings;
use crate::ssm::command::end_mark::EndMark;
use crate::ssm::command::random_mark;
use crate::target::{self, Target};
use crate::terminal::raw;

use stdin::has_input;
use terminal::Ending;

/// The arguments of `ec2ssh ssm`.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct SsmArgs {
    #[command(flatten)]
    pub find: FindArgs,
    /// Run COMMAND in a terminal of its own
    #[arg(short = 't', long = "tty")]
    pub tty: bool,
    /// Do not read standard input; needed in a loop that reads from it
    #[arg(short = 'n', long = "no-stdin")]
    pub no_stdin: bool,
    /// Set the escape character: a character, ^ and a letter, or none
    #[arg(short = 'e', long, value_name = "CHAR", value_parser = Escape::parse)]
    pub escape_char: Option<Escape>,
    /// Use this document of Session Manager, instead of the account's for shells
    #[arg(long, value_name = "NAME", conflicts_with_all = ["command", "tty"])]
    pub document: Option<String>,
    /// Set a parameter of the document; several times for a list
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter, requires = "document")]
    pub parameter: Vec<(String, String)>,
    /// Have the service record this reason for the session
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: Option<String>,
    /// Request just-in-time access for this reason where StartSession is denied, and wait for the approval
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub request_access: Option<String>,
    /// Id (also mi-…, of a managed node), address, DNS name, tag:KEY=VALUE, asg:NAME, or Name tag
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// Run this command instead of a shell
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    pub command: Vec<String>,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Checks a reason: StartSession takes 1 to 256 characters.
fn reason(text: &str) -> Result<String, String> {
    let fits = (1..=256).contains(&text.chars().count());
    if fits { Ok(text.to_owned()) } else { Err("a reason has 1 to 256 characters".to_owned()) }
}

impl SsmArgs {
    fn settings(&self, ctx: &Ctx) -> Result<(Settings, Option<&str>), CommandError> {
        let managed = Some(self.target.as_str()).filter(|target| target::is_managed_node(target));
        // The selector of a managed node is not looked up; it names the tables of the config file.
        let selector = managed.map(|id| id.replacen("mi-", "i-", 1));
        let target: Target = selector.as_deref().unwrap_or(&self.target).parse()?;
        let mut typed = self.find.typed();
        typed.options.escape_char = self.escape_char;
        Ok((settings(ctx, target, typed)?, managed))
    }

    /// Returns the document that was named, with its parameters.
    fn document(&self) -> Document {
        let mut parameters: Vec<(String, Vec<String>)> = Vec::new();
        for (name, value) in &self.parameter {
            match parameters.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => values.push(value.clone()),
                None => parameters.push((name.clone(), vec![value.clone()])),
            }
        }
        Document { name: self.document.clone(), parameters, reason: self.reason.clone() }
    }
}

/// Runs the session and returns the exit status for this process.
///
/// # Errors
/// The node is not found, no session can be started, or the service ended it.
pub(crate) async fn run(ctx: &Ctx, args: SsmArgs) -> Result<u8, CommandError> {
    let ui = &ctx.ui;
    let (settings, managed) = args.settings(ctx)?;
    let escape = match settings.session.escape {
        Escape::Byte(byte) => Some(byte),
        Escape::None => None,
    };
    let events = prompter(ui, args.find.yes);
    ui.doing(&format!("asking AWS for {}", args.target));
    let access = args.request_access.clone();
    if let Some(user) = &settings.target.user {
        ui.notice(&format!(
            "The user {user} is not used: the account decides who runs a session (ssm-user, or Run As)."
        ));
    }
    let found = ui.watch(connect::node(&ctx.aws, settings, managed, access, &events)).await;
    let node = found.map_err(|error| CommandError::from(error).of_subcommand("ssm", ""))?;
    if !args.command.is_empty() && !args.tty {
        return command::run(ui, &node, &args.command.join(" "), args.no_stdin, &args.reason).await;
    }
    let (attempts, ending) = match (args.command.is_empty(), args.document.is_some()) {
        (false, _) => {
            let mark = random_mark();
            let line = args.command.join(" ");
            let ending = if node.is_windows { Ending::Untold } else { Ending::Mark(EndMark::new(&mark)) };
            (attempts::in_terminal(&node, &line, &mark, &args.reason), ending)
        }
        (true, false) => (attempts::shell(args.document()), Ending::Shell),
        (true, true) => (attempts::own(args.document()), Ending::Shell),
    };
    ui.doing(&format!("waiting for the SSM Agent of {}", node.id));
    let (_, session) = ui.watch(node.open(&attempts)).await?;
    let reads_stdin = session.interactive && !args.no_stdin;
    if !session.interactive && !args.no_stdin && has_input() {
        ui.notice("standard input is not sent: the document runs its command without one");
    }
    let has_terminal = session.interactive && raw::stdin_is_terminal();
    let result = terminal::run(ui, session, ending, (has_terminal, reads_stdin), escape).await;
    result.map_err(|error| node.error(error).into())
}
