//! The pace of the messages that are sent. Does no I/O: the time is passed in.
//!
//! The official plugin sends one message of 1 KiB and then waits for a millisecond; a client that sent without a pause was reported
//! to have its session ended in the middle of a transfer. So messages leave at the plugin's rate, and slower while acknowledgements are
//! missing or come late: additive increase, multiplicative decrease, as in TCP (RFC 5681).

use std::time::{Duration, Instant};

/// The rate of the plugin, in messages per second.
const MAX_RATE: f64 = 1000.0;
const MIN_RATE: f64 = 20.0;
/// The number of messages that may leave at once after a pause: a few key strokes, or what a late timer owes.
const BURST: f64 = 8.0;
/// The increase of the rate in a second in which all is acknowledged in time, in messages per second.
const INCREASE: f64 = 100.0;
/// The factor of the rate after a late acknowledgement.
const DECREASE: f64 = 0.5;
/// An acknowledgement is late if it takes this many times the shortest round trip, and longer than that by `MIN_DELAY`.
const LATE_FACTOR: u32 = 4;
const MIN_DELAY: Duration = Duration::from_millis(200);
/// Late acknowledgements within this time count once.
const DECREASE_INTERVAL: Duration = Duration::from_secs(1);

/// A token bucket whose rate follows the acknowledgements.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: f64,
    tokens: f64,
    filled: Option<Instant>,
    decreased: Option<Instant>,
    /// The shortest round trip of this connection.
    shortest: Option<Duration>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { rate: MAX_RATE, tokens: BURST, filled: None, decreased: None, shortest: None }
    }
}

impl Pace {
    /// Whether a message may leave now.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        self.fill(now);
        // What a clock in whole nanoseconds rounds off is given as well.
        self.tokens >= 1.0 - 1e-4
    }

    /// Counts a message that leaves.
    pub(crate) fn sent(&mut self) {
        self.tokens -= 1.0;
    }

    /// Returns when the next message may leave.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        let missing = (1.0 - self.tokens).max(0.0);
        self.filled.unwrap_or(now) + Duration::from_secs_f64(missing / self.rate)
    }

    /// A message was acknowledged after this round trip: the messages queue somewhere if it is much longer than the shortest one.
    pub(crate) fn acknowledged(&mut self, round_trip: Duration, now: Instant) {
        let shortest = self.shortest.map_or(round_trip, |shortest| shortest.min(round_trip));
        self.shortest = Some(shortest);
        if round_trip > shortest * LATE_FACTOR && round_trip > shortest + MIN_DELAY {
            self.late(now);
        } else {
            // The acknowledgements of a second are as many as the messages.
            self.rate = (self.rate + INCREASE / self.rate).min(MAX_RATE);
        }
    }

    /// Forgets the round trips of the connection before.
    pub(crate) fn reconnected(&mut self) {
        self.shortest = None;
    }

    /// An acknowledgement is late, or its message is sent again.
    pub(crate) fn late(&mut self, now: Instant) {
        if self.decreased.is_none_or(|last| now.saturating_duration_since(last) >= DECREASE_INTERVAL) {
            self.decreased = Some(now);
            self.rate = (self.rate * DECREASE).max(MIN_RATE);
        }
    }

    fn fill(&mut self, now: Instant) {
        let passed = self.filled.map_or(Duration::ZERO, |filled| now.saturating_duration_since(filled));
        self.tokens = (self.tokens + passed.as_secs_f64() * self.rate).min(BURST);
        self.filled = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(20);

    /// Sends whenever it is due for this time, and returns the number of messages.
    fn run(pace: &mut Pace, begun: Instant, time: Duration, acknowledges: bool) -> u32 {
        let (mut now, mut count) = (begun, 0);
        while now < begun + time {
            while pace.is_due(now) {
                pace.sent();
                count += 1;
                if acknowledges {
                    pace.acknowledged(ROUND_TRIP, now);
                }
            }
            now = pace.next(now).max(now + Duration::from_micros(100));
        }
        count
    }

    #[test]
    fn about_a_message_leaves_each_millisecond() {
        let (mut pace, begun) = (Pace::default(), Instant::now());
        let count = run(&mut pace, begun, Duration::from_secs(1), true);
        assert!((990..=1010).contains(&count), "{count}");
        // A pause is not made up for: no more than a short burst follows it.
        let later = begun + Duration::from_secs(60);
        let burst = run(&mut pace, later, Duration::from_millis(1), true);
        assert!(burst <= 9, "{burst}");
    }

    #[test]
    fn late_acknowledgements_halve_the_rate_once_a_second() {
        let (mut pace, begun) = (Pace::default(), Instant::now());
        for milliseconds in [0, 10, 999] {
            pace.late(begun + Duration::from_millis(milliseconds));
        }
        let count = run(&mut pace, begun, Duration::from_secs(1), false);
        assert!((495..=515).contains(&count), "{count}");
        pace.late(begun + Duration::from_secs(1));
        let count = run(&mut pace, begun + Duration::from_secs(1), Duration::from_secs(1), false);
        assert!((245..=260).contains(&count), "{count}");
        // It never stops altogether, and acknowledgements bring it back.
        for second in 2..60 {
            pace.late(begun + Duration::from_secs(second));
        }
        assert!(run(&mut pace, begun + Duration::from_secs(60), Duration::from_secs(1), false) >= 19);
        let recovery = run(&mut pace, begun + Duration::from_secs(90), Duration::from_secs(5), true);
        assert!((1000..=2000).contains(&recovery), "by 100 messages per second each second: {recovery}");
        run(&mut pace, begun + Duration::from_secs(95), Duration::from_secs(6), true);
        let count = run(&mut pace, begun + Duration::from_secs(101), Duration::from_secs(1), true);
        assert!((990..=1010).contains(&count), "{count}");
    }

    /// Messages that queue in the network are acknowledged late, without one being lost.
    #[test]
    fn late_acknowledgements_slow_down_without_loss() {
        let (mut pace, begun) = (Pace::default(), Instant::now());
        for (round_trip, factor) in [(100, 1.0), (280, 1.0), (390, 1.0), (410, 0.5), (250, 0.5)] {
            pace.acknowledged(Duration::from_millis(round_trip), begun);
            assert!((pace.rate - MAX_RATE * factor).abs() < 1.0, "{round_trip} ms: {}", pace.rate);
        }
        // A short round trip of a local network varies by more than four times, and nothing queues.
        let mut pace = Pace::default();
        for round_trip in [1, 150, 2, 200] {
            pace.acknowledged(Duration::from_millis(round_trip), begun);
        }
        assert!((pace.rate - MAX_RATE).abs() < 1.0, "{}", pace.rate);
        // A slower way after a reconnect is not a late one.
        pace.reconnected();
        pace.acknowledged(Duration::from_millis(900), begun);
        assert!((pace.rate - MAX_RATE).abs() < 1.0, "{}", pace.rate);
    }
}
