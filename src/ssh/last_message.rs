//! A layer that reads what the server sent before it closed the connection, although a write has failed.
//!
//! A server that ends a connection says why, in a DISCONNECT message, and closes. A client that is sending meets the closed
//! connection first, and russh ends with that: the reason would be lost.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::io::{Layer, Layered};

/// The time for which the rest is read: it has arrived already, or is on its way.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// Lets writes fail only after all has been read.
#[derive(Default)]
pub(super) struct LastMessage {
    failure: Option<Failure>,
}

/// A write that failed.
struct Failure {
    error: io::Error,
    /// The end of the current wait for more. The reader may come late: only a wait counts.
    limit: Option<Pin<Box<Sleep>>>,
}

/// Puts the layer on a stream.
pub(super) fn with_last_message<S>(stream: S) -> Layered<S, LastMessage> {
    Layered::new(stream, LastMessage::default())
}

impl Failure {
    /// Returns the error again. An error of the operating system keeps its number.
    fn copy(&self) -> io::Error {
        self.error
            .raw_os_error()
            .map_or_else(|| io::Error::new(self.error.kind(), self.error.to_string()), io::Error::from_raw_os_error)
    }
}

impl Layer for LastMessage {
    /// Reads on after a failed write; the end of that is the failure.
    fn poll_read(
        &mut self,
        inner: Pin<&mut (impl AsyncRead + Unpin)>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let result = inner.poll_read(cx, into);
        let Some(failure) = &mut self.failure else { return result };
        match result {
            Poll::Ready(Ok(())) if into.filled().len() > before => {
                failure.limit = None;
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(_) => {}
            Poll::Pending => {
                ready!(failure.limit.get_or_insert_with(|| Box::pin(sleep(READ_TIMEOUT))).as_mut().poll(cx))
            }
        }
        Poll::Ready(Err(failure.copy()))
    }

    /// Takes a write to a connection that the server has closed as done: nothing that is sent now matters.
    fn write_failed(&mut self, error: io::Error) -> io::Result<()> {
        match error.kind() {
            _ if self.failure.is_some() => Ok(()),
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
                self.failure = Some(Failure { error, limit: None });
                Ok(())
            }
            _ => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, join};

    use super::*;

    /// Returns a stream whose other end is closed.
    fn closed() -> DuplexStream {
        duplex(16).0
    }

    #[tokio::test]
    async fn rest_is_read_after_a_failed_write() {
        let mut stream = with_last_message(join(&b"the reason"[..], closed()));
        stream.write_all(b"input").await.unwrap();
        let mut read = [0; 10];
        stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"the reason");
        stream.write_all(b"more input").await.unwrap();
        let end = stream.read(&mut read).await.unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_awaited_for_long_after_it() {
        let (silent, _held) = duplex(16);
        let mut stream = with_last_message(join(silent, closed()));
        stream.write_all(b"input").await.unwrap();
        let end = stream.read(&mut [0; 16]).await.unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::BrokenPipe);
    }
}
