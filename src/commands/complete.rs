//! `ec2ssh complete`: what completes the word under the cursor, for the completion scripts. Instances come at once from the cache, and
//! a stale cache is refreshed in the background.
//!
//! The exit status tells the scripts what else to offer: 0 options and subcommands as well, [`NOTHING_ELSE`] nothing but this,
//! [`REMOTE`] nothing at all, because the word belongs to the remote command.

mod regions;

use std::collections::BTreeSet;
use std::process::{Command as Process, Stdio};

use clap::{Args, Command};

use crate::aws::environment;
use crate::aws::instances::Query;
use crate::aws::model::Access;
use crate::context::Ctx;
use crate::error::CommandError;
use crate::find::completion_cache::{self, CachedNames};
use crate::target::is_instance_id;
use crate::text::shell_word;
use crate::trust::known_hosts::KnownHosts;
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
    let (lines, status) = match Place::at_cursor(tree, &args.words) {
        Place::Target(word) => (instances(ctx, word), 0),
        Place::Profile(text) => (values(text, environment::profile_names()), NOTHING_ELSE),
        Place::Region(text) => (values(text, regions::ALL.map(str::to_owned).to_vec()), NOTHING_ELSE),
        Place::KnownHost(word) => (known_hosts(word.text), 0),
        Place::Remote => (Vec::new(), REMOTE),
        Place::Other => (Vec::new(), 0),
    };
    ctx.ui.out(&lines.iter().map(|line| format!("{line}\n")).collect::<String>())?;
    Ok(status)
}

/// The exit status if the lines are all that fits.
const NOTHING_ELSE: u8 = 4;
/// The exit status for a word of the remote command.
const REMOTE: u8 = 3;

/// Returns the instances that the word may become.
fn instances(ctx: &Ctx, word: CursorWord<'_>) -> Vec<String> {
    let configured = ctx.options_for("").unwrap_or_default();
    let (profile, region) = (word.profile.or(configured.profile), word.region.or(configured.region));
    let key = completion_cache::key(profile.as_deref(), region.as_deref());
    let cached = completion_cache::cached(&key);
    let (user, beginning) = match word.text.split_once('@') {
        Some((user, name)) => (format!("{user}@"), name),
        None => (String::new(), word.text),
    };
    if cached.needs_refresh(now()) && completion_cache::mark_refreshing(&key, now()).is_ok() {
        spawn_refresh(profile, region);
    }
    cached.beginning(beginning, now()).iter().map(|name| format!("{user}{name}")).collect()
}

/// Returns the values that the word may become, which may be `--option=VALUE`. One that would need quotes is left out.
fn values(text: &str, all: Vec<String>) -> Vec<String> {
    let (option, beginning) = match text.split_once('=') {
        Some((option, beginning)) => (format!("{option}="), beginning),
        None => (String::new(), text),
    };
    let fits =
        |value: &&String| value.starts_with(beginning) && shell_word(value) == **value && !value.starts_with('-');
    all.iter().filter(fits).map(|value| format!("{option}{value}")).collect()
}

/// Returns the ids of the instances whose host keys are known.
fn known_hosts(beginning: &str) -> Vec<String> {
    let listed = KnownHosts::of_the_user().and_then(|file| file.list().ok()).unwrap_or_default();
    let ids = listed.into_iter().filter_map(|key| {
        let name = key.alias.trim_start_matches('[');
        name.split([']', ',']).next().filter(|id| is_instance_id(id) && id.starts_with(beginning)).map(str::to_owned)
    });
    ids.collect::<BTreeSet<_>>().into_iter().collect()
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

/// The word under the cursor where an instance belongs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CursorWord<'a> {
    /// The part that is typed so far.
    pub text: &'a str,
    /// The value of a preceding `--profile`.
    pub profile: Option<String>,
    /// The value of a preceding `--region`.
    pub region: Option<String>,
}

/// The kind of word that belongs in the place of the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// An instance to connect to or to list.
    Target(CursorWord<'a>),
    /// An instance whose host key is known.
    KnownHost(CursorWord<'a>),
    /// A profile that begins like this.
    Profile(&'a str),
    /// A region that begins like this.
    Region(&'a str),
    /// A word of the remote command.
    Remote,
    /// Something that the generated part of the script knows.
    Other,
}

impl<'a> Place<'a> {
    /// Returns what belongs in the place of the last word.
    pub(crate) fn at_cursor(tree: &Command, words: &'a [String]) -> Self {
        let Some((text, before)) = words.split_last() else { return Self::Other };
        let mut word = CursorWord { text, profile: None, region: None };
        let mut command = tree;
        let mut takes_target = true;
        let mut before = before.iter();
        while let Some(typed) = before.next() {
            if typed == "--" {
                // The word after `--` is the target, or already part of the remote command.
                continue;
            }
            if typed.starts_with('-') {
                let mut value = None;
                if takes_value_from_next_word(command, typed) {
                    let Some(next) = before.next() else { return Self::value_of(typed, text) };
                    value = Some(next);
                }
                word.note(typed, value);
                continue;
            }
            let subcommand = command.find_subcommand(typed).filter(|_| takes_target || command.has_subcommands());
            let Some(subcommand) = subcommand else {
                if takes_target && matches!(command.get_name(), "ec2ssh" | "ssh") {
                    return Self::Remote;
                }
                takes_target = false;
                continue;
            };
            command = subcommand;
            takes_target = command.get_positionals().any(is_target);
        }
        match text.split_once('=') {
            Some((option, _)) if option.starts_with("--") => Self::value_of(option, text),
            _ if !takes_target || text.starts_with('-') => Self::Other,
            _ if command.get_name() == "forget" => Self::KnownHost(word),
            _ => Self::Target(word),
        }
    }

    fn value_of(option: &str, text: &'a str) -> Self {
        match option {
            "--profile" => Self::Profile(text),
            "--region" => Self::Region(text),
            _ => Self::Other,
        }
    }
}

impl CursorWord<'_> {
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
    let has_value = |argument: &clap::Arg| {
        argument.get_action().takes_values() && !argument.is_positional() && !argument.is_require_equals_set()
    };
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
