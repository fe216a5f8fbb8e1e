//! Parses the lines of any known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): markers, patterns, hashed names.
//! Pure.

use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use wildmatch::WildMatch;

pub(crate) use crate::ssh::host_key::Marker;
use crate::ssh::host_key::{Entry, HostPatterns, PublicKey};

/// A line of the file that matches one of the requested names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The number of the line, from 1.
    pub number: usize,
    /// The marker of the line: `@cert-authority`, `@revoked`, or `None`.
    pub marker: Option<Marker>,
    /// The key, with the line's comment.
    pub key: PublicKey,
}

/// Returns the lines that match one of these names, by ssh's rules. Lines that cannot be parsed are skipped, as ssh
/// does.
pub(crate) fn matching_lines(text: &str, names: &[String]) -> Vec<Line> {
    let lines = text.lines().enumerate().filter_map(|(index, line)| {
        let entry = Entry::from_str(&single_blanks(line)?).ok()?;
        let is_ours = matches(entry.host_patterns(), names);
        is_ours.then(|| Line { number: index + 1, marker: entry.marker().copied(), key: entry.public_key().clone() })
    });
    lines.collect()
}

/// Returns the name under which ssh looks for a host at a port: `name` for port 22, else `[name]:port`.
pub(crate) fn at_port(name: &str, port: u16) -> String {
    if port == 22 { name.to_owned() } else { format!("[{name}]:{port}") }
}

/// Returns the line with single blanks between its words; `None` if the line is empty or a comment.
fn single_blanks(line: &str) -> Option<String> {
    let line = line.trim();
    let is_entry = !line.is_empty() && !line.starts_with('#');
    is_entry.then(|| line.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn matches(patterns: &HostPatterns, names: &[String]) -> bool {
    match patterns {
        HostPatterns::Patterns(patterns) => names.iter().any(|name| matches_list(patterns, name)),
        HostPatterns::HashedName { salt, hash } => names.iter().any(|name| is_hash_of(salt, hash, name)),
    }
}

/// Whether the pattern list matches the name. A matching pattern with `!` excludes the line, even if others match.
fn matches_list(patterns: &[String], name: &str) -> bool {
    let fits = |pattern: &str| WildMatch::new(&pattern.to_lowercase()).matches(&name.to_lowercase());
    let is_excluded = patterns.iter().filter_map(|pattern| pattern.strip_prefix('!')).any(fits);
    !is_excluded && patterns.iter().any(|pattern| !pattern.starts_with('!') && fits(pattern))
}

fn is_hash_of(salt: &[u8], hash: &[u8], name: &str) -> bool {
    let Ok(hmac) = Hmac::<Sha1>::new_from_slice(salt) else { return false };
    hmac.chain_update(name.to_lowercase()).verify_slice(hash).is_ok()
}
