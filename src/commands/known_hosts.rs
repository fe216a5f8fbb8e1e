//! `ec2ssh known-hosts [list|forget TARGET|add TARGET KEY]`: shows and changes the trusted host keys. The hidden
//! `answer` serves ssh's KnownHostsCommand.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::options::{AwsOptions, OutputOptions, lookup_error};
#[cfg(unix)]
use crate::agent::parent::SshProcess;
use crate::connect;
use crate::context::Ctx;
use crate::error::CommandError;
use crate::find::single;
use crate::table::{Column, Table};
use crate::target::{Selector, Target};
use crate::text::{sanitize_json, shell_word};
use crate::trust::certificates::{Certificates, Trusted};
use crate::trust::known_hosts::{KnownHosts, OPENSSH_FILE, alias, public_key};
use crate::ui::Ui;

/// The arguments of `ec2ssh known-hosts`.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct KnownHostsArgs {
    #[command(flatten)]
    pub output: OutputOptions,
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// The actions on the trusted host keys.
#[derive(Subcommand, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) enum Action {
    /// List every key and RDP certificate, and how it came to be trusted
    List {
        /// Print JSON for other programs
        #[arg(long)]
        json: bool,
    },
    /// Forget the keys, and the RDP certificate, of an instance that has new ones
    Forget {
        #[command(flatten)]
        aws: AwsOptions,
        /// Instance id (needs no AWS access), or any TARGET as for `ec2ssh ssh`
        #[arg(value_name = "TARGET")]
        target: String,
    },
    /// Print the lines for ssh's KnownHostsCommand: %I %H %K
    #[cfg(unix)]
    #[command(hide = true)]
    Answer {
        /// Path of the ProxyCommand's agent
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
        /// Instance id (needs no AWS access), or any TARGET as for `ec2ssh ssh`
        #[arg(value_name = "TARGET[:PORT]")]
        target: String,
        /// The line of /etc/ssh/ssh_host_*_key.pub
        #[arg(value_name = "KEY")]
        key: String,
    },
}

/// Runs the action on the known_hosts file.
///
/// # Errors
/// Fails if the known_hosts file cannot be read or written, if a target cannot be looked up in AWS, or if the agent
/// cannot be reached.
pub(crate) async fn run(ctx: &Ctx, args: KnownHostsArgs) -> Result<u8, CommandError> {
    let ui = &ctx.ui;
    let file = KnownHosts::of_the_user().ok_or(connect::Error::NoDataFolder)?;
    match args.action.unwrap_or(Action::List { json: false }) {
        Action::List { json } => list(ui, &file, json),
        #[cfg(unix)]
        Action::Answer { agent, reason, name, key } => {
            let request = crate::agent::wire::HostKeysRequest { reason, name, key };
            // If this command fails, ssh aborts the connection, even if it knows the key from another file.
            match crate::agent::client::host_keys(&agent, SshProcess::parent(), request).await {
                Ok(Ok(lines)) => ui.out(&lines).map(|()| 0).map_err(CommandError::from),
                // The ProxyCommand has already reported the reason.
                Ok(Err(_)) => Ok(1),
                Err(error) => Err(CommandError::failed("cannot reach the ec2ssh agent of this connection")
                    .cause(format!("{}: {error}", agent.display()))
                    .hint("if you set your own ProxyCommand or ProxyJump: ssh -o KnownHostsCommand=none …")),
            }
        }
        Action::Forget { aws, target } => forget(ui, &file, &id(ctx, aws, &target.parse()?).await?),
        Action::Add { aws, target, key } => {
            let target: Target = target.parse()?;
            let id = id(ctx, aws, &target).await?;
            add(ui, &file, &id, target.port.unwrap_or(22), &key)
        }
    }
}

fn list(ui: &Ui, file: &KnownHosts, json: bool) -> Result<u8, CommandError> {
    let keys = file.list().map_err(|error| known_hosts_error(file, &error))?;
    if json {
        let text = serde_json::to_string_pretty(&keys).map_err(std::io::Error::other)?;
        ui.out(&(sanitize_json(&text) + "\n"))?;
        return Ok(0);
    }
    let certificates = Certificates::of_the_user().map_or(Ok(Default::default()), |file| file.all())?;
    if keys.is_empty() && certificates.is_empty() {
        ui.notice(&format!("No host keys are known yet ({}).", file.path().display()));
        return Ok(0);
    }
    let mut table = Table::new(&["INSTANCE", "ALGORITHM", "FINGERPRINT", "TRUSTED BY"].map(Column::keep));
    for key in keys {
        table.push(vec![key.alias, key.algorithm, key.fingerprint, key.comment]);
    }
    for (id, Trusted { sha256, comment }) in certificates {
        table.push(vec![id, "RDP certificate".to_owned(), sha256, comment]);
    }
    ui.out(&table.render(ui.stdout_layout()))?;
    Ok(0)
}

fn forget(ui: &Ui, file: &KnownHosts, id: &str) -> Result<u8, CommandError> {
    let certificate = Certificates::of_the_user().map_or(Ok(false), |certificates| certificates.forget(id))?;
    if certificate {
        ui.notice(&format!("Forgot the RDP certificate of {id}."));
    }
    match file.forget(id).map_err(|error| known_hosts_error(file, &error))? {
        0 if certificate => Ok(0),
        0 => Err(CommandError::failed(format!("no host key of {id} is known"))
            .hint("list the known host keys: ec2ssh known-hosts list")),
        count => {
            // This file lists hosts by ssh's names instead of instance ids. Every connection writes it again.
            let _ = std::fs::remove_file(file.path().with_file_name(OPENSSH_FILE));
            let keys = if count == 1 { "host key" } else { "host keys" };
            ui.notice(&format!("Forgot {count} {keys} of {id}."));
            Ok(0)
        }
    }
}

fn add(ui: &Ui, file: &KnownHosts, id: &str, port: u16, key: &str) -> Result<u8, CommandError> {
    let Some(key) = public_key(key) else {
        return Err(CommandError::failed("KEY is not an SSH public key")
            .hint("copy the line from the file on the instance, in quotes: 'ssh-ed25519 AAAA…'"));
    };
    let comment = format!("confirmed {}", crate::when::today());
    match file.add(&alias(id, port), &[key], &comment) {
        Ok(()) => ui.notice(&format!("The host key of {id} is trusted now.")),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(CommandError::failed(format!("a different host key of {id} is already known"))
                .hint(format!("forget it first: ec2ssh known-hosts forget {id}")));
        }
        Err(error) => return Err(known_hosts_error(file, &error)),
    }
    Ok(0)
}

/// Returns the id of the target's instance. An id is returned without a lookup, because a key is often forgotten after
/// its instance was terminated.
async fn id(ctx: &Ctx, aws: AwsOptions, target: &Target) -> Result<String, CommandError> {
    if let Selector::Id(id) = &target.selector {
        return Ok(id.clone());
    }
    let access = aws.access(ctx, &target.selector.to_string())?;
    ctx.ui.doing(&format!("asking AWS for {}", target.selector));
    let aws = ctx.ui.watch(ctx.aws.get(&access, false)).await?;
    let found = ctx.ui.watch(single(&aws, &target.selector)).await;
    found.map(|instance| instance.id).map_err(lookup_error)
}

fn known_hosts_error(file: &KnownHosts, error: &std::io::Error) -> CommandError {
    let path: PathBuf = file.path().to_owned();
    CommandError::failed(format!("cannot use the known_hosts file {}", path.display()))
        .cause(error.to_string())
        .hint(format!("check the file: ls -l {}", shell_word(&path.display().to_string())))
}
