//! Reads and writes ec2ssh's own known_hosts file, in OpenSSH's format (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), in the
//! data folder. The instance's id takes the place of the host name, so that a reused IP address neither raises a false
//! alarm nor is trusted by mistake. The comment of a line says how its key came to be trusted.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::lines::at_port;
use crate::ssh::host_key::{Entry, PublicKey, fingerprint, same_kind};
use crate::store;

/// The file, in the same folder, for an ssh that cannot ask ec2ssh for host keys; its lines use the host name that ssh
/// uses.
pub(crate) const OPENSSH_FILE: &str = "openssh_known_hosts";

/// A key of an instance in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The number of the line, from 1.
    pub line: usize,
    /// The key; its comment says how it came to be trusted.
    pub key: PublicKey,
}

/// A line of the file, for display and for JSON.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Listed {
    /// The instance's id, with the port if it is not 22, or any other marker and host pattern of the line.
    #[serde(rename = "instance")]
    pub alias: String,
    /// The name of the algorithm, for example `ssh-ed25519`.
    pub algorithm: String,
    /// The fingerprint of the key: `SHA256:…`.
    pub fingerprint: String,
    /// How and when the key came to be trusted.
    #[serde(rename = "trustedBy")]
    pub comment: String,
}

/// The known_hosts file of ec2ssh, which need not exist.
#[derive(Clone, Debug)]
pub(crate) struct KnownHosts {
    path: PathBuf,
}

impl KnownHosts {
    /// Returns the file at this path, without reading it.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Returns the file of the current user; `None` if there is no data folder.
    pub(crate) fn of_the_user() -> Option<Self> {
        Some(Self::at(store::data_folder()?.join("known_hosts")))
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the content of the file; empty if the file does not exist.
    ///
    /// # Errors
    /// If the file exists but cannot be read: to continue without it would mean to trust any server.
    pub(crate) fn text(&self) -> io::Result<String> {
        store::owner::check_owner(self.path.parent().unwrap_or(&self.path))?;
        match std::fs::read_to_string(&self.path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(String::new())
            }
            other => other,
        }
    }

    /// Returns all keys known for this alias.
    ///
    /// # Errors
    /// The errors of [`KnownHosts::text`] and [`parse`].
    pub(crate) fn keys(&self, alias: &str) -> io::Result<Vec<Known>> {
        parse(&self.text()?, alias)
    }

    /// Adds those keys of one server that are not in the file yet, under a file lock, because other processes may do
    /// the same. The comment says how the keys came to be trusted.
    ///
    /// # Errors
    /// I/O errors, and `AlreadyExists` if another process stored a different key for this alias since the check.
    pub(crate) fn add(&self, alias: &str, keys: &[PublicKey], comment: &str) -> io::Result<()> {
        store::under_lock(&self.path, || {
            let known = self.keys(alias)?;
            let is_known = |key: &&PublicKey| known.iter().any(|known| known.key.key_data() == key.key_data());
            // The check found no such key a moment ago: two first contacts have reached two different servers.
            let clashes =
                |key: &PublicKey| known.iter().find(|known| same_kind(&known.key.algorithm(), &key.algorithm()));
            let agrees = known.is_empty() || keys.iter().any(|key| is_known(&key));
            let missing: Vec<&PublicKey> = keys.iter().filter(|key| !is_known(key)).collect();
            let other = missing.iter().find_map(|key| clashes(key)).or(if agrees { None } else { known.first() });
            if let Some(other) = other {
                let text = format!("line {}: another process has stored a different key for {alias}", other.line);
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
            }
            let lines: Vec<String> = missing.iter().map(|key| line(alias, key, comment)).collect::<io::Result<_>>()?;
            if lines.is_empty() { Ok(()) } else { store::append_line(&self.path, &lines.join("\n")) }
        })
    }

    /// Removes all keys of this instance, at any port; returns the number of removed lines.
    ///
    /// # Errors
    /// The I/O error of reading or writing the file.
    pub(crate) fn forget(&self, instance_id: &str) -> io::Result<usize> {
        store::under_lock(&self.path, || {
            let text = self.text()?;
            let is_its = |line: &&str| !line.trim_start().starts_with(['#', '@']) && names_instance(line, instance_id);
            let kept: Vec<&str> = text.lines().filter(|line| !is_its(line)).collect();
            let forgotten = text.lines().count() - kept.len();
            if forgotten > 0 {
                let mut text = kept.join("\n");
                text.push_str(if text.is_empty() { "" } else { "\n" });
                store::replace(&self.path, text.as_bytes())?;
            }
            Ok(forgotten)
        })
    }

    /// Returns every key in the file, except lines that cannot be parsed.
    ///
    /// # Errors
    /// The errors of [`KnownHosts::text`].
    pub(crate) fn list(&self) -> io::Result<Vec<Listed>> {
        let text = self.text()?;
        let listed = text.lines().filter_map(|line| {
            let entry = Entry::from_str(line.trim()).ok()?;
            let marker = entry.marker().map(|marker| format!("{marker} ")).unwrap_or_default();
            let key = entry.public_key();
            Some(Listed {
                alias: format!("{marker}{}", entry.host_patterns().to_string()),
                algorithm: key.algorithm().to_string(),
                fingerprint: fingerprint(key),
                comment: key.comment().as_str_lossy().to_owned(),
            })
        });
        Ok(listed.collect())
    }
}

fn line(alias: &str, key: &PublicKey, comment: &str) -> io::Result<String> {
    let mut bare = key.clone();
    bare.set_comment(comment);
    Ok(format!("{alias} {}", bare.to_openssh().map_err(io::Error::other)?.trim_end()))
}

/// Whether the line is for this instance, at any port.
fn names_instance(line: &str, instance_id: &str) -> bool {
    let field = line.split_whitespace().next().unwrap_or_default();
    let with_port = format!("[{instance_id}]:");
    field.split(',').any(|name| name == instance_id || name.starts_with(&with_port))
}

/// Returns the alias of an instance: its id, with the port in OpenSSH's notation if it is not 22.
pub(crate) fn alias(instance_id: &str, port: u16) -> String {
    at_port(instance_id, port)
}

/// Parses a host key as a user would copy it: `type base64 [comment]`.
pub(crate) fn public_key(typed: &str) -> Option<PublicKey> {
    PublicKey::from_openssh(&typed.split_whitespace().collect::<Vec<_>>().join(" ")).ok()
}

/// Returns the keys of the lines for exactly this alias. Lines for other aliases are ignored, whatever they contain;
/// lines with a marker are read by [`super::lines`].
///
/// # Errors
/// `InvalidData` for a line of this alias that cannot be parsed, and for any line with a hashed host: to skip it would
/// make a known instance look like a new one.
pub(crate) fn parse(text: &str, alias: &str) -> io::Result<Vec<Known>> {
    let mut known = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("line {number} {why}"));
        let first = line.split_whitespace().next().unwrap_or_default();
        if first.is_empty() || first.starts_with(['#', '@']) {
            continue;
        }
        if first.starts_with('|') {
            return Err(bad("has a hashed host name, which is not supported in this file"));
        }
        if !first.split(',').any(|name| name == alias) {
            continue;
        }
        match Entry::from_str(line) {
            Ok(entry) => known.push(Known { line: number, key: entry.public_key().clone() }),
            Err(error) => return Err(bad(&format!("cannot be parsed: {error}"))),
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests;
