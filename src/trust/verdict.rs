//! Compares the key that a server presents with the keys known for its instance. Pure.

use super::known_hosts::Known;
use crate::ssh::host_key::PublicKey;

/// Result of comparing the presented key with the known keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The file has this key.
    Known {
        /// The number of the line in the file.
        line: usize,
        /// How the key came to be trusted.
        how: String,
    },
    /// The file has no key of this instance.
    New,
    /// The file has another key of this instance.
    Changed {
        /// The number of the line in the file.
        line: usize,
        /// The key in the file.
        known: Box<PublicKey>,
    },
}

/// Compares the presented key with the keys known for the instance. Pure.
///
/// A key of an algorithm other than the known ones counts as changed: the known algorithms are offered first, so a
/// server presents another key only if it no longer has those, or if it is a different server.
pub(super) fn judge(known: &[Known], presented: &PublicKey) -> Verdict {
    if let Some(found) = known.iter().find(|known| known.key.key_data() == presented.key_data()) {
        return Verdict::Known { line: found.line, how: found.key.comment().as_str_lossy().to_owned() };
    }
    let same_algorithm = known.iter().find(|known| known.key.algorithm() == presented.algorithm());
    match same_algorithm.or(known.first()) {
        Some(other) => Verdict::Changed { line: other.line, known: Box::new(other.key.clone()) },
        None => Verdict::New,
    }
}
