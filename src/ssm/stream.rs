//! The local end of a session: a byte stream that ends the session when it is dropped.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, DuplexStream, ReadBuf};
use tokio::sync::oneshot;

use super::error::Error;
use crate::io::{Layer, Layered};

/// A byte stream to the port. Dropping it ends the session.
pub(crate) type SessionStream = Layered<DuplexStream, SessionEnd>;

/// Turns the end of the pipe into the error that ended the session.
pub(crate) struct SessionEnd {
    /// The error that ended the session, if any.
    error: Arc<OnceLock<Error>>,
    _alive: oneshot::Sender<()>,
}

/// Makes the stream over this pipe; `error` holds the error that ended the session, and the receiver resolves when the stream is
/// dropped.
pub(super) fn session_stream(
    pipe: DuplexStream,
    error: Arc<OnceLock<Error>>,
) -> (SessionStream, oneshot::Receiver<()>) {
    let (alive, dropped) = oneshot::channel();
    (Layered::new(pipe, SessionEnd { error, _alive: alive }), dropped)
}

impl Layer for SessionEnd {
    fn poll_read(
        &mut self,
        inner: Pin<&mut (impl AsyncRead + Unpin)>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = inner.poll_read(cx, into);
        match (&polled, self.error.get()) {
            (Poll::Ready(Ok(())), Some(error)) if into.filled().len() == before && into.remaining() > 0 => {
                Poll::Ready(Err(io::Error::other(error.clone())))
            }
            _ => polled,
        }
    }
}
