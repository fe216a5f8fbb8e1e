//! The retry rules for an instance that was just started: how long its routes may fail.

use std::time::Duration;

use super::error::FailedRoute;

/// The time from running to a server that answers.
const UP_TIMEOUT: Duration = Duration::from_secs(180);
/// The time limit of one direct attempt while the instance boots; there may be no machine yet to refuse it.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between two rounds over all routes.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Whether a started instance may still become reachable, after a round in which these routes failed.
pub(super) fn may_come_up(failed: &[FailedRoute], waited: Duration) -> bool {
    waited <= UP_TIMEOUT && failed.iter().any(|failed| failed.error.is_transient())
}
