//! `ec2ssh complete`: the instances that complete the word under the cursor, for the completion scripts. It answers at
//! once from the cache, and refreshes a stale cache in the background.

use std::process::{Command as Process, Stdio};

use clap::{Args, Command};

use crate::aws::instances::Query;
use crate::aws::model::Access;
use crate::context::Ctx;
use crate::error::CommandError;
use crate::find::completion_cache::{self, CachedNames};
use crate::when::now;

/// The arguments of `ec2ssh complete`.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct CompleteArgs {
    /// Fetch the names from AWS and cache them
    #[arg(long)]
    pub refresh: bool,
    #[arg(long)]
    pub profile: Option<String>,
    #[arg(long)]
    pub region: Option<String>,
    /// Words of the command line up to the cursor, without the program's name
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

/// Prints the completions, or with `--refresh` updates the cache.
///
/// # Errors
/// Fails if standard output cannot be written; with `--refresh`, if the request to AWS fails or the cache cannot be
/// written.
pub(crate) async fn run(ctx: &Ctx, args: CompleteArgs, tree: &Command) -> Result<u8, CommandError> {
    if args.refresh {
        return refresh(ctx, args).await;
    }
    let Some(word) = CursorWord::at_cursor(tree, &args.words) else { return Ok(0) };
    let configured = ctx.options_for("").unwrap_or_default();
    let (profile, region) = (word.profile.or(configured.profile), word.region.or(configured.region));
    let key = completion_cache::key(profile.as_deref(), region.as_deref());
    let cached = completion_cache::cached(&key);
    let (user, beginning) = match word.text.split_once('@') {
        Some((user, name)) => (format!("{user}@"), name),
        None => (String::new(), word.text),
    };
    let lines: String = cached.beginning(beginning, now()).iter().map(|name| format!("{user}{name}\n")).collect();
    ctx.ui.out(&lines)?;
    if cached.needs_refresh(now()) && completion_cache::mark_refreshing(&key, now()).is_ok() {
        spawn_refresh(profile, region);
    }
    Ok(0)
}

/// Starts `complete --refresh` as a separate process, because the shell waits for this one to exit.
fn spawn_refresh(profile: Option<String>, region: Option<String>) {
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

async fn refresh(ctx: &Ctx, args: CompleteArgs) -> Result<u8, CommandError> {
    let key = completion_cache::key(args.profile.as_deref(), args.region.as_deref());
    let access = Access { profile: args.profile, region: args.region };
    let aws = ctx.aws.get(&access, false).await?;
    let found = aws.instances(&Query::all()).await?;
    completion_cache::save(&key, CachedNames::of(&found, now()))?;
    Ok(0)
}

/// The word under the cursor, in a place where a TARGET belongs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CursorWord<'a> {
    /// The part that is typed so far.
    pub text: &'a str,
    /// The value of a preceding `--profile`.
    pub profile: Option<String>,
    /// The value of a preceding `--region`.
    pub region: Option<String>,
}

impl<'a> CursorWord<'a> {
    /// Returns the last of the words, if a TARGET belongs in its place.
    pub(crate) fn at_cursor(tree: &Command, words: &'a [String]) -> Option<Self> {
        let (text, before) = words.split_last()?;
        let mut word = Self { text, profile: None, region: None };
        let mut command = tree;
        let mut takes_target = true;
        let mut before = before.iter();
        while let Some(typed) = before.next() {
            if typed == "--" {
                // The word after `--` is the target, or already part of the remote command.
                continue;
            }
            if typed.starts_with('-') {
                let value = if takes_value_from_next_word(command, typed) { Some(before.next()?) } else { None };
                word.note(typed, value);
                continue;
            }
            // A subcommand can only stand before the target; a word after the target is not a subcommand.
            command = command.find_subcommand(typed).filter(|_| takes_target || command.has_subcommands())?;
            takes_target = command.get_positionals().any(is_target);
        }
        (takes_target && !text.starts_with('-')).then_some(word)
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

fn is_target(argument: &clap::Arg) -> bool {
    matches!(argument.get_id().as_str(), "target" | "pattern")
}

/// Whether the option's value is the next word: `--region eu-west-1`, `-p 22`, but not `--region=eu-west-1` or `-p22`.
pub(crate) fn takes_value_from_next_word(tree: &Command, word: &str) -> bool {
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

#[cfg(test)]
mod tests;
