//! The reconnect policy of a session whose connection was lost: attempts, backoff, deadline.

use std::time::{Duration, Instant};

/// Limit for the attempts while the service refuses.
const MAX_ATTEMPTS: u32 = 5;
/// Deadline for an unreachable network, for example after a laptop was closed or in a train tunnel.
const NETWORK_DEADLINE: Duration = Duration::from_secs(120);
const INITIAL_BACKOFF: Duration = Duration::from_millis(200);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// A connection that lasted this long counts as working even if it was idle: an unanswered message would have been
/// detected earlier.
const MIN_UPTIME: Duration = Duration::from_secs(30);

/// The attempts since the connection last worked.
#[derive(Debug)]
pub(crate) struct Resumption {
    attempts: u32,
    backoff: Duration,
    lost: Option<Instant>,
    /// The time when the connection was last restored.
    restored: Option<Instant>,
    /// The progress of the data channel when the connection was lost.
    progress: u64,
}

impl Default for Resumption {
    fn default() -> Self {
        Self { attempts: 0, backoff: INITIAL_BACKOFF, lost: None, restored: None, progress: 0 }
    }
}

impl Resumption {
    /// Records that the connection was lost, with the data channel's progress. Returns the delay before the first
    /// attempt: zero, unless the previous connection brought no progress.
    pub(crate) fn lost(&mut self, progress: u64, now: Instant) -> Duration {
        let was_stable = self.restored.is_some_and(|restored| now.saturating_duration_since(restored) >= MIN_UPTIME);
        if self.lost.is_none() || progress > self.progress || was_stable {
            *self = Self { progress, lost: Some(now), ..Self::default() };
            return Duration::ZERO;
        }
        self.next_backoff()
    }

    /// Records that the connection was restored.
    pub(crate) fn restored(&mut self, now: Instant) {
        self.restored = Some(now);
    }

    /// Records a failed attempt. Returns the delay before the next, or `None` to give up.
    pub(crate) fn failed(&mut self, is_network: bool, now: Instant) -> Option<Duration> {
        self.attempts += 1;
        let is_over = self.lost.is_some_and(|lost| now.saturating_duration_since(lost) >= NETWORK_DEADLINE);
        if is_over || (!is_network && self.attempts >= MAX_ATTEMPTS) { None } else { Some(self.next_backoff()) }
    }

    /// Whether reconnecting without progress has exceeded the deadline.
    pub(crate) fn is_exhausted(&self, now: Instant) -> bool {
        self.lost.is_some_and(|lost| now.saturating_duration_since(lost) >= NETWORK_DEADLINE)
    }

    fn next_backoff(&mut self) -> Duration {
        let backoff = self.backoff;
        self.backoff = (backoff * 2).min(MAX_BACKOFF);
        backoff
    }
}

#[cfg(test)]
mod tests;
