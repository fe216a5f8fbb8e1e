//! A stream whose reads fail once its handshake is abandoned.
//!
//! russh runs a connection in a task of its own, which would otherwise keep waiting for a silent server and hold the
//! resources of the stream. While that task waits for the host key check it reads nothing; the same token cancels that
//! wait.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};

/// The stream whose reads fail after an abort.
pub struct AbortOnDrop<S> {
    inner: S,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// A guard that breaks the stream when it is dropped.
pub struct AbortGuard(DropGuard);

impl<S> AbortOnDrop<S> {
    /// Wraps a stream and returns it with its guard; dropping the guard cancels the token.
    pub fn new(inner: S, token: CancellationToken) -> (Self, AbortGuard) {
        let cancelled = Box::pin(token.clone().cancelled_owned());
        (Self { inner, cancelled }, AbortGuard(token.drop_guard()))
    }
}

impl AbortGuard {
    /// Disarms the guard: from now on only russh's task owns the stream.
    pub fn disarm(self) {
        self.0.disarm();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for AbortOnDrop<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.cancelled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            Poll::Pending => Pin::new(&mut self.inner).poll_read(cx, buf),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for AbortOnDrop<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
