//! Our own known_hosts file: OpenSSH's format (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), in our data folder, with the
//! instance's id in the place of a host name, so that an address that is used again neither alarms nor passes. How a key
//! came to be trusted is its comment.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use russh::keys::PublicKey;
use russh::keys::ssh_key::known_hosts::Entry;

use super::lines::at_port;
use super::same_kind;
use crate::store;

/// Beside ours: the file for an ssh that cannot ask us, by its own names for hosts.
pub const OPENSSH_FILE: &str = "openssh_known_hosts";

/// One key that the file has for an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The line it stands in, from 1.
    pub line: usize,
    /// The key; its comment says how it came to be trusted.
    pub key: PublicKey,
}

/// A line for a person who looks through the file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// The instance's id, with the port where that is not 22; or whatever else stands there.
    #[serde(rename = "instance")]
    pub alias: String,
    /// For example `ssh-ed25519`.
    pub algorithm: String,
    /// `SHA256:…`.
    pub fingerprint: String,
    /// How it came to be trusted.
    #[serde(rename = "trustedBy")]
    pub comment: String,
}

/// The file, which need not exist.
#[derive(Clone, Debug)]
pub struct KnownHosts {
    path: PathBuf,
}

impl KnownHosts {
    /// The file at this path.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// The user's; `None` where there is no data folder.
    pub fn of_the_user() -> Option<Self> {
        Some(Self::at(store::data_folder()?.join("known_hosts")))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it; nothing when it is not there.
    ///
    /// # Errors
    /// When the file is there but cannot be read: to go on without it would be to trust whoever answers.
    pub fn text(&self) -> io::Result<String> {
        match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            other => other,
        }
    }

    /// All keys known for this alias.
    ///
    /// # Errors
    /// As [`KnownHosts::text`] and [`parse`].
    pub fn keys(&self, alias: &str) -> io::Result<Vec<Known>> {
        parse(&self.text()?, alias)
    }

    /// Adds the keys of one server, those left out that are there already. The comment says how they came to be trusted.
    /// Others may be doing the same.
    ///
    /// # Errors
    /// As the file system says; and when the file got a key for the alias in the meantime that none of these is.
    pub fn add(&self, alias: &str, keys: &[PublicKey], comment: &str) -> io::Result<()> {
        store::under_lock(&self.path, || {
            let known = self.keys(alias)?;
            let is_known = |key: &&PublicKey| known.iter().any(|known| known.key.key_data() == key.key_data());
            // Judged new a moment ago, and now there is another: two first contacts that met two different servers.
            let clashes =
                |key: &PublicKey| known.iter().find(|known| same_kind(&known.key.algorithm(), &key.algorithm()));
            let agrees = known.is_empty() || keys.iter().any(|key| is_known(&key));
            let missing: Vec<&PublicKey> = keys.iter().filter(|key| !is_known(key)).collect();
            let other = missing.iter().find_map(|key| clashes(key)).or(if agrees { None } else { known.first() });
            if let Some(other) = other {
                let text = format!("line {} got another key for {alias} in the meantime", other.line);
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
            }
            let lines: Vec<String> = missing.iter().map(|key| line(alias, key, comment)).collect::<io::Result<_>>()?;
            if lines.is_empty() { Ok(()) } else { store::append_line(&self.path, &lines.join("\n")) }
        })
    }

    /// Takes out all keys of this instance, at whatever port; returns how many there were.
    ///
    /// # Errors
    /// As the file system says.
    pub fn forget(&self, instance_id: &str) -> io::Result<usize> {
        store::under_lock(&self.path, || {
            let text = self.text()?;
            let is_its = |line: &&str| !line.trim_start().starts_with(['#', '@']) && names(line, instance_id);
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

    /// Every key in the file, lines that cannot be read left out.
    ///
    /// # Errors
    /// As [`KnownHosts::text`].
    pub fn list(&self) -> io::Result<Vec<Listed>> {
        let text = self.text()?;
        let listed = text.lines().filter_map(|line| {
            let entry = Entry::from_str(line.trim()).ok()?;
            let marker = entry.marker().map(|marker| format!("{marker} ")).unwrap_or_default();
            let key = entry.public_key();
            Some(Listed {
                alias: format!("{marker}{}", entry.host_patterns().to_string()),
                algorithm: key.algorithm().to_string(),
                fingerprint: super::fingerprint(key),
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

/// Whether the line's names have this instance, at whatever port.
fn names(line: &str, instance_id: &str) -> bool {
    let field = line.split_whitespace().next().unwrap_or_default();
    let with_port = format!("[{instance_id}]:");
    field.split(',').any(|name| name == instance_id || name.starts_with(&with_port))
}

/// The alias of an instance: its id, with the port as OpenSSH writes it where that is not 22.
pub fn alias(instance_id: &str, port: u16) -> String {
    at_port(instance_id, port)
}

/// A host key as a person copies it: `type base64 [comment]`.
pub fn public_key(typed: &str) -> Option<PublicKey> {
    PublicKey::from_openssh(&typed.split_whitespace().collect::<Vec<_>>().join(" ")).ok()
}

/// The keys of the lines for exactly this alias. Lines for others are not looked at, whatever is in them, and those with
/// a marker are [`super::lines`]' affair.
///
/// # Errors
/// A line for this alias that cannot be used is one, and so is a hashed name: to pass it over would make a known
/// instance a new one.
pub fn parse(text: &str, alias: &str) -> io::Result<Vec<Known>> {
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
            return Err(bad("has a hashed name, which this file does not use"));
        }
        if !first.split(',').any(|name| name == alias) {
            continue;
        }
        match Entry::from_str(line) {
            Ok(entry) => known.push(Known { line: number, key: entry.public_key().clone() }),
            Err(error) => return Err(bad(&format!("cannot be read: {error}"))),
        }
    }
    Ok(known)
}
