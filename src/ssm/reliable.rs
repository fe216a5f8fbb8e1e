//! Ordering and acknowledgements, for each direction separately. Does no I/O: the time is passed in, and the content of
//! messages is not interpreted.
//!
//! The timers are those of the plugin and the agent (RFC 6298 with other bounds): the first timeout is 200 ms, the
//! longest 1 s.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

const FIRST_TIMEOUT: Duration = Duration::from_millis(200);
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(100);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(1);
const GRANULARITY: Duration = Duration::from_millis(10);
/// The send window, in messages. The agent's is up to 100,000; ours bounds the memory, at 1 kB per message.
const WINDOW: usize = 2048;
/// Limit for the messages retransmitted at a time, oldest first: one that was lost holds up all behind it.
const MAX_RETRANSMITS: usize = 16;
/// Limit for the messages that are buffered out of order.
const MAX_EARLY_MESSAGES: usize = 10_000;
const MAX_EARLY_BYTES: usize = 8 << 20;

/// The send window: messages that are not acknowledged yet.
#[derive(Debug)]
pub(crate) struct SendWindow<M> {
    next: i64,
    /// The sent messages in order, without gaps; one that was acknowledged out of order stays until all before it are
    /// acknowledged.
    sent: VecDeque<Sent<M>>,
    /// The time when the oldest message became the oldest: its timeout does not start before (RFC 6298, section 5.3).
    progress: Option<Instant>,
    timer: Timer,
}

#[derive(Debug)]
struct Sent<M> {
    message: M,
    first: Instant,
    last: Instant,
    /// Whether the message waits to leave, for the first time or again.
    queued: bool,
    repeated: bool,
    acknowledged: bool,
}

impl<M> Sent<M> {
    fn timer_start(&self, progress: Option<Instant>) -> Instant {
        progress.map_or(self.last, |progress| progress.max(self.last))
    }
}

impl<M: Clone> Default for SendWindow<M> {
    fn default() -> Self {
        Self { next: 0, sent: VecDeque::new(), progress: None, timer: Timer::default() }
    }
}

impl<M: Clone> SendWindow<M> {
    /// Returns the sequence number of the next message.
    pub(crate) fn next(&self) -> i64 {
        self.next
    }

    /// Whether the window is full, so that no more should be sent.
    pub(crate) fn is_full(&self) -> bool {
        self.sent.len() >= WINDOW
    }

    /// Returns the number of messages in the window.
    pub(crate) fn in_flight(&self) -> usize {
        self.sent.len()
    }

    /// Whether everything has been acknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Adds the message with the number [`Self::next`], which waits to leave.
    pub(crate) fn push(&mut self, message: M, now: Instant) {
        self.next += 1;
        let sent = Sent { message, first: now, last: now, queued: true, repeated: false, acknowledged: false };
        self.sent.push_back(sent);
    }

    /// Records the acknowledgement of a message, and returns its round trip where that is known. Numbers outside the window are
    /// ignored.
    pub(crate) fn acknowledge(&mut self, sequence: i64, now: Instant) -> Option<Duration> {
        let sent = self.get_mut(sequence)?;
        // Karn's algorithm: a retransmitted message gives no valid sample of the round trip.
        let is_sample = !sent.acknowledged && !sent.repeated;
        let round_trip = is_sample.then(|| now.saturating_duration_since(sent.first));
        sent.acknowledged = true;
        if let Some(round_trip) = round_trip {
            self.timer.sample(round_trip);
        }
        while self.sent.front().is_some_and(|sent| sent.acknowledged) {
            self.sent.pop_front();
            self.progress = Some(now);
        }
        round_trip
    }

    /// Records that a message leaves only now: its timeout and its round trip count from here.
    pub(crate) fn leaves(&mut self, sequence: i64, now: Instant) {
        if let Some(sent) = self.get_mut(sequence) {
            if !sent.repeated {
                sent.first = now;
            }
            sent.last = now;
            sent.queued = false;
        }
    }

    fn get_mut(&mut self, sequence: i64) -> Option<&mut Sent<M>> {
        let index = sequence.checked_sub(self.oldest()).and_then(|index| usize::try_from(index).ok())?;
        self.sent.get_mut(index)
    }

    /// Returns the number of the oldest message in the window.
    fn oldest(&self) -> i64 {
        self.next - i64::try_from(self.sent.len()).unwrap_or(i64::MAX)
    }

