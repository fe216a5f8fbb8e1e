//! A session whose connection was lost: how often and how long it is tried to have it again.

use std::time::{Duration, Instant};

/// Refusals of the service's: so many tries.
const TRIES: u32 = 5;
/// For a network that is gone: a lid was closed, a train is in a tunnel.
const NETWORK_BACK: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A connection that lived so long was one, also where nobody said anything on it: longer than it takes to see that it is dead.
const LIVED: Duration = Duration::from_secs(30);

/// How it has gone since the session last went on for good.
#[derive(Debug)]
pub struct Resumption {
    tries: u32,
    pause: Duration,
    lost: Option<Instant>,
    /// When there was a connection again.
    had: Option<Instant>,
    /// How far the conversation had come then.
    progress: u64,
}

impl Default for Resumption {
    fn default() -> Self {
        Self { tries: 0, pause: FIRST_PAUSE, lost: None, had: None, progress: 0 }
    }
}

impl Resumption {
    /// The connection was lost, with the conversation so far on. How long to wait before the first try: one that brought
    /// nothing is not repeated at once.
    pub fn lost(&mut self, progress: u64, now: Instant) -> Duration {
        let has_lived = self.had.is_some_and(|had| now.saturating_duration_since(had) >= LIVED);
        if self.lost.is_none() || progress > self.progress || has_lived {
            *self = Self { progress, lost: Some(now), ..Self::default() };
            return Duration::ZERO;
        }
        self.next_pause()
    }

    /// There is a connection again.
    pub fn had(&mut self, now: Instant) {
        self.had = Some(now);
    }

    /// A try came to nothing: how long to wait before the next, or `None` if there should be no next.
    pub fn failed(&mut self, is_network: bool, now: Instant) -> Option<Duration> {
        self.tries += 1;
        let is_over = self.lost.is_some_and(|lost| now.saturating_duration_since(lost) >= NETWORK_BACK);
        if is_over || (!is_network && self.tries >= TRIES) { None } else { Some(self.next_pause()) }
    }

    /// Whether connections that come and bring nothing have been had often enough.
    pub fn is_hopeless(&self, now: Instant) -> bool {
        self.lost.is_some_and(|lost| now.saturating_duration_since(lost) >= NETWORK_BACK)
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}
