//! A connection of a session as a byte stream.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, PollSender};

use super::frame::MAX_PAYLOAD;

/// The number of unread bytes of a stream with which nothing more is read from the session.
const MAX_UNREAD: usize = 4 << 20;
/// The time after which a stream is given up whose reader takes nothing while the session waits because of it.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The time without an answer after which the end of the input is passed on, which ends the answer as well.
const ANSWER_PAUSE: Duration = Duration::from_secs(5);

/// A request of a stream to the task of its session.
pub(super) enum Request {
    /// Opens a stream; answers with its number and its state.
    Open(oneshot::Sender<(u32, Arc<Shared>)>),
    /// Sends data of a stream.
    Data(u32, Vec<u8>),
    /// No more data of this stream will come.
    InputEnded(u32),
    /// Ends a stream in both directions.
    Drop(u32),
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Either side has ended the stream.
    Ended,
    /// The agent could not connect.
    Refused,
    /// The session has ended.
    Lost,
    /// The reader took nothing for too long.
    Stalled,
}

/// The state that the task of the session and the stream share.
pub(super) struct Shared {
    state: Mutex<State>,
    reader: AtomicWaker,
    closed: CancellationToken,
}

struct State {
    kept: VecDeque<Bytes>,
    size: usize,
    has_received: bool,
    end: Option<End>,
    input_ended: bool,
    /// When data last arrived, or the input ended.
    active: Instant,
    /// When the reader last took something, or had nothing to take.
    taken: Instant,
}

impl Default for Shared {
    fn default() -> Self {
        let now = Instant::now();
        let state = State {
            kept: VecDeque::new(),
            size: 0,
            has_received: false,
            end: None,
            input_ended: false,
            active: now,
            taken: now,
        };
        Self { state: Mutex::new(state), reader: AtomicWaker::new(), closed: CancellationToken::new() }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, data: Bytes) {
        let mut state = self.state();
        let now = Instant::now();
        if state.size == 0 {
            state.taken = now;
        }
        (state.active, state.has_received) = (now, true);
        state.size += data.len();
        state.kept.push_back(data);
        self.reader.wake();
    }

    pub(super) fn end(&self, end: End) {
        let mut state = self.state();
        if state.end.is_none() {
            state.end = Some(end);
        }
        self.closed.cancel();
        self.reader.wake();
    }

    pub(super) fn input_ended(&self) {
        let mut state = self.state();
        state.input_ended = true;
        state.active = Instant::now();
    }

    pub(super) fn is_full(&self) -> bool {
        self.state().size >= MAX_UNREAD
    }

    pub(super) fn has_received(&self) -> bool {
        self.state().has_received
    }

    /// Says that nothing could arrive, because another stream made the session wait.
    pub(super) fn was_held_up(&self) {
        self.state().active = Instant::now();
    }

    /// Returns how the stream is to be ended, if its time has come.
    pub(super) fn is_due(&self) -> Option<End> {
        let state = self.state();
        if state.size >= MAX_UNREAD && state.taken.elapsed() >= STALL_TIMEOUT {
            return Some(End::Stalled);
        }
        (state.input_ended && state.active.elapsed() >= ANSWER_PAUSE).then_some(End::Ended)
    }
}

/// A connection of a session. Dropping it ends the connection.
pub(crate) struct MuxStream {
    number: u32,
    shared: Arc<Shared>,
    requests: PollSender<Request>,
    /// For the drop, which cannot wait.
    last: mpsc::Sender<Request>,
}

impl MuxStream {
    pub(super) fn new(number: u32, shared: Arc<Shared>, requests: mpsc::Sender<Request>) -> Self {
        Self { number, shared, requests: PollSender::new(requests.clone()), last: requests }
    }

    /// Returns what is cancelled when the far side takes nothing more.
    pub(crate) fn closed(&self) -> CancellationToken {
        self.shared.closed.clone()
    }

    fn poll_request(&mut self, cx: &mut Context<'_>, request: impl FnOnce() -> Request) -> Poll<io::Result<()>> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        ready!(self.requests.poll_reserve(cx)).map_err(gone)?;
        Poll::Ready(self.requests.send_item(request()).map_err(gone))
    }
}

impl Drop for MuxStream {
    fn drop(&mut self) {
        let (last, number) = (self.last.clone(), self.number);
        if last.try_send(Request::Drop(number)).is_err() {
            tokio::spawn(async move { last.send(Request::Drop(number)).await });
        }
    }
}

impl AsyncRead for MuxStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.shared.reader.register(cx.waker());
        let mut state = self.shared.state();
        let before = into.filled().len();
        let State { kept, size, .. } = &mut *state;
        while let Some(first) = kept.front_mut()
            && into.remaining() > 0
        {
            let count = first.len().min(into.remaining());
            into.put_slice(&first[..count]);
            *size -= count;
            first.advance(count);
            if first.is_empty() {
                kept.pop_front();
            }
        }
        if into.filled().len() > before {
            state.taken = Instant::now();
            return Poll::Ready(Ok(()));
        }
        match state.end {
            None => Poll::Pending,
            Some(End::Ended) => Poll::Ready(Ok(())),
            Some(End::Refused) => {
                let problem = "the SSM Agent cannot connect to the port";
                Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionRefused, problem)))
            }
            Some(End::Lost | End::Stalled) => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
        }
    }
}

impl AsyncWrite for MuxStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.shared.closed.is_cancelled() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let chunk = &bytes[..bytes.len().min(MAX_PAYLOAD)];
        let number = self.number;
        ready!(self.poll_request(cx, || Request::Data(number, chunk.to_vec())))?;
        Poll::Ready(Ok(chunk.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends the input. The far side is told later, because that ends its answer as well.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let number = self.number;
        let asked = ready!(self.poll_request(cx, || Request::InputEnded(number)));
        // The session may have ended already.
        Poll::Ready(asked.or(Ok(())))
    }
}
