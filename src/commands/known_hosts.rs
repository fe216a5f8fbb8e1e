//! `ec2ssh known-hosts [list|forget INSTANCE|add INSTANCE KEY]`: the host keys that are trusted, for people.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::options::{AwsOptions, OutputOptions};
#[cfg(unix)]
use crate::agent::owner::Owner;
use crate::aws::{Aws, Settings};
use crate::config::{Config, Options};
use crate::connect::{self, single};
use crate::error::CommandError;
use crate::ssh::host_keys::known_hosts::{KnownHosts, OPENSSH_FILE, alias, public_key};
use crate::target::{Spec, Target};
use crate::text::{neutralise_json, shell_word};
use crate::ui::Ui;
use crate::ui::table::Table;

/// What may be typed.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub struct KnownHostsArgs {
    #[command(flatten)]
    pub output: OutputOptions,
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// What to do with them.
#[derive(Subcommand, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub enum Action {
    /// Every key, and how it came to be trusted
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget an instance's keys: it was set up anew
    Forget {
        #[command(flatten)]
        aws: AwsOptions,
        /// Its id (which needs no AWS), or as for ssh
        #[arg(value_name = "INSTANCE")]
        instance: String,
    },
    /// The lines for ssh's KnownHostsCommand: %I %H %K
    #[cfg(unix)]
    #[command(hide = true)]
    Answer {
        /// The agent of the ProxyCommand
        #[arg(long, value_name = "PATH")]
        agent: PathBuf,
        reason: String,
        name: String,
        key: String,
    },
    /// Trust a key that you have read on the instance itself
    Add {
        #[command(flatten)]
        aws: AwsOptions,
        /// Its id (which needs no AWS), or as for ssh
        #[arg(value_name = "INSTANCE[:PORT]")]
        instance: String,
        /// A line of /etc/ssh/ssh_host_*_key.pub
        #[arg(value_name = "KEY")]
        key: String,
    },
}

/// Runs it.
///
/// # Errors
/// When the file cannot be used, or AWS not be asked for a name.
pub async fn run(ui: &Ui, args: KnownHostsArgs) -> Result<u8, CommandError> {
    let file = KnownHosts::of_the_user().ok_or(connect::Error::NoDataFolder)?;
    match args.action.unwrap_or(Action::List { json: false }) {
        Action::List { json } => list(ui, &file, json),
        #[cfg(unix)]
        Action::Answer { agent, reason, name, key } => {
            let request = crate::agent::wire::HostKeysRequest { reason, name, key };
            // With a failure ssh gives up, whatever else it may know.
            match crate::agent::client::host_keys(&agent, Owner::parent(), request) {
                Ok(Ok(lines)) => ui.out(&lines).map(|()| 0).map_err(CommandError::from),
                // The ProxyCommand has said why.
                Ok(Err(_)) => Ok(1),
                Err(error) => Err(CommandError::failed("nobody answers for ssh's host keys")
                    .cause(format!("{}: {error}", agent.display()))
                    .hint("with a ProxyCommand or ProxyJump of your own: ssh -o KnownHostsCommand=none …")),
            }
        }
        Action::Forget { aws, instance } => forget(ui, &file, &id(aws, &instance.parse()?).await?),
        Action::Add { aws, instance, key } => {
            let target: Target = instance.parse()?;
            let id = id(aws, &target).await?;
            add(ui, &file, &id, target.port.unwrap_or(22), &key)
        }
    }
}

fn list(ui: &Ui, file: &KnownHosts, json: bool) -> Result<u8, CommandError> {
    let keys = file.list().map_err(|error| unusable(file, &error))?;
    if json {
        let text = serde_json::to_string_pretty(&keys).map_err(std::io::Error::other)?;
        ui.out(&(neutralise_json(&text) + "\n"))?;
        return Ok(0);
    }
    if keys.is_empty() {
        ui.notice(&format!("No host keys are known yet ({}).", file.path().display()));
        return Ok(0);
    }
    let mut table = Table::new(&["INSTANCE", "ALGORITHM", "FINGERPRINT", "TRUSTED BY"]);
    for key in keys {
        table.push(vec![key.alias, key.algorithm, key.fingerprint, key.comment]);
    }
    // Not cut to the terminal's width: half a fingerprint is none.
    ui.out(&table.render(None))?;
    Ok(0)
}

fn forget(ui: &Ui, file: &KnownHosts, id: &str) -> Result<u8, CommandError> {
    match file.forget(id).map_err(|error| unusable(file, &error))? {
        0 => {
            Err(CommandError::failed(format!("no host key of {id} is known"))
                .hint("see what is: ec2ssh known-hosts list"))
        }
        count => {
            // Its names are ssh's, not ids; it is written anew at every connection.
            let _ = std::fs::remove_file(file.path().with_file_name(OPENSSH_FILE));
            let keys = if count == 1 { "host key" } else { "host keys" };
            ui.notice(&format!("Forgot {count} {keys} of {id}."));
            Ok(0)
        }
    }
}

fn add(ui: &Ui, file: &KnownHosts, id: &str, port: u16, key: &str) -> Result<u8, CommandError> {
    let Some(key) = public_key(key) else {
        return Err(CommandError::failed("that is no host key")
            .hint("type what stands in the file on the instance, in quotes: 'ssh-ed25519 AAAA…'"));
    };
    let comment = format!("confirmed {}", crate::when::today());
    match file.add(&alias(id, port), &[key], &comment) {
        Ok(()) => ui.notice(&format!("The key is known as one of {id} now.")),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(CommandError::failed(format!("another host key of {id} is known"))
                .hint(format!("forget it first: ec2ssh known-hosts forget {id}")));
        }
        Err(error) => return Err(unusable(file, &error)),
    }
    Ok(0)
}

/// The id of the instance that is meant. An id is taken as it is: who forgets a key often does so because the instance
/// is gone.
async fn id(aws: AwsOptions, target: &Target) -> Result<String, CommandError> {
    if let Spec::Id(id) = &target.instance {
        return Ok(id.clone());
    }
    let config = Config::load_default()?;
    let typed = Options { profile: aws.profile, region: aws.region, ..Options::default() };
    let options = typed.or(&config.options_for(&target.instance.to_string()));
    let aws = Aws::load(Settings { profile: options.profile, region: options.region, ..Settings::default() }).await?;
    match single(&aws, &target.instance).await {
        Ok(instance) => Ok(instance.id),
        Err(error @ connect::Error::Several { .. }) => {
            let mut error = CommandError::from(error);
            error.hints = vec!["name one by its id, as INSTANCE".to_owned()];
            Err(error)
        }
        Err(error) => Err(error.into()),
    }
}

fn unusable(file: &KnownHosts, error: &std::io::Error) -> CommandError {
    let path: PathBuf = file.path().to_owned();
    CommandError::failed(format!("cannot use {}", path.display()))
        .cause(error.to_string())
        .hint(format!("look at it: ls -l {}", shell_word(&path.display().to_string())))
}
