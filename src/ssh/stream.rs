//! [`ChannelStream`]: a channel as a byte stream, beside other channels of the same connection.
//!
//! russh gives the window back when data arrives, and waits in its one loop for room in a channel: one reader that stops would stop
//! them all. So a task takes whatever arrives and keeps it here. A reader that is slow makes the server wait, by the gate of the
//! whole connection, once much is kept for it; one that takes nothing at all for some time loses its channel then, and the others
//! go on.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::gate::Gate;

/// The number of unread bytes that are kept for one channel before the server has to wait.
const MAX_UNREAD: usize = 64 << 20;
/// The number of unread bytes that are kept for all channels of a connection together.
const MAX_UNREAD_TOGETHER: usize = 256 << 20;
/// The number of bytes that a reader has to take before the server may go on.
const STEP: usize = 128 << 10;
/// The time after which a channel is closed whose reader takes nothing, while the server has to wait because of it.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The state that the channels of one connection share.
#[derive(Clone)]
pub(super) struct Channels {
    gate: Gate,
    /// The number of channels that are open.
    count: Arc<AtomicUsize>,
}

impl Channels {
    pub(super) fn new(gate: Gate) -> Self {
        Self { gate, count: Arc::default() }
    }

    /// Makes a stream of a channel that is open.
    pub(super) fn stream(&self, channel: Channel<Msg>) -> ChannelStream {
        let (reader, writer) = channel.split();
        let inbox = Arc::new(Inbox::new(self.clone()));
        let closed = CancellationToken::new();
        let stream = ChannelStream {
            inbox: Arc::clone(&inbox),
            output: Box::pin(writer.make_writer()),
            closed: closed.clone(),
            is_closed: Box::pin(closed.clone().cancelled_owned()),
            dropped: CancellationToken::new(),
        };
        tokio::spawn(take(reader, Arc::new(writer), inbox, closed, stream.dropped.clone()));
        stream
    }

    fn limit(&self) -> usize {
        MAX_UNREAD.min(MAX_UNREAD_TOGETHER / self.count.load(Ordering::Relaxed).max(1))
    }
}

/// A channel as a byte stream. The end of its output is a half-close: the other direction stays open. Dropping it closes the channel.
pub(crate) struct ChannelStream {
    inbox: Arc<Inbox>,
    output: Pin<Box<dyn AsyncWrite + Send>>,
    closed: CancellationToken,
    is_closed: Pin<Box<WaitForCancellationFutureOwned>>,
    dropped: CancellationToken,
}

impl ChannelStream {
    /// Returns what is cancelled when the server has closed the channel, and takes nothing more.
    pub(crate) fn closed(&self) -> CancellationToken {
        self.closed.clone()
    }
}

impl Drop for ChannelStream {
    fn drop(&mut self) {
        self.dropped.cancel();
    }
}

/// Takes what arrives until the channel is closed by either side, and then closes it.
async fn take(
    mut reader: ChannelReadHalf,
    writer: Arc<ChannelWriteHalf<Msg>>,
    inbox: Arc<Inbox>,
    closed: CancellationToken,
    dropped: CancellationToken,
) {
    let mut is_closing = false;
    loop {
        tokio::select! {
            message = reader.wait() => match message {
                Some(ChannelMsg::Data { data }) => inbox.push(data),
                Some(ChannelMsg::Eof) => inbox.end(End::Ended),
                Some(ChannelMsg::Close) => {
                    inbox.close(End::Ended);
                    closed.cancel();
                    return;
                }
                None => {
                    inbox.close(End::Lost);
                    closed.cancel();
                    return;
                }
                Some(_) => {}
            },
            () = inbox.stalled(), if !is_closing => {
                inbox.discard(End::Stalled);
                closed.cancel();
                is_closing = true;
                close(&writer);
            }
            () = dropped.cancelled(), if !is_closing => {
                // Nobody reads any more, and the others must not wait for it.
                inbox.discard(End::Ended);
                is_closing = true;
                close(&writer);
            }
        }
    }
}

/// Closes the channel beside what else happens: the message may have to wait, and what arrives must be taken all the same.
fn close(writer: &Arc<ChannelWriteHalf<Msg>>) {
    let writer = Arc::clone(writer);
    tokio::spawn(async move { writer.close().await });
}

