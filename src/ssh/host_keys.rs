//! Whether to trust a host key: what is known of the instance, the policy, and at last a person.
//!
//! Today a key is known from our own file or asked for. The verification against the instance's console output will be
//! one more source between the two: [`judge`] is where it will speak.

use std::path::PathBuf;

use russh::keys::{Algorithm, HashAlg, PublicKey};

use super::known_hosts::{Known, KnownHosts};

/// What to do with a host key that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Ask.
    #[default]
    Ask,
    /// Take it and say so.
    AcceptNew,
    /// Refuse it.
    Strict,
}

/// What the file says of the key that the server presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one.
    Known {
        /// The line in the file.
        line: usize,
    },
    /// Nothing is known of this instance.
    New,
    /// Another is known.
    Changed {
        /// The line in the file.
        line: usize,
        /// The fingerprint of the key known.
        known: String,
    },
}

/// Judges the presented key by the keys known for the instance. Pure.
///
/// A key of another algorithm than the known ones counts as changed: we ask the server for the known algorithms first,
/// so it gives another only if it no longer has those, or if it is not the server.
pub fn judge(known: &[Known], presented: &PublicKey) -> Verdict {
    if let Some(found) = known.iter().find(|known| known.key.key_data() == presented.key_data()) {
        return Verdict::Known { line: found.line };
    }
    let same_algorithm = known.iter().find(|known| known.key.algorithm() == presented.algorithm());
    match same_algorithm.or(known.first()) {
        Some(other) => Verdict::Changed { line: other.line, known: fingerprint(&other.key) },
        None => Verdict::New,
    }
}

/// The question whether a new key is the instance's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name that the person knows the instance by; untrusted.
    pub label: String,
    /// Its id.
    pub instance_id: String,
    /// For example `ssh-ed25519`.
    pub algorithm: String,
    /// `SHA256:…`.
    pub fingerprint: String,
}

/// Why a host key is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Another key is known.
    #[error("the host key of {instance_id} has changed")]
    Changed {
        /// The instance.
        instance_id: String,
        /// How the file names it.
        alias: String,
        /// The file that has the other key.
        file: PathBuf,
        /// The line in it.
        line: usize,
        /// The fingerprint known.
        known: String,
        /// The fingerprint presented.
        presented: String,
        /// The algorithm of the key presented.
        algorithm: String,
    },
    /// Nothing is known, and nobody said yes.
    #[error("the host key of {instance_id} is not known, and {}", why(*policy))]
    Unknown {
        /// The instance.
        instance_id: String,
        /// The fingerprint presented.
        presented: String,
        /// The algorithm of the key presented.
        algorithm: String,
        /// The policy that did not let it pass.
        policy: Policy,
    },
    /// The server presented a certificate, which we did not ask for.
    #[error("the server presented a host certificate, and none was asked for")]
    Certificate,
}

fn why(policy: Policy) -> &'static str {
    match policy {
        Policy::Strict => "--host-keys strict refuses what cannot be verified",
        Policy::Ask | Policy::AcceptNew => "nobody confirmed it",
    }
}

/// Whose key is checked, against what, and how strictly.
#[derive(Clone, Debug)]
pub struct HostKeyCheck {
    /// The file.
    pub store: KnownHosts,
    /// The instance's id.
    pub instance_id: String,
    /// How the file names the instance.
    pub alias: String,
    /// The name that the person knows it by.
    pub label: String,
    /// What to do with a new key.
    pub policy: Policy,
}

/// `SHA256:…` as OpenSSH prints it.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// The host key algorithms to ask for: those of the known keys first, so that a server with several keys gives one that
/// can be compared.
pub fn preferred(known: &[Known], all: &[Algorithm]) -> Vec<Algorithm> {
    let is_known = |algorithm: &&Algorithm| {
        known.iter().any(|known| match (known.key.algorithm(), algorithm) {
            // An RSA key serves every RSA signature algorithm.
            (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
            (ours, algorithm) => ours == **algorithm,
        })
    };
    let (mut first, rest): (Vec<_>, Vec<_>) = all.iter().partition(is_known);
    first.extend(rest);
    first.into_iter().cloned().collect()
}
