//! The retry rules for the login on an instance that boots: which errors may pass.

use std::time::Duration;

use tokio::time::Instant;

use super::error::Error;
use crate::boot::Booting;
use crate::ssh;

/// The pause between two attempts.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// Decides whether a failed attempt is repeated while the instance boots.
pub(super) struct BootRetry {
    booting: Booting,
    begun: Instant,
    first_denied: Option<Instant>,
}

impl BootRetry {
    /// Starts the clock of the retries.
    pub(super) fn new(booting: Booting) -> Self {
        Self { booting, begun: Instant::now(), first_denied: None }
    }

    /// The time since the first attempt.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Whether the instance may still be booting, going by this error. The time for denials counts from the first one.
    pub(super) fn is_worthwhile(&mut self, error: &Error) -> bool {
        use ssh::Error::{ClosedEarly, HandshakeTimeout, Lost};
        match error {
            Error::Denied { .. } => self.booting.may_admit(*self.first_denied.get_or_insert_with(Instant::now)),
            Error::Ssh { source, .. } => {
                self.booting.may_come_up() && matches!(**source, ClosedEarly { .. } | HandshakeTimeout { .. } | Lost(_))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::RoutePlan;
    use crate::testing::route_plan;

    fn lost(plan: &RoutePlan) -> Error {
        Error::ssh(plan, ssh::Error::Lost("reset".to_owned()), Vec::new())
    }

    #[tokio::test(start_paused = true)]
    async fn lost_connections_are_retried_for_three_minutes() {
        let (plan, mut retry) = (route_plan(), BootRetry::new(Booting::after_start()));
        assert!(retry.is_worthwhile(&lost(&plan)));
        assert!(!retry.is_worthwhile(&Error::NoDataFolder));
        tokio::time::advance(Duration::from_secs(179)).await;
        assert!(retry.is_worthwhile(&lost(&plan)));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!retry.is_worthwhile(&lost(&plan)));
    }

    #[tokio::test(start_paused = true)]
    async fn denials_are_retried_for_forty_seconds() {
        let denied =
            || Error::Denied { plan: Box::new(crate::testing::plan()), image: None, methods: Vec::new(), took: None };
        let mut retry = BootRetry::new(Booting::after_start());
        tokio::time::advance(Duration::from_secs(100)).await;
        assert!(retry.is_worthwhile(&denied()));
        tokio::time::advance(Duration::from_secs(39)).await;
        assert!(retry.is_worthwhile(&denied()));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!retry.is_worthwhile(&denied()));
    }
}