/// The data that have arrived and are not read yet.
struct Inbox {
    channels: Channels,
    state: Mutex<State>,
    reader: AtomicWaker,
}

struct State {
    kept: VecDeque<Bytes>,
    size: usize,
    end: Option<End>,
    /// Whether this channel has shut the gate.
    shuts: bool,
    /// When the reader last took something.
    taken: Instant,
}

/// How a channel's data ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The server has sent all.
    Ended,
    /// The connection ended before the channel did.
    Lost,
    /// The reader took nothing for too long.
    Stalled,
}

impl Inbox {
    fn new(channels: Channels) -> Self {
        channels.count.fetch_add(1, Ordering::Relaxed);
        let state = State { kept: VecDeque::new(), size: 0, end: None, shuts: false, taken: Instant::now() };
        Self { channels, state: Mutex::new(state), reader: AtomicWaker::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, data: Bytes) {
        let mut state = self.state();
        // Behind an end nobody reads.
        if state.end.is_some() || data.is_empty() {
            return;
        }
        state.size += data.len();
        state.kept.push_back(data);
        if state.size > self.channels.limit() && !std::mem::replace(&mut state.shuts, true) {
            state.taken = Instant::now();
            self.channels.gate.shut();
        }
        self.reader.wake();
    }

    /// Ends the data: those that have arrived before are still read.
    fn end(&self, end: End) {
        self.state().end.get_or_insert(end);
        self.reader.wake();
    }

    /// Ends the data of a channel that is closed: nothing more can arrive for which the server would have to wait.
    fn close(&self, end: End) {
        let mut state = self.state();
        state.end.get_or_insert(end);
        self.reopen(&mut state);
        self.reader.wake();
    }

    /// Ends the data, and forgets those that are not read.
    fn discard(&self, end: End) {
        let mut state = self.state();
        state.end = Some(end);
        state.kept.clear();
        state.size = 0;
        self.reopen(&mut state);
        self.reader.wake();
    }

    fn reopen(&self, state: &mut State) {
        if std::mem::take(&mut state.shuts) {
            self.channels.gate.open();
        }
    }

    /// Waits until the server has waited for this reader for too long.
    async fn stalled(&self) {
        loop {
            let until = {
                let state = self.state();
                if !state.shuts {
                    break;
                }
                state.taken + STALL_TIMEOUT
            };
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
        std::future::pending().await
    }

    fn poll_read(&self, cx: &Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.reader.register(cx.waker());
        let mut state = self.state();
        let State { kept, size, .. } = &mut *state;
        let before = into.filled().len();
        while let Some(first) = kept.front_mut()
            && into.remaining() > 0
        {
            let count = first.len().min(into.remaining());
            into.put_slice(&first[..count]);
            *size -= count;
            if count == first.len() {
                kept.pop_front();
            } else {
                first.advance(count);
            }
        }
        if into.filled().len() == before {
            return match state.end {
                None => Poll::Pending,
                Some(End::Ended) => Poll::Ready(Ok(())),
                Some(End::Lost) => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
                Some(End::Stalled) => {
                    Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "its reader stalled")))
                }
            };
        }
        state.taken = Instant::now();
        // In small steps: while the server waits, the other channels do.
        if state.size + STEP <= self.channels.limit() {
            self.reopen(&mut state);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Inbox {
    /// Other channels of the connection go on.
    fn drop(&mut self) {
        self.channels.count.fetch_sub(1, Ordering::Relaxed);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut state.shuts) {
            self.channels.gate.open();
        }
    }
}

impl AsyncRead for ChannelStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.inbox.poll_read(cx, into)
    }
}

impl AsyncWrite for ChannelStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // Without this a writer would wait for a window that never comes.
        if self.is_closed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.output.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.output.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closed.is_cancelled() {
            return Poll::Ready(Ok(()));
        }
        let ended = ready!(self.output.as_mut().poll_shutdown(cx));
        // The channel may have been closed in the meantime.
        Poll::Ready(if self.closed.is_cancelled() { Ok(()) } else { ended })
    }
}
