//! `ec2ssh config print|install|remove`: configures OpenSSH (`ssh` and the programs that run it) to reach instances by
//! name.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, Subcommand};

use super::options::{AwsOptions, OutputOptions};
use crate::config::{AddressKind, HostKeyPolicy, Via};
use crate::error::{CommandError, ErrorKind};
use crate::openssh::block::{Block, Error as BlockError, IDS, Version, patterns_of};
use crate::openssh::file::{self, Change, with_markers};
use crate::store;
use crate::target::check_user;
use crate::text::shell_word;
use crate::trust::known_hosts::OPENSSH_FILE;
use crate::ui::Ui;

/// The arguments of `ec2ssh config`.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub output: OutputOptions,
    #[command(subcommand)]
    pub action: Action,
}

/// The actions on the ssh_config block.
#[derive(Subcommand, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) enum Action {
    /// Print the block without installing it
    Print(BlockOptions),
    /// Add the block to ~/.ssh/config, or replace the existing one
    Install {
        #[command(flatten)]
        block: BlockOptions,
        /// Show the change without making it
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove the block from ~/.ssh/config
    Remove {
        /// Show the change without making it
        #[arg(long)]
        dry_run: bool,
    },
}

/// The settings that the block contains.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct BlockOptions {
    #[command(flatten)]
    pub aws: AwsOptions,
    /// Names to treat as instances besides i-* and those of earlier installs: 'web-*', or '*.ec2' for names with that suffix
    #[arg(long = "match", value_name = "PATTERN")]
    pub patterns: Vec<String>,
    /// Log in as this user
    #[arg(short = 'l', long, value_name = "USER")]
    pub user: Option<String>,
    /// Use this route to the instances
    #[arg(long, value_enum, value_name = "ROUTE")]
    pub via: Option<Via>,
    /// Connect to this kind of address
    #[arg(long, value_enum, value_name = "KIND")]
    pub address: Option<AddressKind>,
    /// Handle new host keys by this policy
    #[arg(long, value_enum, value_name = "POLICY")]
    pub host_keys: Option<HostKeyPolicy>,
}

/// Runs the action on the block.
///
/// # Errors
/// Fails if the block cannot be built or ~/.ssh/config cannot be changed.
pub(crate) fn run(ui: &Ui, args: ConfigArgs) -> Result<u8, CommandError> {
    match args.action {
        Action::Print(options) => ui.out(&with_markers(&block(&options)?, false))?,
        Action::Install { block: mut options, dry_run } => {
            let path = path()?;
            let earlier = file::change(&path, None, true)?.old.map(|old| patterns_of(&old)).unwrap_or_default();
            options.patterns.splice(0..0, earlier.into_iter().filter(|pattern| pattern != IDS));
            let block = block(&options)?;
            let change = file::change(&path, Some(&block), dry_run)?;
            report(ui, &change, dry_run)?;
            if !dry_run {
                suggest(ui, &options);
                warn_of_other_home(ui);
            }
        }
        Action::Remove { dry_run } => {
            report(ui, &file::change(&path()?, None, dry_run)?, dry_run)?;
            warn_of_other_home(ui);
        }
    }
    Ok(0)
}

fn path() -> Result<PathBuf, CommandError> {
    let home = dirs::home_dir()
        .ok_or_else(|| CommandError::failed("cannot find the home directory").hint("export HOME=/home/you"))?;
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
        host_keys: options.host_keys,
        user: options.user.clone(),
        version: version(),
    };
    Ok(block.text()?)
}

/// Returns the path by which this program was called. A symbolic link is kept, because an update may change where it
/// points.
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

/// Returns the version of the installed ssh, which will read the block, or a recent version if there is no ssh.
fn version() -> Version {
    let output = Command::new("ssh").arg("-V").output().ok();
    output.and_then(|output| Version::parse(&String::from_utf8_lossy(&output.stderr))).unwrap_or(Version(9, 9))
}

fn report(ui: &Ui, change: &Change, dry_run: bool) -> Result<(), CommandError> {
    let path = change.path.display();
    let names = |block: &Option<String>| block.as_deref().map(patterns_of).unwrap_or_default().join(", ");
    if change.is_none() {
        ui.notice(&match &change.new {
            Some(_) => format!("{path} has this ec2ssh block already. It is for: {}", names(&change.new)),
            None => format!("{path} has no ec2ssh block: there is nothing to remove."),
        });
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
        (None, _) => format!("Added the ec2ssh block to {path}. It is for: {}", names(&change.new)),
        (_, None) => format!("Removed the ec2ssh block from {path}. It was for: {}", names(&change.old)),
        _ => format!("Updated the ec2ssh block in {path}. It is for: {}", names(&change.new)),
    });
    Ok(())
}

/// Warns where HOME is not the account's home folder (sudo, a container): ssh reads the configuration of the latter.
fn warn_of_other_home(ui: &Ui) {
    let account = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten();
    let (Some(account), Some(home)) = (account, dirs::home_dir()) else { return };
    let resolved = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if resolved(&account.dir) != resolved(&home) {
        ui.notice(&format!(
            "Warning: HOME is {}, but ssh reads {}/.ssh/config, of the account {}.",
            home.display(),
            account.dir.display().to_string().trim_end_matches('/'),
            account.name
        ));
    }
}

fn suggest(ui: &Ui, options: &BlockOptions) {
    let pattern = options.patterns.first().map_or("i-0123456789abcdef0", String::as_str);
    let name = pattern.replace('*', "NAME");
    let user = options.user.as_ref().map_or("USER@".to_owned(), |_| String::new());
    ui.notice(&format!("Connect with: ssh {user}{name}"));
}

impl From<BlockError> for CommandError {
    fn from(error: BlockError) -> Self {
        let hint = match &error {
            BlockError::Pattern(_) => {
                "use a name that may contain * and ?, but not * alone: ec2ssh config install --match 'web-*'"
            }
            BlockError::Value(_) => {
                "it contains a quote, a backslash, a $ or a control character: use another name or path"
            }
        };
        Self::new(ErrorKind::Usage, error.to_string()).hint(hint)
    }
}

impl From<file::Error> for CommandError {
    fn from(error: file::Error) -> Self {
        let message = Self::failed(error.to_string());
        match error {
            file::Error::Io { path, source } => message.cause(source.to_string()).hint(format!(
                "if another tool manages that file, give it the output of: ec2ssh config print; check the file: ls -l {}",
                shell_word(&path.display().to_string())
            )),
            file::Error::Damaged(path) => message.hint(format!(
                "fix the lines from '# >>> ec2ssh' to '# <<< ec2ssh' by hand: {}",
                shell_word(&path.display().to_string())
            )),
        }
    }
}
