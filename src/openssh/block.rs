//! The block for ssh_config(5). Pure; what goes into it is refused where it could mean something else there.

use std::path::PathBuf;

use crate::text::shell_word;

/// A version of OpenSSH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16);

/// From here on ssh asks a command for host keys (KnownHostsCommand).
const ASKS_A_COMMAND: Version = Version(8, 5);
/// From here on IdentityAgent knows `%p`.
const KNOWS_PORT: Version = Version(8, 3);

/// From here on ProxyCommand knows `%n`.
const KNOWS_TYPED: Version = Version(8, 1);

impl Version {
    /// From what `ssh -V` says: `OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15 3 Sep 2024`.
    pub fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once("OpenSSH_")?;
        // On Windows: OpenSSH_for_Windows_9.5p1.
        let rest = rest.strip_prefix("for_Windows_").unwrap_or(rest);
        let (major, rest) = rest.split_once('.')?;
        let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

/// What the block says.
#[derive(Clone, Debug)]
pub struct Block {
    /// This program.
    pub program: PathBuf,
    /// Patterns of ssh_config's `Host`, without `i-*`.
    pub patterns: Vec<String>,
    /// The folder for the agents' sockets.
    pub agents: PathBuf,
    /// The known_hosts file for an ssh that asks no command.
    pub known_hosts: PathBuf,
    /// How a new host key is treated.
    pub host_keys: Option<Policy>,
    /// Further options that are fixed in it, as they are typed.
    pub options: Vec<(&'static str, String)>,
    /// The login user.
    pub user: Option<String>,
    /// The ssh that reads it.
    pub version: Version,
}

/// How a new host key is treated, where that is not the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Ask, where nothing else helps.
    Auto,
    /// Refuse it.
    Strict,
    /// Take it.
    AcceptNew,
}

impl Policy {
    /// As our own option has it.
    fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Strict => "strict",
            Self::AcceptNew => "accept-new",
        }
    }

    /// As StrictHostKeyChecking has it.
    fn for_ssh(self) -> &'static str {
        match self {
            Self::Auto => "ask",
            Self::Strict => "yes",
            Self::AcceptNew => "accept-new",
        }
    }
}

/// Why there is no block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A pattern that ssh_config would read as something else.
    #[error("'{0}' is no pattern for ssh_config")]
    Pattern(String),
    /// A path or value that cannot be written there.
    #[error("'{0}' cannot be written into ssh_config")]
    Value(String),
}

/// A suffix that makes a pattern of any name, and is no part of it.
const SUFFIX: &str = ".ec2";

impl Block {
    /// The block's lines. They end with `Host *`, so that what follows them in the file is for every host again.
    ///
    /// # Errors
    /// For a pattern or value with characters that ssh_config or a shell would take for its own.
    pub fn text(&self) -> Result<String, Error> {
        let paths = [&self.program, &self.known_hosts, &self.agents].map(|path| path.display().to_string());
        paths.iter().try_for_each(|path| plain(path))?;
        let [program, known_hosts, agents] = paths.map(|path| percent(&path));
        if agents.contains('\'') {
            return Err(Error::Value(agents));
        }
        let agent = format!("{agents}/{}", if self.version < KNOWS_PORT { "%r@%h" } else { "%r@%h:%p" });
        let asks = self.version >= ASKS_A_COMMAND;
        let mut lines = vec![self.head()?, format!("ProxyCommand {}", self.proxy(&program, &agent, &known_hosts)?)];
        lines.push("ProxyUseFdpass yes".to_owned());
        lines.push(format!("IdentityAgent \"{agent}\""));
        lines.push("IdentityFile none".to_owned());
        lines.push("IdentitiesOnly no".to_owned());
        lines.push(if asks {
            format!("KnownHostsCommand \"{program}\" known-hosts answer --agent \"{agent}\" %I %H %K")
        } else {
            format!("UserKnownHostsFile ~/.ssh/known_hosts \"{known_hosts}\"")
        });
        if let (false, Some(policy)) = (asks, self.host_keys) {
            lines.push(format!("StrictHostKeyChecking {}", policy.for_ssh()));
        }
        if let Some(user) = &self.user {
            lines.push(format!("User {user}"));
        }
        Ok(lines.join("\n    ") + "\nHost *\n")
    }

    fn proxy(&self, program: &str, agent: &str, known_hosts: &str) -> Result<String, Error> {
        let mut proxy = format!("{} proxy --fdpass --agent '{agent}'", shell_word(program));
        if self.version < ASKS_A_COMMAND {
            proxy.push_str(&format!(" --known-hosts {}", shell_word(known_hosts)));
        }
        if self.patterns.iter().any(|pattern| pattern.ends_with(SUFFIX)) {
            proxy.push_str(&format!(" --suffix {SUFFIX}"));
        }
        if let Some(policy) = self.host_keys {
            proxy.push_str(&format!(" --host-keys {}", policy.word()));
        }
        for (name, value) in &self.options {
            plain(value)?;
            proxy.push_str(&format!(" {name} {}", shell_word(&percent(value))));
        }
        if self.version >= KNOWS_TYPED {
            proxy.push_str(" --typed '%n'");
        }
        Ok(proxy + " -l '%r' -p '%p' -- '%h'")
    }

    /// Which hosts it is for. ProxyCommand is a shell's, and before 9.6 ssh let its characters through to it
    /// (CVE-2023-51385): a name with a quote, or with a backslash before ours, which fish reads, is none of ours. It may come
    /// from a stranger's git repository.
    fn head(&self) -> Result<String, Error> {
        let hosts = self.hosts()?.replace(' ', ",");
        Ok(format!(r#"Match originalhost "{hosts},!*\,!*'*" user "*,!*\,!*'*""#))
    }

    fn hosts(&self) -> Result<String, Error> {
        let is_plain = |c: char| c.is_alphanumeric() || "*?!.-_:@+=[]/".contains(c);
        let mut all = vec!["i-*".to_owned()];
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

/// ssh_config has no escape for a quote, and expands `${…}`.
fn plain(value: &str) -> Result<(), Error> {
    let is_bad = |c: char| c.is_control() || matches!(c, '"' | '\\' | '$');
    if value.is_empty() || value.contains(is_bad) { Err(Error::Value(value.to_owned())) } else { Ok(()) }
}

/// A percent sign that stands for itself.
fn percent(value: &str) -> String {
    value.replace('%', "%%")
}
