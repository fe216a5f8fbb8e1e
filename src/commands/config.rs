//! `ec2ssh config print|install|remove`: has plain `ssh`, and all that runs it, reach instances by name.

use std::path::PathBuf;
use std::process::Command;

use clap::{Args, Subcommand};

use super::options::{AwsOptions, OutputOptions};
use crate::config::{AddressKind, HostKeys, Via};
use crate::error::{CommandError, Kind};
use crate::openssh::block::{Block, Error as BlockError, Policy, Version};
use crate::openssh::file::{self, Change, marked};
use crate::ssh::host_keys::known_hosts::OPENSSH_FILE;
use crate::store;
use crate::target::check_user;
use crate::text::shell_word;
use crate::ui::Ui;

/// What may be typed.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub struct ConfigArgs {
    #[command(flatten)]
    pub output: OutputOptions,
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the block.
#[derive(Subcommand, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub enum Action {
    /// Print it
    Print(BlockOptions),
    /// Write it into ~/.ssh/config, or in the place of the one there
    Install {
        #[command(flatten)]
        block: BlockOptions,
        /// Show the change, and make none
        #[arg(long)]
        dry_run: bool,
    },
    /// Take it out of ~/.ssh/config
    Remove {
        /// Show the change, and make none
        #[arg(long)]
        dry_run: bool,
    },
}

/// What the block says.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub struct BlockOptions {
    #[command(flatten)]
    pub aws: AwsOptions,
    /// Names that are instances, beside i-*: 'web-*', or '*.ec2' for any name with that suffix
    #[arg(long = "match", value_name = "PATTERN")]
    pub patterns: Vec<String>,
    /// Log in as this user
    #[arg(short = 'l', long, value_name = "USER")]
    pub user: Option<String>,
    /// How to reach the instances
    #[arg(long, value_enum, value_name = "ROUTE")]
    pub via: Option<Via>,
    /// Which address to connect to
    #[arg(long, value_enum, value_name = "KIND")]
    pub address: Option<AddressKind>,
    /// How a new host key is treated
    #[arg(long, value_enum, value_name = "POLICY")]
    pub host_keys: Option<HostKeys>,
}

/// Runs it.
///
/// # Errors
/// When the block cannot be made, or the file not be changed.
pub fn run(ui: &Ui, args: ConfigArgs) -> Result<u8, CommandError> {
    match args.action {
        Action::Print(options) => ui.out(&marked(&block(&options)?, false))?,
        Action::Install { block: options, dry_run } => {
            let block = block(&options)?;
            let change = file::change(&path()?, Some(&block), dry_run)?;
            report(ui, &change, dry_run)?;
            if !dry_run {
                suggest(ui, &options);
            }
        }
        Action::Remove { dry_run } => report(ui, &file::change(&path()?, None, dry_run)?, dry_run)?,
    }
    Ok(0)
}

fn path() -> Result<PathBuf, CommandError> {
    let home = dirs::home_dir()
        .ok_or_else(|| CommandError::failed("there is no home folder").hint("export HOME=/home/you"))?;
    Ok(home.join(".ssh/config"))
}

fn block(options: &BlockOptions) -> Result<String, CommandError> {
    if let Some(user) = &options.user {
        check_user(user)?;
    }
    let named = |name, value: Option<String>| value.map(|value| (name, value));
    let fixed = [
        named("--profile", options.aws.profile.clone()),
        named("--region", options.aws.region.clone()),
        named("--via", options.via.map(|via| via.to_string())),
        named("--address", options.address.map(|kind| kind.to_string())),
    ];
    let data = store::data_folder().ok_or(crate::connect::Error::NoDataFolder)?;
    let block = Block {
        program: program()?,
        patterns: options.patterns.clone(),
        agents: store::runtime_folder().ok_or(crate::connect::Error::NoDataFolder)?,
        known_hosts: data.join(OPENSSH_FILE),
        options: fixed.into_iter().flatten().collect(),
        host_keys: options.host_keys.map(|policy| match policy {
            HostKeys::Auto => Policy::Auto,
            HostKeys::Strict => Policy::Strict,
            HostKeys::AcceptNew => Policy::AcceptNew,
        }),
        user: options.user.clone(),
        version: version(),
    };
    Ok(block.text()?)
}

/// This program as it was called: a link that an update moves is better than where it leads today.
fn program() -> Result<PathBuf, CommandError> {
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    if called.components().count() > 1 {
        return Ok(std::path::absolute(called)?);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(&called)).find(|path| path.is_file());
    match found {
        Some(path) => Ok(std::path::absolute(path)?),
        None => Ok(std::env::current_exe()?),
    }
}

/// The ssh that will read it; where there is none, one of today.
fn version() -> Version {
    let said = Command::new("ssh").arg("-V").output().ok();
    said.and_then(|output| Version::parse(&String::from_utf8_lossy(&output.stderr))).unwrap_or(Version(9, 9))
}

fn report(ui: &Ui, change: &Change, dry_run: bool) -> Result<(), CommandError> {
    let path = change.path.display();
    if change.is_none() {
        ui.notice(&format!("{path} stays as it is."));
        return Ok(());
    }
    if dry_run {
        let signed = |sign: char, block: &Option<String>| -> String {
            block.iter().flat_map(|text| text.lines()).map(|line| format!("{sign}{line}\n")).collect()
        };
        ui.out(&format!("{path}\n{}{}", signed('-', &change.old), signed('+', &change.new)))?;
        return Ok(());
    }
    ui.notice(&match (&change.old, &change.new) {
        (None, _) => format!("Wrote a block into {path}."),
        (_, None) => format!("Took the block out of {path}."),
        _ => format!("Changed the block in {path}."),
    });
    Ok(())
}

fn suggest(ui: &Ui, options: &BlockOptions) {
    let pattern = options.patterns.first().map_or("i-0123456789abcdef0", String::as_str);
    let name = pattern.replace('*', "NAME");
    let user = options.user.as_ref().map_or("USER@".to_owned(), |_| String::new());
    ui.notice(&format!("Now: ssh {user}{name}"));
}

impl From<BlockError> for CommandError {
    fn from(error: BlockError) -> Self {
        let hint = match &error {
            BlockError::Pattern(_) => {
                "a pattern is a name with * and ?, and not * alone: ec2ssh config install --match 'web-*'"
            }
            BlockError::Value(_) => {
                "a quote, a backslash, a $ or a control character is in it: use another name or path"
            }
        };
        Self::new(Kind::Usage, error.to_string()).hint(hint)
    }
}

impl From<file::Error> for CommandError {
    fn from(error: file::Error) -> Self {
        let message = Self::failed(error.to_string());
        match error {
            file::Error::Io { path, source } => message.cause(source.to_string()).hint(format!(
                "if something else writes that file, give it this: ec2ssh config print; look at it: ls -l {}",
                shell_word(&path.display().to_string())
            )),
            file::Error::Damaged(path) => message.hint(format!(
                "mend it by hand, from '# >>> ec2ssh' to '# <<< ec2ssh': {}",
                shell_word(&path.display().to_string())
            )),
        }
    }
}
