//! A stream that breaks when nobody waits for its handshake any more: russh runs a connection in a task of its own, which
//! would go on waiting for a server that says nothing, and hold whatever the stream is made of. While it waits for our own
//! word on the host key it reads nothing: that wait ends by the same token.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};

/// The stream.
pub struct Leashed<S> {
    inner: S,
    is_let_go: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// Dropped, it breaks the stream.
pub struct Leash(DropGuard);

impl<S> Leashed<S> {
    /// Wraps a stream; the token is cancelled when the leash is dropped.
    pub fn new(inner: S, token: CancellationToken) -> (Self, Leash) {
        let is_let_go = Box::pin(token.clone().cancelled_owned());
        (Self { inner, is_let_go }, Leash(token.drop_guard()))
    }
}

impl Leash {
    /// From now on the stream is its task's own affair.
    pub fn take_off(self) {
        self.0.disarm();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Leashed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.is_let_go.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            Poll::Pending => Pin::new(&mut self.inner).poll_read(cx, buf),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Leashed<S> {
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