    /// Returns the messages that are overdue and have to be retransmitted now, with their numbers. They wait to leave again.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<(i64, M)> {
        let (timeout, progress, oldest) = (self.timer.timeout, self.progress, self.oldest());
        let numbered = (oldest..).zip(self.sent.iter_mut());
        // The oldest ones count whether they wait to leave or not: no more than this many are repeated at a time.
        let oldest = numbered.filter(|(_, sent)| !sent.acknowledged).take(MAX_RETRANSMITS);
        let waiting = oldest.filter(|(_, sent)| !sent.queued);
        let late = waiting.filter(|(_, sent)| sent.timer_start(progress) + timeout <= now);
        let late: Vec<(i64, M)> = late
            .map(|(number, sent)| {
                (sent.queued, sent.repeated) = (true, true);
                (number, sent.message.clone())
            })
            .collect();
        if !late.is_empty() {
            self.timer.back_off();
        }
        late
    }

    /// Returns when to call [`Self::due`] next.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let oldest = self.sent.iter().filter(|sent| !sent.acknowledged).take(MAX_RETRANSMITS);
        oldest.filter(|sent| !sent.queued).map(|sent| sent.timer_start(self.progress) + self.timer.timeout).min()
    }

    /// Returns every unacknowledged message, to be sent again over a new connection, with its number.
    pub(crate) fn unacknowledged(&mut self, now: Instant) -> Vec<(i64, M)> {
        let oldest = self.oldest();
        let in_flight = (oldest..).zip(self.sent.iter_mut()).filter(|(_, sent)| !sent.acknowledged);
        in_flight
            .map(|(number, sent)| {
                (sent.queued, sent.repeated, sent.first) = (true, true, now);
                (number, sent.message.clone())
            })
            .collect()
    }

    /// Whether a message is in the window and not acknowledged.
    pub(crate) fn is_pending(&mut self, sequence: i64) -> bool {
        self.get_mut(sequence).is_some_and(|sent| !sent.acknowledged)
    }

    /// Begins to wait anew: acknowledgements that came in the meantime were not read.
    pub(crate) fn looked_again(&mut self, now: Instant) {
        self.progress = Some(now);
        for sent in self.sent.iter_mut().filter(|sent| !sent.queued) {
            (sent.first, sent.repeated) = (now, true);
        }
    }

    /// Returns how long the oldest message has been waiting for its acknowledgement.
    pub(crate) fn waiting_for(&self, now: Instant) -> Duration {
        self.sent.front().map_or(Duration::ZERO, |sent| now.saturating_duration_since(sent.first))
    }
}

/// The smoothed round trip time and the retransmission timeout derived from it.
#[derive(Debug)]
struct Timer {
    smoothed: Duration,
    variation: Duration,
    timeout: Duration,
}

impl Default for Timer {
    fn default() -> Self {
        Self { smoothed: FIRST_ROUND_TRIP, variation: Duration::ZERO, timeout: FIRST_TIMEOUT }
    }
}

impl Timer {
    /// Doubles the timeout. Retransmitted messages are not sampled, so a round trip longer than the timeout would never
    /// be measured otherwise.
    fn back_off(&mut self) {
        self.timeout = (self.timeout * 2).min(LONGEST_TIMEOUT);
    }

    fn sample(&mut self, round_trip: Duration) {
        self.variation = self.variation * 3 / 4 + self.smoothed.abs_diff(round_trip) / 4;
        self.smoothed = self.smoothed * 7 / 8 + round_trip / 8;
        self.timeout = (self.smoothed + GRANULARITY.max(self.variation * 4)).min(LONGEST_TIMEOUT);
    }
}

/// The verdict on a received message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receipt {
    /// The message is new: acknowledge it; [`ReceiveWindow::next_in_order`] returns it in order.
    Accepted,
    /// The message is a duplicate: acknowledge it again, because the first acknowledgement may be lost.
    Duplicate,
    /// The buffer is full: the message must not be acknowledged.
    Refused,
}

/// The receive window: puts messages into order.
#[derive(Debug)]
pub(crate) struct ReceiveWindow<M> {
    expected: i64,
    early: BTreeMap<i64, M>,
    bytes: usize,
}

impl<M> Default for ReceiveWindow<M> {
    fn default() -> Self {
        Self { expected: 0, early: BTreeMap::new(), bytes: 0 }
    }
}

impl<M: AsRef<[u8]>> ReceiveWindow<M> {
    /// Adds a received message to the window.
    pub(crate) fn take(&mut self, sequence: i64, message: M) -> Receipt {
        if sequence < self.expected || self.early.contains_key(&sequence) {
            return Receipt::Duplicate;
        }
        let size = message.as_ref().len();
        let is_next = sequence == self.expected;
        // The next message in order is always accepted, because all others wait for it.
        if !is_next && (self.early.len() >= MAX_EARLY_MESSAGES || self.bytes + size > MAX_EARLY_BYTES) {
            return Receipt::Refused;
        }
        self.bytes += size;
        self.early.insert(sequence, message);
        Receipt::Accepted
    }

    /// Removes and returns the next message in order, if it has arrived.
    pub(crate) fn next_in_order(&mut self) -> Option<M> {
        let message = self.early.remove(&self.expected)?;
        self.expected += 1;
        self.bytes -= message.as_ref().len();
        Some(message)
    }
}

#[cfg(test)]
mod tests;
