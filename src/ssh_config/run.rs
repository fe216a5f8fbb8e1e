//! Has ssh read its files: `ssh -G NAME`, beside `ssh -F none -G NAME`, which shows what is ssh's own default and not the user's wish.
//!
//! `ssh -G` runs the commands of `Match exec`, so it is asked once, within a time limit, and never for lists or completions.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::Files;
use super::keywords::Found;

/// The time limit of ssh; the commands of `Match exec` take as long as they like.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The file of the system.
const SYSTEM_FILE: &str = "/etc/ssh/ssh_config";

/// The answer of ssh.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// What the files say.
    Found(Box<Found>),
    /// There is nothing to read.
    Nothing,
    /// Why the files are not known, for the user.
    Unknown(String),
}

/// Returns what the files say for a host name as typed.
pub(crate) async fn read(name: &str, files: &Files) -> Outcome {
    let only = match files {
        Files::None => return Outcome::Nothing,
        Files::Only(path) => Some(path.as_path()),
        Files::Usual if !has_files() => return Outcome::Nothing,
        Files::Usual => None,
    };
    // A name of ours that is no host name to ssh cannot be in its files either.
    if name.starts_with('-') || name.is_empty() {
        return Outcome::Nothing;
    }
    let both = async { tokio::try_join!(ask(only, name), ask(Some(Path::new("none")), name)) };
    match timeout(TIMEOUT, both).await {
        Ok(Ok((said, defaults))) => compare(name, only, &said, &defaults).await,
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            Outcome::Unknown("there is no ssh to read ssh_config".to_owned())
        }
        Ok(Err(error)) => Outcome::Unknown(format!("ssh cannot read ssh_config: {error}")),
        Err(_) => Outcome::Unknown(format!("ssh -G took over {} s, perhaps for a Match exec", TIMEOUT.as_secs())),
    }
}

fn has_files() -> bool {
    let own: Option<PathBuf> = dirs::home_dir().map(|home| home.join(".ssh").join("config"));
    own.is_some_and(|path| path.exists()) || Path::new(SYSTEM_FILE).exists()
}

async fn ask(file: Option<&Path>, name: &str) -> io::Result<String> {
    let mut command = Command::new("ssh");
    command.arg("-G").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    if let Some(file) = file {
        command.arg("-F").arg(file);
    }
    let output = command.arg("--").arg(name).output().await?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or("it failed").trim().to_owned();
    Err(io::Error::other(last))
}

/// Keeps the lines that are not ssh's defaults.
async fn compare(name: &str, only: Option<&Path>, said: &str, defaults: &str) -> Outcome {
    let found = difference(name, said, defaults);
    if only.is_some() || found.lacking.is_empty() {
        return Outcome::Found(Box::new(found));
    }
    // A distribution's policy of algorithms is nobody's wish for this host.
    let system = match timeout(TIMEOUT, ask(Some(Path::new(SYSTEM_FILE)), name)).await {
        Ok(Ok(system)) => difference(name, &system, defaults).lacking,
        _ => Vec::new(),
    };
    let lacking = found.lacking.iter().filter(|lacking| !system.contains(lacking)).cloned().collect();
    Outcome::Found(Box::new(Found { lacking, ..found }))
}

fn difference(name: &str, said: &str, defaults: &str) -> Found {
    let defaults: BTreeSet<&str> = defaults.lines().collect();
    let mut found = Found::default();
    let lines = said.lines().filter(|line| !defaults.contains(line));
    let lines: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(' ')).collect();
    let is_ours = lines.iter().any(|(keyword, value)| *keyword == "proxycommand" && is_own_proxy(value));
    for (keyword, value) in lines {
        let is_of_block = matches!(keyword, "proxycommand" | "identityfile" | "stricthostkeychecking");
        // An option that this version does not know yet, or a value of one, is no reason to fail.
        if !(is_ours && is_of_block) {
            let _ = found.add(keyword, value);
        }
    }
    found.host_name = found.host_name.filter(|host| !host.eq_ignore_ascii_case(name));
    found
}

/// Whether this ProxyCommand is ec2ssh itself: the block in ssh_config is for plain ssh.
fn is_own_proxy(command: &str) -> bool {
    let words = shell_words::split(command).unwrap_or_default();
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != "exec").collect();
    let [program, command, ..] = words.as_slice() else { return false };
    *command == "proxy" && Path::new(program).file_name().is_some_and(|name| name == "ec2ssh")
}

#[cfg(test)]
mod tests;
