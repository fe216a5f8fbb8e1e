//! The block for ssh_config(5). Pure; rejects values that could mean something else in the file.

use std::path::PathBuf;

use crate::config::HostKeyPolicy;
use crate::text::shell_word;

/// A version of OpenSSH: major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub u16, pub u16);

/// The first version with KnownHostsCommand.
const KNOWN_HOSTS_COMMAND_SINCE: Version = Version(8, 5);
/// The first version whose IdentityAgent expands `%p`.
const AGENT_PORT_TOKEN_SINCE: Version = Version(8, 3);

/// The first version whose ProxyCommand expands `%n`.
const ORIGINAL_HOST_TOKEN_SINCE: Version = Version(8, 1);

impl Version {
    /// Parses the output of `ssh -V`: `OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15 3 Sep 2024`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once("OpenSSH_")?;
        // Windows has OpenSSH_for_Windows_9.5p1.
        let rest = rest.strip_prefix("for_Windows_").unwrap_or(rest);
        let (major, rest) = rest.split_once('.')?;
        let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

/// The contents of the block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Path of this program.
    pub program: PathBuf,
    /// Patterns for ssh_config's `Host`, without `i-*`.
    pub patterns: Vec<String>,
    /// Folder of the agents' sockets.
    pub agents: PathBuf,
    /// The known_hosts file for an ssh without KnownHostsCommand.
    pub known_hosts: PathBuf,
    /// Policy for a new host key, if not the default.
    pub host_keys: Option<HostKeyPolicy>,
    /// Further command-line options with fixed values.
    pub options: Vec<(&'static str, String)>,
    /// Login user, if it is fixed.
    pub user: Option<String>,
    /// Version of the ssh that reads the block.
    pub version: Version,
}

/// Returns the policy as ssh's StrictHostKeyChecking has it.
fn strict_host_key_checking(policy: HostKeyPolicy) -> &'static str {
    match policy {
        HostKeyPolicy::Auto => "ask",
        HostKeyPolicy::Strict => "yes",
        HostKeyPolicy::AcceptNew => "accept-new",
    }
}

/// An error in composing the block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// A pattern that ssh_config would interpret differently.
    #[error("'{0}' is not a valid host pattern for ssh_config")]
    Pattern(String),
    /// A path or value that ssh_config cannot represent.
    #[error("'{0}' cannot be written into ssh_config")]
    Value(String),
}

/// The suffix that marks any host name as an instance (pattern `*.ec2`); it is not part of the instance's name.
const SUFFIX: &str = ".ec2";

/// The pattern of instance ids, which each block has.
pub(crate) const IDS: &str = "i-*";
/// The beginning of the line with the patterns.
const MATCH: &str = "Match originalhost \"";

