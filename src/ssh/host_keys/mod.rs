//! Decides whether to trust a host key.
//!
//! A revoked key is refused first. Then the sources are asked in this order: a certificate of a trusted authority
//! ([`certificate`]), ec2ssh's own file ([`known_hosts`]), the instance's console ([`console`]), the caller's
//! known_hosts files ([`lines`]), and finally the policy and the user. [`check`] asks them one after the other; this
//! file holds what they share, and is pure.

pub mod certificate;
pub mod check;
pub mod console;
pub mod known_hosts;
pub mod lines;
pub mod openssh;

use std::path::PathBuf;

use russh::keys::{Algorithm, HashAlg, PublicKey};

use console::ConsoleMatch;
use known_hosts::Known;

/// The policy for a host key that no source knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Ask the user whether to trust it.
    #[default]
    Ask,
    /// Accept it and print a notice.
    AcceptNew,
    /// Refuse it, and use only the known_hosts file of ec2ssh, certificate authorities and the console as sources.
    Strict,
}

/// Result of comparing the presented key with the known keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
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
pub fn judge(known: &[Known], presented: &PublicKey) -> Verdict {
    if let Some(found) = known.iter().find(|known| known.key.key_data() == presented.key_data()) {
        return Verdict::Known { line: found.line, how: found.key.comment().as_str_lossy().to_owned() };
    }
    let same_algorithm = known.iter().find(|known| known.key.algorithm() == presented.algorithm());
    match same_algorithm.or(known.first()) {
        Some(other) => Verdict::Changed { line: other.line, known: Box::new(other.key.clone()) },
        None => Verdict::New,
    }
}

/// A question for the user: whether a new key belongs to the instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name of the instance as the user knows it; untrusted.
    pub label: String,
    /// The id of the instance.
    pub instance_id: String,
    /// The name of the algorithm, for example `ssh-ed25519`.
    pub algorithm: String,
    /// The fingerprint of the key: `SHA256:…`.
    pub fingerprint: String,
}

/// The reason why a host key is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A different key is known for the instance.
    #[error("host key verification failed: the host key of {instance_id} has changed")]
    Changed {
        /// The id of the instance.
        instance_id: String,
        /// The file that has the other key.
        file: PathBuf,
        /// The number of the line in the file.
        line: usize,
        /// The fingerprint of the known key.
        known: String,
        /// The fingerprint of the presented key.
        presented: String,
        /// The algorithm of the presented key.
        algorithm: String,
        /// Results of comparing the presented key and the known key with the console, in this order.
        console: (ConsoleMatch, ConsoleMatch),
    },
    /// The instance printed a different key on its console.
    #[error("host key verification failed: the key presented is not the one that {instance_id} printed on its console")]
    Contradicted {
        /// The id of the instance.
        instance_id: String,
        /// The fingerprint of the presented key.
        presented: String,
        /// The algorithm of the presented key.
        algorithm: String,
        /// The algorithms and fingerprints that the console printed.
        printed: Vec<(String, String)>,
    },
    /// The presented key has an unknown format, so it cannot be compared with anything.
    #[error("host key verification failed: the key presented for {instance_id} cannot be parsed")]
    Unreadable {
        /// The id of the instance.
        instance_id: String,
    },
    /// The key is marked `@revoked` in a known_hosts file.
    #[error("host key verification failed: the key presented for {instance_id} is revoked ({place})")]
    Revoked {
        /// The id of the instance.
        instance_id: String,
        /// The file and line with the marker.
        place: String,
    },
    /// No source knows the key, and it was not confirmed.
    #[error("host key verification failed: the host key of {instance_id} is not known, and {}", why(*policy))]
    Unknown {
        /// The id of the instance.
        instance_id: String,
        /// The fingerprint of the presented key.
        presented: String,
        /// The algorithm of the presented key.
        algorithm: String,
        /// The policy that refused the key.
        policy: Policy,
    },
}

fn why(policy: Policy) -> &'static str {
    match policy {
        Policy::Strict => "--host-keys strict refuses what cannot be verified",
        Policy::Ask | Policy::AcceptNew => "it was not confirmed",
    }
}

/// Returns the fingerprint (`SHA256:…`) as OpenSSH prints it.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// Whether two algorithms use the same type of key: one RSA key serves every RSA signature algorithm.
pub fn same_kind(one: &Algorithm, other: &Algorithm) -> bool {
    matches!((one, other), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. })) || one == other
}

/// Returns the host key algorithms to offer: the wanted ones first, so that a server with several keys presents one
/// that can be compared.
pub fn preferred(wanted: &[Algorithm], all: &[Algorithm]) -> Vec<Algorithm> {
    let is_wanted = |algorithm: &&Algorithm| wanted.iter().any(|wanted| same_kind(wanted, algorithm));
    let (mut first, rest): (Vec<_>, Vec<_>) = all.iter().partition(is_wanted);
    first.extend(rest);
    first.into_iter().cloned().collect()
}
