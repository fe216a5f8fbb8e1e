//! When the key is pushed, and how long it is good. Pure: the time is given.

use std::time::Duration;

use tokio::time::Instant;

use super::turn::FRESH_FOR;

/// The time after the push for which the key is kept, for logins that have begun.
const KEPT_FOR: Duration = Duration::from_secs(49);
/// The time for which a key is kept that nobody pushes and nobody waits for.
const UNUSED_FOR: Duration = Duration::from_secs(5);
/// The time for which a key is kept that was not pushed, whoever waits: for the answer to a question, for example.
const UNPUSHED_FOR: Duration = Duration::from_secs(600);

/// A point in time by two clocks: one that nobody sets, and one that goes on while the machine sleeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    /// The time by the monotonic clock.
    pub monotonic: Instant,
    /// The time by the wall clock, in seconds.
    pub wall: i64,
}

impl Time {
    /// Returns the longer of the two times since then. The wall clock may have been set back.
    fn since(self, then: Self) -> Duration {
        let by_wall = u64::try_from(self.wall.saturating_sub(then.wall)).unwrap_or_default();
        // Whole seconds: two points of one second apart may have little time between them.
        let by_wall = Duration::from_secs(by_wall.saturating_sub(1));
        self.monotonic.saturating_duration_since(then.monotonic).max(by_wall)
    }
}

/// Whether a connection may log in with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The instance knows the key since the push, this long ago.
    Fresh(Duration),
    /// The connection is to push it, and to report the result.
    Push,
    /// Another connection is pushing it.
    Wait,
    /// The key is too old, or was denied.
    Retired,
}

/// The state of the key.
#[derive(Debug)]
pub(super) struct Freshness {
    made: Time,
    pushed: Option<Time>,
    /// The number of connections that are pushing it.
    pushing: usize,
    /// Set after a failed push: each connection then finds out for itself why, side by side.
    failed: bool,
    denied: bool,
}

impl Freshness {
    /// A key that was made now.
    pub(super) fn new(now: Time) -> Self {
        Self { made: now, pushed: None, pushing: 0, failed: false, denied: false }
    }

    /// Answers a connection that wants to log in.
    pub(super) fn ask(&mut self, now: Time) -> Answer {
        if self.is_retired(now) {
            return Answer::Retired;
        }
        if let Some(pushed) = self.pushed {
            return Answer::Fresh(now.since(pushed));
        }
        if self.pushing > 0 && !self.failed {
            return Answer::Wait;
        }
        self.pushing += 1;
        Answer::Push
    }

    /// Ends the push that was begun at `begun`; `None` if the connection has gone before its end.
    pub(super) fn end_push(&mut self, begun: Time, succeeded: Option<bool>) {
        self.pushing = self.pushing.saturating_sub(1);
        match succeeded {
            // The minute counts from the request, not from the answer.
            Some(true) => self.pushed = self.pushed.or(Some(begun)),
            Some(false) => self.failed = true,
            None => {}
        }
    }

    /// Stops the use of a key that the instance denied.
    pub(super) fn deny(&mut self) {
        self.denied = true;
    }

    /// Whether no new connection may use the key.
    pub(super) fn is_retired(&self, now: Time) -> bool {
        self.denied || self.pushed.is_some_and(|pushed| now.since(pushed) >= FRESH_FOR)
    }

    /// Whether the key is to be wiped; `clients` is the number of connections.
    pub(super) fn is_over(&self, now: Time, clients: usize) -> bool {
        let kept_for = match self.pushed {
            Some(_) if self.denied && clients == 0 => Duration::ZERO,
            Some(_) => KEPT_FOR,
            None if clients == 0 => UNUSED_FOR,
            None => UNPUSHED_FOR,
        };
        now.since(self.pushed.unwrap_or(self.made)) >= kept_for
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Clock(Instant);

    impl Clock {
        fn at(&self, seconds: u64) -> Time {
            let wall = i64::try_from(seconds).unwrap();
            Time { monotonic: self.0 + Duration::from_secs(seconds), wall: 1_000_000 + wall }
        }
    }

    fn begun() -> (Clock, Freshness) {
        let clock = Clock(Instant::now());
        let key = Freshness::new(clock.at(0));
        (clock, key)
    }

    #[test]
    fn one_connection_pushes_for_all() {
        let (clock, mut key) = begun();
        assert_eq!(key.ask(clock.at(1)), Answer::Push);
        assert_eq!(key.ask(clock.at(2)), Answer::Wait);
        key.end_push(clock.at(1), Some(true));
        assert_eq!(key.ask(clock.at(45)), Answer::Fresh(Duration::from_secs(44)));
        assert_eq!(key.ask(clock.at(46)), Answer::Retired);
    }

    #[test]
    fn key_is_gone_50_seconds_after_the_push() {
        let (clock, mut key) = begun();
        assert!(!key.is_over(clock.at(4), 0) && key.is_over(clock.at(5), 0), "nobody wants it");
        assert!(!key.is_over(clock.at(599), 1) && key.is_over(clock.at(600), 1), "a question is not answered");
        key.ask(clock.at(10));
        key.end_push(clock.at(10), Some(true));
        assert!(!key.is_over(clock.at(58), 0) && key.is_over(clock.at(59), 0));
        assert!(key.is_over(clock.at(59), 7), "whoever is connected");
    }

    #[test]
    fn another_connection_takes_over_an_abandoned_push() {
        let (clock, mut key) = begun();
        key.ask(clock.at(0));
        key.end_push(clock.at(0), None);
        assert_eq!((key.ask(clock.at(1)), key.ask(clock.at(1))), (Answer::Push, Answer::Wait));
    }

    #[test]
    fn failed_push_lets_everyone_push() {
        let (clock, mut key) = begun();
        key.ask(clock.at(0));
        key.end_push(clock.at(0), Some(false));
        assert_eq!((key.ask(clock.at(1)), key.ask(clock.at(1))), (Answer::Push, Answer::Push));
        key.end_push(clock.at(1), Some(false));
        key.end_push(clock.at(2), Some(true));
        assert_eq!(key.ask(clock.at(3)), Answer::Fresh(Duration::from_secs(1)));
    }

    #[test]
    fn denied_key_is_used_no_more() {
        let (clock, mut key) = begun();
        key.ask(clock.at(0));
        key.end_push(clock.at(0), Some(true));
        key.deny();
        assert_eq!(key.ask(clock.at(1)), Answer::Retired);
        assert!(key.is_over(clock.at(1), 0) && !key.is_over(clock.at(1), 1));
    }

    /// The monotonic clock stands still while a laptop sleeps.
    #[test]
    fn sleep_counts_as_time() {
        let (clock, mut key) = begun();
        key.ask(clock.at(0));
        key.end_push(clock.at(0), Some(true));
        let awake = Time { monotonic: clock.at(3).monotonic, wall: clock.at(3600).wall };
        assert_eq!(key.ask(awake), Answer::Retired);
        let set_back = Time { monotonic: clock.at(3).monotonic, wall: 0 };
        assert_eq!(key.ask(set_back), Answer::Fresh(Duration::from_secs(3)));
    }
}
