//! Why no instance was found, or why the one found cannot be connected to.

use crate::aws;
use crate::aws::model::{Account, Instance};

/// Why no instance was found, or why it cannot be connected to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// No instance matches the selector.
    #[error("no instance matches '{target}'")]
    NotFound {
        /// The selector as it was typed.
        target: String,
        /// The account and region that were searched.
        account: Account,
        /// The names that are similar; untrusted.
        similar: Vec<String>,
    },
    /// AWS is not asked, and the selector was not looked up in the last days.
    #[error("nothing is remembered of '{target}'")]
    NotRemembered {
        /// The selector as it was typed.
        target: String,
    },
    /// Several instances match the selector.
    #[error("{} instances match '{target}'", candidates.len())]
    Ambiguous {
        /// The selector as it was typed.
        target: String,
        /// The instances that match.
        candidates: Vec<Instance>,
        /// Set when the user has seen the candidates and chosen none.
        shown: bool,
    },
    /// The instance is not running.
    #[error("{} is {}", instance.id, instance.state.as_str())]
    NotRunning {
        /// The selector as it was typed.
        target: String,
        /// The instance as it was found.
        instance: Box<Instance>,
    },
    /// The instance was started and did not come up.
    #[error("{instance_id} was started, but {awaited} did not come within {seconds} s")]
    StartTimeout {
        /// The id of the instance.
        instance_id: String,
        /// The state or address that was awaited.
        awaited: &'static str,
        /// The time spent waiting, in seconds.
        seconds: u64,
        /// EC2's reason for the state that the instance is in; untrusted.
        reason: Option<String>,
    },
}
