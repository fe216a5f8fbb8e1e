//! The local end of a session: a byte stream that ends the session when it is dropped.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::oneshot;

use super::Error;

/// A byte stream to the port. Dropping it ends the session.
pub struct SessionStream {
    pipe: DuplexStream,
    /// The error that ended the session, if any.
    end: Arc<OnceLock<Error>>,
    _alive: oneshot::Sender<()>,
}

impl SessionStream {
    /// Creates a stream over this pipe; `end` holds the error that ended the session, and the receiver resolves when
    /// the stream is dropped.
    pub(super) fn new(pipe: DuplexStream, end: Arc<OnceLock<Error>>) -> (Self, oneshot::Receiver<()>) {
        let (alive, dropped) = oneshot::channel();
        (Self { pipe, end, _alive: alive }, dropped)
    }
}

impl AsyncRead for SessionStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.pipe).poll_read(cx, into);
        match (&polled, self.end.get()) {
            (Poll::Ready(Ok(())), Some(error)) if into.filled().len() == before && into.remaining() > 0 => {
                Poll::Ready(Err(io::Error::other(error.clone())))
            }
            _ => polled,
        }
    }
}

impl AsyncWrite for SessionStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}
