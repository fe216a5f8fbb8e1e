//! A layer that stops reading while the output that has arrived is not taken.
//!
//! russh gives the channel's window back when data arrives, not when it is taken, and waits in its one loop for room in a channel. So
//! nothing may be read that has no room: what is not read stays in the network, and the server waits. The loop itself goes on and
//! can send.
//!
//! A better way needs three things of russh: a window that the application gives back, a queue per channel that the loop never
//! waits for, and keepalives that are counted by what was looked for.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::io::{Layer, Layered};

/// The number of bytes that are read for one key exchange while the gate is shut: what the server had sent before comes first.
const EXCHANGE_ALLOWANCE: usize = 4 << 20;
/// The number of bytes that are read for all key exchanges while the gate is shut; a hostile server might never stop.
const ALLOWANCE: usize = 64 << 20;

/// The gate of one connection; clones are the same gate.
#[derive(Clone)]
pub(super) struct Gate(Arc<State>);

struct State {
    /// The number of those who have shut the gate: each channel has a reader of its own.
    shut: AtomicUsize,
    /// Set while something is read although the gate is shut: russh waits for the server's part of a key exchange.
    forced: AtomicBool,
    /// The number of bytes that may still be read in this way, for this key exchange.
    exchange_allowance: AtomicUsize,
    /// The number of bytes that may still be read in this way, until the gate is opened.
    allowance: AtomicUsize,
    /// A counter of writes; only its growth matters.
    writes: AtomicUsize,
    wrote: Notify,
    reader: AtomicWaker,
    /// When something was last received, or could first be received again.
    heard: Mutex<Instant>,
    changes: Notify,
}

impl Gate {
    /// Makes a gate that is open.
    pub(super) fn new() -> Self {
        Self(Arc::new(State {
            shut: AtomicUsize::new(0),
            forced: AtomicBool::new(false),
            exchange_allowance: AtomicUsize::new(0),
            allowance: AtomicUsize::new(ALLOWANCE),
            writes: AtomicUsize::new(0),
            wrote: Notify::new(),
            reader: AtomicWaker::new(),
            heard: Mutex::new(Instant::now()),
            changes: Notify::new(),
        }))
    }

    /// Stops reading from the network, until the same caller opens the gate again.
    pub(super) fn shut(&self) {
        if self.0.shut.fetch_add(1, Ordering::AcqRel) == 0 {
            self.0.changes.notify_one();
        }
    }

    /// Goes on reading, unless another channel has shut the gate as well. What the server sent in the meantime was not looked for, so
    /// the silence begins now.
    pub(super) fn open(&self) {
        if self.0.shut.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.allowance.store(ALLOWANCE, Ordering::Release);
            self.hear();
            self.0.reader.wake();
            self.0.changes.notify_one();
        }
    }

    /// Reads on although the gate is shut, because russh itself waits for the server's part of a key exchange.
    pub(super) fn force(&self) {
        self.0.exchange_allowance.store(EXCHANGE_ALLOWANCE, Ordering::Release);
        self.0.forced.store(true, Ordering::Release);
        self.0.reader.wake();
    }

    /// Ends [`Self::force`]. It is called as soon as the key exchange is done: behind it another may begin, which can wait.
    pub(super) fn unforce(&self) {
        self.0.forced.store(false, Ordering::Release);
    }

    /// Returns a counter of writes to the network.
    pub(super) fn writes(&self) -> usize {
        self.0.writes.load(Ordering::Acquire)
    }

    /// Waits until more has been written than at this count.
    pub(super) async fn written_since(&self, writes: usize) {
        while self.writes() == writes {
            self.0.wrote.notified().await;
        }
    }

    /// Whether reading has stopped.
    pub(super) fn is_shut(&self) -> bool {
        self.0.shut.load(Ordering::Acquire) > 0
    }

    /// Returns when something was last received, or could first be received again.
    pub(super) fn heard(&self) -> Instant {
        *self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the gate is shut or opened.
    pub(super) async fn changed(&self) {
        self.0.changes.notified().await;
    }

    fn hear(&self) {
        *self.0.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn stops_reading(&self) -> bool {
        let is_left = |allowance: &AtomicUsize| allowance.load(Ordering::Acquire) > 0;
        let may_pass = self.0.forced.load(Ordering::Acquire);
        self.is_shut() && !(may_pass && is_left(&self.0.exchange_allowance) && is_left(&self.0.allowance))
    }

    fn spend(&self, count: usize) {
        for allowance in [&self.0.exchange_allowance, &self.0.allowance] {
            let spend = |left: usize| Some(left.saturating_sub(count));
            let _ = allowance.fetch_update(Ordering::AcqRel, Ordering::Acquire, spend);
        }
    }
}

/// Puts the gate on a stream.
pub(super) fn gated<S>(stream: S, gate: Gate) -> Layered<S, Gate> {
    Layered::new(stream, gate)
}

impl Layer for Gate {
    fn poll_read(
        &mut self,
        inner: Pin<&mut (impl AsyncRead + Unpin)>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.stops_reading() {
            self.0.reader.register(cx.waker());
            // It may have been opened just before.
            if self.stops_reading() {
                return Poll::Pending;
            }
        }
        let before = into.filled().len();
        let result = inner.poll_read(cx, into);
        let count = into.filled().len() - before;
        if count > 0 {
            self.hear();
            if self.is_shut() {
                self.spend(count);
            }
        }
        result
    }

    fn wrote(&mut self, _: usize) {
        self.0.writes.fetch_add(1, Ordering::AcqRel);
        self.0.wrote.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn shut_gate_reads_nothing_until_opened() {
        let gate = Gate::new();
        let mut stream = gated(&b"abc"[..], gate.clone());
        gate.shut();
        let mut read = Box::pin(stream.read_u8());
        assert!(poll!(&mut read).is_pending());
        let opener = async { gate.open() };
        assert_eq!(tokio::join!(&mut read, opener).0.unwrap(), b'a');
        drop(read);
        gate.shut();
        gate.force();
        assert_eq!(stream.read_u8().await.unwrap(), b'b');
        gate.unforce();
        assert!(poll!(&mut Box::pin(stream.read_u8())).is_pending());
        gate.0.allowance.store(0, Ordering::Release);
        gate.force();
        assert!(poll!(&mut Box::pin(stream.read_u8())).is_pending(), "no more may pass until it is opened");
    }

    /// The first exchange may have to wait for a lot; the next one has as much.
    #[tokio::test]
    async fn each_key_exchange_has_its_allowance() {
        let gate = Gate::new();
        let mut stream = gated(tokio::io::repeat(0), gate.clone());
        gate.shut();
        let mut data = vec![0; EXCHANGE_ALLOWANCE];
        for _ in 0..2 {
            gate.force();
            stream.read_exact(&mut data).await.unwrap();
            assert!(poll!(&mut Box::pin(stream.read_u8())).is_pending());
        }
    }

    /// The reader of one channel goes on, and that of another still waits.
    #[test]
    fn gate_is_open_when_nobody_holds_it() {
        let gate = Gate::new();
        gate.shut();
        gate.clone().shut();
        gate.open();
        assert!(gate.is_shut());
        gate.open();
        assert!(!gate.is_shut());
    }
}
