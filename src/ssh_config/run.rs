//! Has ssh read its files: `ssh -G NAME`, beside `ssh -F none -G NAME`, which shows what is ssh's own default and not the user's wish. A
//! third one tells a user who is set from the local one, who is the default.
//!
//! `ssh -G` runs the commands of `Match exec`, so it is asked as seldom as possible, within a time limit, and never for lists or
//! completions.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
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
    /// The files were read, and say this.
    Found(Box<Found>),
    /// There is nothing to read.
    Nothing,
    /// Why the files are not known, for the user.
    Unknown(String),
    /// Why ssh does not take the files, for the user.
    Broken(String),
}

/// The host as typed, for which ssh is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host<'a> {
    /// The name, without user and port.
    pub name: &'a str,
    /// The user, if one was typed: `Match user` looks at it.
    pub user: Option<&'a str>,
    /// The port, if one was typed.
    pub port: Option<u16>,
}

/// Returns what the files say for a host as typed.
pub(crate) async fn read(host: Host<'_>, files: &Files) -> Outcome {
    let name = host.name;
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
    let all = async {
        let (said, defaults) = tokio::try_join!(ask(only, host), ask(Some(Path::new("none")), host))?;
        let line = |text: &str| text.lines().find(|line| line.starts_with("user ")).map(str::to_owned);
        let user = if line(&said) == line(&defaults) { user(only, host).await? } else { None };
        io::Result::Ok((said, defaults, user))
    };
    match timeout(TIMEOUT, all).await {
        Ok(Ok((said, defaults, user))) => {
            let mut found = compare(host, only, &said, &defaults).await;
            found.options.user = user.or(found.options.user);
            Outcome::Found(Box::new(found))
        }
        // A name of ours that can be no host's.
        Ok(Err(error)) if error.to_string().contains("invalid characters") => Outcome::Nothing,
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            Outcome::Unknown("there is no ssh to read ssh_config".to_owned())
        }
        // Some containers have users without a name, who have no files either.
        Ok(Err(error)) if error.to_string().starts_with("No user exists") => Outcome::Unknown(error.to_string()),
        Ok(Err(error)) => Outcome::Broken(format!("ssh cannot read ssh_config: {error}")),
        Err(_) => Outcome::Unknown(format!("ssh -G took over {} s, perhaps for a Match exec", TIMEOUT.as_secs())),
    }
}

fn own_file() -> Option<PathBuf> {
    dirs::home_dir().map(|home| home.join(".ssh").join("config")).filter(|path| path.exists())
}

fn has_files() -> bool {
    own_file().is_some() || Path::new(SYSTEM_FILE).exists()
}

/// A user that nobody has, for a host whose user is not set.
const NOBODY: &str = "ec2ssh-no-user";

/// Returns the user that the files set, which may be the local one: ssh's answer alone does not tell it from the default.
async fn user(only: Option<&Path>, host: Host<'_>) -> io::Result<Option<String>> {
    let Some(file) = only.map(Path::to_owned).or_else(own_file) else { return Ok(None) };
    let Some(path) = file.to_str().filter(|path| !path.contains(['"', '\n'])) else { return Ok(None) };
    let path =
        if file.is_absolute() { path.to_owned() } else { std::env::current_dir()?.join(path).display().to_string() };
    let mut config = format!("Include \"{path}\"\n");
    if only.is_none() {
        config.push_str(&format!("Include {SYSTEM_FILE}\n"));
    }
    config.push_str(&format!("Host *\nUser {NOBODY}\n"));
    let mut command = command(Some(Path::new("/dev/stdin")), host);
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(config.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    let user = said.lines().find_map(|line| line.strip_prefix("user "));
    Ok(user.filter(|user| *user != NOBODY).map(str::to_owned))
}

fn command(file: Option<&Path>, host: Host<'_>) -> Command {
    let mut command = Command::new("ssh");
    command.arg("-G").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    if let Some(file) = file {
        command.arg("-F").arg(file);
    }
    if let Some(user) = host.user {
        command.args(["-l", user]);
    }
    if let Some(port) = host.port {
        command.args(["-p", &port.to_string()]);
    }
    command.arg("--").arg(host.name);
    command
}

async fn ask(file: Option<&Path>, host: Host<'_>) -> io::Result<String> {
    let output = command(file, host).output().await?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or("it failed").trim().to_owned();
    Err(io::Error::other(last))
}

/// Keeps the lines that are not ssh's defaults.
async fn compare(host: Host<'_>, only: Option<&Path>, said: &str, defaults: &str) -> Found {
    let found = difference(host.name, said, defaults);
    if only.is_some() || found.lacking.is_empty() {
        return found;
    }
    // A distribution's policy of algorithms is nobody's wish for this host.
    let system = match timeout(TIMEOUT, ask(Some(Path::new(SYSTEM_FILE)), host)).await {
        Ok(Ok(system)) => difference(host.name, &system, defaults).lacking,
        _ => Vec::new(),
    };
    let lacking = found.lacking.iter().filter(|lacking| !system.contains(lacking)).cloned().collect();
    Found { lacking, ..found }
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
        if is_ours && is_of_block {
            continue;
        }
        if let Err(error) = found.add_line(keyword, value) {
            found.unusable.push(error.to_string());
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