/// Returns the patterns that a block is for.
pub(crate) fn patterns_of(block: &str) -> Vec<String> {
    let line = block.lines().find_map(|line| line.trim_start().strip_prefix(MATCH)).unwrap_or_default();
    let hosts = line.split('"').next().unwrap_or_default();
    let is_added = |host: &str| [r"!*\", "!*'*"].contains(&host);
    hosts.split(',').filter(|host| !host.is_empty() && !is_added(host)).map(str::to_owned).collect()
}

impl Block {
    /// Returns the lines of the block. They end with `Host *`, so that the lines after it apply to every host again.
    ///
    /// # Errors
    /// Fails for a pattern or value with characters that ssh_config or a shell would interpret.
    pub(crate) fn text(&self) -> Result<String, Error> {
        let paths = [&self.program, &self.known_hosts, &self.agents].map(|path| path.display().to_string());
        paths.iter().try_for_each(|path| check_value(path))?;
        let [program, known_hosts, agents] = paths.map(|path| escape_percent(&path));
        if agents.contains('\'') {
            return Err(Error::Value(agents));
        }
        let agent = format!("{agents}/{}", if self.version < AGENT_PORT_TOKEN_SINCE { "%r@%h" } else { "%r@%h:%p" });
        let has_known_hosts_command = self.version >= KNOWN_HOSTS_COMMAND_SINCE;
        let mut lines =
            vec![self.match_line()?, format!("ProxyCommand {}", self.proxy(&program, &agent, &known_hosts)?)];
        lines.push("ProxyUseFdpass yes".to_owned());
        lines.push(format!("IdentityAgent \"{agent}\""));
        // The public key: with `IdentitiesOnly yes` ssh takes from an agent only keys that an IdentityFile names.
        lines.push(format!("IdentityFile \"{agent}.pub\""));
        lines.push("IdentitiesOnly no".to_owned());
        lines.push(if has_known_hosts_command {
            format!("KnownHostsCommand \"{program}\" known-hosts answer --agent \"{agent}\" %I %H %K")
        } else {
            format!("UserKnownHostsFile ~/.ssh/known_hosts \"{known_hosts}\"")
        });
        if let (false, Some(policy)) = (has_known_hosts_command, self.host_keys) {
            lines.push(format!("StrictHostKeyChecking {}", strict_host_key_checking(policy)));
        }
        if let Some(user) = &self.user {
            lines.push(format!("User {user}"));
        }
        Ok(lines.join("\n    ") + "\nHost *\n")
    }

    fn proxy(&self, program: &str, agent: &str, known_hosts: &str) -> Result<String, Error> {
        let mut proxy = format!("{} proxy --fdpass --agent '{agent}'", shell_word(program));
        if self.version < KNOWN_HOSTS_COMMAND_SINCE {
            proxy.push_str(&format!(" --known-hosts {}", shell_word(known_hosts)));
        }
        if self.patterns.iter().any(|pattern| pattern.ends_with(SUFFIX)) {
            proxy.push_str(&format!(" --suffix {SUFFIX}"));
        }
        if let Some(policy) = self.host_keys {
            proxy.push_str(&format!(" --host-keys {policy}"));
        }
        for (name, value) in &self.options {
            check_value(value)?;
            proxy.push_str(&format!(" {name} {}", shell_word(&escape_percent(value))));
        }
        if self.version >= ORIGINAL_HOST_TOKEN_SINCE {
            proxy.push_str(" --typed '%n'");
        }
        Ok(proxy + " -l '%r' -p '%p' -- '%h'")
    }

    /// Returns the `Match` line. A shell runs ProxyCommand, and before 9.6 ssh passed a name's special characters on to
    /// it (CVE-2023-51385). So names and users with a single quote are excluded, and those with a backslash at the end,
    /// which fish would take as an escape of the closing quote. Such a name may come from an untrusted git repository.
    fn match_line(&self) -> Result<String, Error> {
        let hosts = self.hosts()?.replace(' ', ",");
        Ok(format!(r#"{MATCH}{hosts},!*\,!*'*" user "*,!*\,!*'*""#))
    }

    fn hosts(&self) -> Result<String, Error> {
        let is_plain = |c: char| c.is_alphanumeric() || "*?!.-_:@+=[]/".contains(c);
        let mut all = vec![IDS.to_owned()];
        for pattern in &self.patterns {
            if pattern.is_empty() || pattern == "*" || !pattern.chars().all(is_plain) {
                return Err(Error::Pattern(pattern.clone()));
            }
            if !all.contains(pattern) {
                all.push(pattern.clone());
            }
        }
        Ok(all.join(" "))
    }
}

/// Checks that ssh_config can represent the value: it has no escape for quotes and expands `${…}`.
fn check_value(value: &str) -> Result<(), Error> {
    let is_bad = |c: char| c.is_control() || matches!(c, '"' | '\\' | '$');
    if value.is_empty() || value.contains(is_bad) { Err(Error::Value(value.to_owned())) } else { Ok(()) }
}

/// Escapes `%` for use in ssh_config.
fn escape_percent(value: &str) -> String {
    value.replace('%', "%%")
}

#[cfg(test)]
mod tests;
