//! Order and acknowledgements, for each direction by itself. Pure: the time is passed in, and what a message is is not
//! known here.
//!
//! The timers are those of the plugin and the agent (RFC 6298 with other bounds): the first timeout is 200 ms, the longest
//! 1 s.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

const FIRST_TIMEOUT: Duration = Duration::from_millis(200);
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(100);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(1);
const GRANULARITY: Duration = Duration::from_millis(10);
/// Messages on their way. The agent keeps up to 100,000; ours bounds our memory at 1 kB each.
const WINDOW: usize = 2048;
/// Of those that are late, so many of the oldest are sent again at a time: one that was lost holds up all behind it.
const AGAIN: usize = 16;
/// What came too early, at most.
const EARLY: usize = 10_000;
const EARLY_BYTES: usize = 8 << 20;

/// What we have sent and the other side has not acknowledged.
#[derive(Debug)]
pub struct Outgoing<M> {
    next: i64,
    /// In order and without gaps; what was acknowledged behind one that was not stays until its turn.
    sent: VecDeque<Sent<M>>,
    /// When the oldest message became the oldest: before that nobody waited for its acknowledgement (RFC 6298, 5.3).
    progress: Option<Instant>,
    timer: Timer,
}

#[derive(Debug)]
struct Sent<M> {
    message: M,
    first: Instant,
    last: Instant,
    is_acknowledged: bool,
}

impl<M> Sent<M> {
    fn waits_since(&self, progress: Option<Instant>) -> Instant {
        progress.map_or(self.last, |progress| progress.max(self.last))
    }
}

impl<M: Clone> Default for Outgoing<M> {
    fn default() -> Self {
        Self { next: 0, sent: VecDeque::new(), progress: None, timer: Timer::default() }
    }
}

impl<M: Clone> Outgoing<M> {
    /// The number of the next message.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// So many are on their way that no more should be.
    pub fn is_full(&self) -> bool {
        self.sent.len() >= WINDOW
    }

    /// So many are on their way.
    pub fn waiting(&self) -> usize {
        self.sent.len()
    }

    /// All has arrived.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// The message with the number [`Self::next`] is being sent.
    pub fn push(&mut self, message: M, now: Instant) {
        self.next += 1;
        self.sent.push_back(Sent { message, first: now, last: now, is_acknowledged: false });
    }

    /// The other side has the message with this number. Numbers that it cannot mean are passed over.
    pub fn acknowledge(&mut self, sequence: i64, now: Instant) {
        let oldest = self.next - i64::try_from(self.sent.len()).unwrap_or(i64::MAX);
        let index = sequence.checked_sub(oldest).and_then(|index| usize::try_from(index).ok());
        let Some(sent) = index.and_then(|index| self.sent.get_mut(index)) else { return };
        // Karn's algorithm: what was sent twice tells nothing of the way's length.
        if !sent.is_acknowledged && sent.first == sent.last {
            self.timer.sample(now.saturating_duration_since(sent.first));
        }
        sent.is_acknowledged = true;
        while self.sent.front().is_some_and(|sent| sent.is_acknowledged) {
            self.sent.pop_front();
            self.progress = Some(now);
        }
    }

    /// The messages that are late and are to be sent again now.
    pub fn due(&mut self, now: Instant) -> Vec<M> {
        let (timeout, progress) = (self.timer.timeout, self.progress);
        let oldest = self.sent.iter_mut().filter(|sent| !sent.is_acknowledged).take(AGAIN);
        let late = oldest.filter(|sent| sent.waits_since(progress) + timeout <= now);
        let late: Vec<M> = late
            .map(|sent| {
                sent.last = now;
                sent.message.clone()
            })
            .collect();
        if !late.is_empty() {
            self.timer.back_off();
        }
        late
    }

    /// When to ask for [`Self::due`] next.
    pub fn next_due(&self) -> Option<Instant> {
        let oldest = self.sent.iter().filter(|sent| !sent.is_acknowledged).take(AGAIN);
        oldest.map(|sent| sent.waits_since(self.progress) + self.timer.timeout).min()
    }

    /// Everything that is not acknowledged: the connection it went over is gone.
    pub fn all_again(&mut self, now: Instant) -> Vec<M> {
        let waiting = self.sent.iter_mut().filter(|sent| !sent.is_acknowledged);
        waiting
            .map(|sent| {
                // Not the first time any more, whatever the clock says.
                sent.last = now.max(sent.first + Duration::from_nanos(1));
                sent.message.clone()
            })
            .collect()
    }

    /// How long the oldest message has been waiting for its acknowledgement.
    pub fn waiting_for(&self, now: Instant) -> Duration {
        self.sent.front().map_or(Duration::ZERO, |sent| now.saturating_duration_since(sent.first))
    }
}

/// The round trip as it has been of late, and the timeout that follows from it.
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
    /// What is sent twice is not sampled: without this a way that is longer than the timeout would never be known as such.
    fn back_off(&mut self) {
        self.timeout = (self.timeout * 2).min(LONGEST_TIMEOUT);
    }

    fn sample(&mut self, round_trip: Duration) {
        self.variation = self.variation * 3 / 4 + self.smoothed.abs_diff(round_trip) / 4;
        self.smoothed = self.smoothed * 7 / 8 + round_trip / 8;
        self.timeout = (self.smoothed + GRANULARITY.max(self.variation * 4)).min(LONGEST_TIMEOUT);
    }
}

/// What to do with a message that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is new. Acknowledge it; [`Incoming::next_in_order`] has it in its turn.
    Taken,
    /// It was here before. Acknowledge it once more: the first time was lost.
    Old,
    /// There is no room for it, or it makes no sense: it must not be acknowledged.
    Refused,
}

/// What the other side has sent, put in order.
#[derive(Debug)]
pub struct Incoming<M> {
    expected: i64,
    early: BTreeMap<i64, M>,
    bytes: usize,
}

impl<M> Default for Incoming<M> {
    fn default() -> Self {
        Self { expected: 0, early: BTreeMap::new(), bytes: 0 }
    }
}

impl<M: AsRef<[u8]>> Incoming<M> {
    /// Takes a message in.
    pub fn take(&mut self, sequence: i64, message: M) -> Verdict {
        if sequence < self.expected || self.early.contains_key(&sequence) {
            return Verdict::Old;
        }
        let size = message.as_ref().len();
        let is_next = sequence == self.expected;
        // The one that all others wait for is taken always.
        if !is_next && (self.early.len() >= EARLY || self.bytes + size > EARLY_BYTES) {
            return Verdict::Refused;
        }
        self.bytes += size;
        self.early.insert(sequence, message);
        Verdict::Taken
    }

    /// The next message in order, if it is here.
    pub fn next_in_order(&mut self) -> Option<M> {
        let message = self.early.remove(&self.expected)?;
        self.expected += 1;
        self.bytes -= message.as_ref().len();
        Some(message)
    }
}
