//! [`Booting`]: how long an instance that boots may refuse connections and deny logins. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// The time from running to a server that completes the key exchange.
const UP_TIMEOUT: Duration = Duration::from_secs(180);
/// A booting instance denies logins until its users and EC2 Instance Connect are set up; a later denial is final.
const DENIED_TIMEOUT: Duration = Duration::from_secs(40);

/// The patience with an instance that boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Booting {
    /// The time until which it may fail to answer.
    until: Instant,
    /// The time for which it may deny logins, from the first denial on; `None` for as long as it may fail to answer.
    denials: Option<Duration>,
}

impl Booting {
    /// Returns the patience with an instance that runs from now on.
    pub(crate) fn after_start() -> Self {
        Self { until: Instant::now() + UP_TIMEOUT, denials: Some(DENIED_TIMEOUT) }
    }

    /// Returns the patience that was asked for: whatever fails until then may fail.
    pub(crate) fn until(until: Instant) -> Self {
        Self { until, denials: None }
    }

    /// Returns the more patient one of the two.
    #[must_use]
    pub(crate) fn or_longer(self, other: Self) -> Self {
        if other.until > self.until { other } else { self }
    }

    /// Whether it may still come up.
    pub(crate) fn may_come_up(self) -> bool {
        Instant::now() < self.until
    }

    /// Whether a denial may pass, if this was the first one.
    pub(crate) fn may_admit(self, first_denied: Instant) -> bool {
        self.denials.map_or(self.may_come_up(), |limit| first_denied.elapsed() < limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn limits_count_from_start_or_request() {
        let begun = Instant::now();
        let (started, waited) = (Booting::after_start(), Booting::until(begun + Duration::from_secs(600)));
        for (seconds, up, admitted) in [(39, true, true), (41, true, false), (179, true, false), (181, false, false)] {
            tokio::time::advance(begun + Duration::from_secs(seconds) - Instant::now()).await;
            assert_eq!((started.may_come_up(), started.may_admit(begun)), (up, admitted), "{seconds}");
            assert!(waited.may_come_up() && waited.may_admit(begun));
        }
        tokio::time::advance(Duration::from_secs(600)).await;
        assert!(!waited.may_come_up() && !waited.may_admit(begun));
        // A denial at the end does not begin the wait anew.
        assert!(!waited.may_admit(Instant::now()));
        let short = Booting::until(Instant::now() + Duration::from_secs(60));
        assert_eq!(Booting::after_start().or_longer(short), Booting::after_start());
    }
}
