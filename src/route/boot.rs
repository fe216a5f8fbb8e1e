//! The retry rules for an instance that boots: which failures of its routes may pass.

use std::time::Duration;

use super::error::FailedRoute;
use crate::boot::Booting;

/// The time limit of one direct attempt while the instance boots; there may be no machine yet to refuse it.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between two rounds over all routes.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Whether the instance may still become reachable, after a round in which these routes failed.
pub(super) fn may_come_up(booting: Option<Booting>, failed: &[FailedRoute]) -> bool {
    booting.is_some_and(Booting::may_come_up) && failed.iter().any(|failed| failed.error.is_transient())
}
