//! Why a host key is refused, or cannot be judged.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::console::ConsoleMatch;
use crate::config::HostKeyPolicy;

/// Why a host key was not accepted.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The key is refused.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The presented key cannot be compared with those that the console printed: the server has to be asked for others.
    #[error("the server presented a host key of an algorithm that its console did not print")]
    AlgorithmNotPrinted,
    /// A known_hosts file cannot be read or written.
    #[error("cannot use the known_hosts file {}", path.display())]
    KnownHosts {
        /// The path of the file.
        path: PathBuf,
        /// The error of the system.
        source: Arc<io::Error>,
    },
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl Error {
    /// Whether the key contradicts what is known of the instance: it may be another machine's.
    pub(crate) fn is_contradiction(&self) -> bool {
        let Self::Refused(refusal) = self else { return false };
        matches!(**refusal, Refusal::Changed { .. } | Refusal::Contradicted { .. })
    }
}

/// The reason why a host key is not trusted.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Refusal {
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
        policy: HostKeyPolicy,
    },
}

fn why(policy: HostKeyPolicy) -> &'static str {
    match policy {
        HostKeyPolicy::Strict => "--host-keys strict refuses keys that cannot be verified",
        HostKeyPolicy::Auto | HostKeyPolicy::AcceptNew => "it was not confirmed",
    }
}
