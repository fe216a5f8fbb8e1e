//! `ec2ssh complete`: the instances that the word under the cursor may become, for the completion scripts. It answers at
//! once from what is kept, and has it asked for anew in the background.

use std::process::{Command as Process, Stdio};

use clap::{Args, Command};

use crate::aws::instances::Query;
use crate::aws::{Aws, Settings};
use crate::config::Config;
use crate::error::CommandError;
use crate::names::{self, Names};
use crate::ui::Ui;
use crate::when::now;

/// What the scripts say.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub struct CompleteArgs {
    /// Ask for the names, and keep them
    #[arg(long)]
    pub refresh: bool,
    #[arg(long)]
    pub profile: Option<String>,
    #[arg(long)]
    pub region: Option<String>,
    /// The words of the command line up to the cursor, the program's own left out
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// When standard output fails; in the background, when AWS cannot be asked.
pub async fn run(ui: &Ui, args: CompleteArgs, tree: &Command) -> Result<u8, CommandError> {
    if args.refresh {
        return refresh(args).await;
    }
    let Some(word) = Word::at_the_end(tree, &args.words) else { return Ok(0) };
    let configured = Config::load_default().unwrap_or_default().options_for("");
    let (profile, region) = (word.profile.or(configured.profile), word.region.or(configured.region));
    let key = names::key(profile.as_deref(), region.as_deref());
    let kept = names::kept(&key);
    let (user, beginning) = match word.text.split_once('@') {
        Some((user, name)) => (format!("{user}@"), name),
        None => (String::new(), word.text),
    };
    let lines: String = kept.beginning(beginning, now()).iter().map(|name| format!("{user}{name}\n")).collect();
    ui.out(&lines)?;
    if kept.are_due(now()) && names::note_asked(&key, now()).is_ok() {
        ask_in_the_background(profile, region);
    }
    Ok(0)
}

/// A process of its own: the shell waits for ours.
fn ask_in_the_background(profile: Option<String>, region: Option<String>) {
    let mut words = std::env::args_os();
    let Ok(program) = std::env::current_exe() else { return };
    let mut command = Process::new(program);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        command.arg0(words.next().unwrap_or_default()).process_group(0);
    }
    #[cfg(not(unix))]
    drop(words.next());
    command.args(["complete", "--refresh"]);
    for (name, value) in [("--profile", profile), ("--region", region)] {
        command.args(value.map(|value| format!("{name}={value}")));
    }
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}

async fn refresh(args: CompleteArgs) -> Result<u8, CommandError> {
    let key = names::key(args.profile.as_deref(), args.region.as_deref());
    let aws = Aws::load(Settings { profile: args.profile, region: args.region, ..Settings::default() }).await?;
    let found = aws.instances(&Query::all()).await?;
    names::keep(&key, Names::of(&found, now()))?;
    Ok(0)
}

/// The word under the cursor, where it is an INSTANCE.
#[derive(Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// As far as it is typed.
    pub text: &'a str,
    /// What `--profile` says before it.
    pub profile: Option<String>,
    /// What `--region` says before it.
    pub region: Option<String>,
}

impl<'a> Word<'a> {
    /// The last of the words, if an INSTANCE belongs there.
    pub fn at_the_end(tree: &Command, words: &'a [String]) -> Option<Self> {
        let (text, before) = words.split_last()?;
        let mut word = Self { text, profile: None, region: None };
        let mut command = tree;
        let mut takes_instance = true;
        let mut before = before.iter();
        while let Some(typed) = before.next() {
            if typed == "--" {
                // What follows is the instance itself, or already the command.
                continue;
            }
            if typed.starts_with('-') {
                let value = if takes_next(command, typed) { Some(before.next()?) } else { None };
                word.note(typed, value);
                continue;
            }
            // A subcommand stands before the instance; what comes after the instance is none.
            command = command.find_subcommand(typed).filter(|_| takes_instance || command.has_subcommands())?;
            takes_instance = command.get_positionals().any(is_instance);
        }
        (takes_instance && !text.starts_with('-')).then_some(word)
    }

    fn note(&mut self, option: &str, value: Option<&String>) {
        let (name, joined) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
        let value = joined.or(value.map(String::as_str)).map(str::to_owned);
        match name {
            "--profile" => self.profile = value,
            "--region" => self.region = value,
            _ => {}
        }
    }
}

fn is_instance(argument: &clap::Arg) -> bool {
    matches!(argument.get_id().as_str(), "instance" | "pattern")
}

/// Whether the option's value is the next word: `--region eu-west-1`, `-p 22`, but not `--region=eu-west-1` or `-p22`.
pub fn takes_next(tree: &Command, word: &str) -> bool {
    let has_value = |argument: &clap::Arg| argument.get_action().takes_values() && !argument.is_positional();
    if let Some(long) = word.strip_prefix("--") {
        return tree.get_arguments().any(|argument| argument.get_long() == Some(long) && has_value(argument));
    }
    let mut letters = word[1..].chars().peekable();
    while let Some(letter) = letters.next() {
        if tree.get_arguments().any(|argument| argument.get_short() == Some(letter) && has_value(argument)) {
            return letters.peek().is_none();
        }
    }
    false
}
