//! Our own known_hosts file: OpenSSH's format (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), in our data folder, with the
//! instance's id in the place of a host name, so that an address that is used again neither alarms nor passes.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use russh::keys::PublicKey;
use russh::keys::ssh_key::known_hosts::Entry;

use crate::store;

/// One key that the file has for an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The line it stands in, from 1.
    pub line: usize,
    /// The key.
    pub key: PublicKey,
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

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All keys known for this alias.
    ///
    /// # Errors
    /// When the file is there but cannot be read: to go on without it would be to trust whoever answers.
    pub fn keys(&self, alias: &str) -> io::Result<Vec<Known>> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => parse(&text, alias),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Adds a key, unless it is there already. The comment says how it came to be trusted. Others may be doing the same.
    ///
    /// # Errors
    /// As the file system says.
    pub fn add(&self, alias: &str, key: &PublicKey, comment: &str) -> io::Result<()> {
        let mut bare = key.clone();
        bare.set_comment(comment);
        let line = format!("{alias} {}", bare.to_openssh().map_err(io::Error::other)?.trim_end());
        store::under_lock(&self.path, || {
            let known = self.keys(alias)?;
            if known.iter().any(|known| known.key.key_data() == key.key_data()) {
                return Ok(());
            }
            // Judged new a moment ago, and now there is another: two first contacts that met two different servers.
            if let Some(other) = known.first() {
                let text = format!("line {} got another key for {alias} in the meantime", other.line);
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
            }
            store::append_line(&self.path, &line)
        })
    }
}

/// The alias of an instance: its id, with the port as OpenSSH writes it where that is not 22.
pub fn alias(instance_id: &str, port: u16) -> String {
    if port == 22 { instance_id.to_owned() } else { format!("[{instance_id}]:{port}") }
}

/// The keys of the lines for exactly this alias. Lines for others are not looked at, whatever is in them.
///
/// # Errors
/// A line for this alias that cannot be used (damaged, or with a marker) is one, and so is a hashed name: to pass it
/// over would make a known instance a new one.
pub fn parse(text: &str, alias: &str) -> io::Result<Vec<Known>> {
    let mut known = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("line {number} {why}"));
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if first.is_empty() || first.starts_with('#') {
            continue;
        }
        let names = if first.starts_with('@') { words.next().unwrap_or_default() } else { first };
        if names.starts_with('|') {
            return Err(bad("has a hashed name, which this file does not use"));
        }
        if !names.split(',').any(|name| name == alias) {
            continue;
        }
        match Entry::from_str(line) {
            Ok(entry) if entry.marker().is_none() => {
                known.push(Known { line: number, key: entry.public_key().clone() })
            }
            Ok(_) => return Err(bad("has a marker, which is not supported here")),
            Err(error) => return Err(bad(&format!("cannot be read: {error}"))),
        }
    }
    Ok(known)
}
