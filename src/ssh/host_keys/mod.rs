//! Whether to trust a host key. The sources in their order: an authority's certificate ([`certificate`]), our own file
//! ([`known_hosts`]), the instance's console ([`console`]), the caller's known_hosts ([`lines`]), and at last the policy
//! and a person; a revoked key is refused before all of them. [`check`] asks them one after the other; here is what they share, and it is pure.

pub mod certificate;
pub mod check;
pub mod console;
pub mod known_hosts;
pub mod lines;
pub mod openssh;

use std::path::PathBuf;

use russh::keys::{Algorithm, HashAlg, PublicKey};

use console::Word;
use known_hosts::Known;

/// What to do with a host key that no source knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Ask.
    #[default]
    Ask,
    /// Take it and say so.
    AcceptNew,
    /// Refuse it, and look at nothing but our own file, authorities and the console.
    Strict,
}

/// What the file says of the key that the server presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one.
    Known {
        /// The line in the file.
        line: usize,
        /// How it came to be trusted.
        how: String,
    },
    /// Nothing is known of this instance.
    New,
    /// Another is known.
    Changed {
        /// The line in the file.
        line: usize,
        /// The key known.
        known: Box<PublicKey>,
    },
}

/// Judges the presented key by the keys known for the instance. Pure.
///
/// A key of another algorithm than the known ones counts as changed: we ask the server for the known algorithms first,
/// so it gives another only if it no longer has those, or if it is not the server.
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
        /// What the console says of the key presented, and of the one known.
        console: (Word, Word),
    },
    /// The instance printed another on its console.
    #[error("the host key presented is not the one that {instance_id} printed on its console")]
    Contradicted {
        /// The instance.
        instance_id: String,
        /// The fingerprint presented.
        presented: String,
        /// The algorithm of the key presented.
        algorithm: String,
        /// Algorithm and fingerprint of what it printed.
        printed: Vec<(String, String)>,
    },
    /// It is of no form that we know, and so nothing can be said of it.
    #[error("the host key presented for {instance_id} cannot be read")]
    Unreadable {
        /// The instance.
        instance_id: String,
    },
    /// Somebody marked it `@revoked`.
    #[error("the host key presented for {instance_id} is revoked ({place})")]
    Revoked {
        /// The instance.
        instance_id: String,
        /// The file and line that say so.
        place: String,
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
}

fn why(policy: Policy) -> &'static str {
    match policy {
        Policy::Strict => "--host-keys strict refuses what cannot be verified",
        Policy::Ask | Policy::AcceptNew => "nobody confirmed it",
    }
}

/// `SHA256:…` as OpenSSH prints it.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// Whether a key of one algorithm can do the other: an RSA key serves every RSA signature algorithm.
pub fn same_kind(one: &Algorithm, other: &Algorithm) -> bool {
    matches!((one, other), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. })) || one == other
}

/// The host key algorithms to ask for: those wanted first, so that a server with several keys gives one that can be
/// compared.
pub fn preferred(wanted: &[Algorithm], all: &[Algorithm]) -> Vec<Algorithm> {
    let is_wanted = |algorithm: &&Algorithm| wanted.iter().any(|wanted| same_kind(wanted, algorithm));
    let (mut first, rest): (Vec<_>, Vec<_>) = all.iter().partition(is_wanted);
    first.extend(rest);
    first.into_iter().cloned().collect()
}
