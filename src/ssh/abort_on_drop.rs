//! A layer that breaks the stream when its handshake is no longer awaited: russh runs a connection in a task of its own, which
//! would wait on for a silent server and hold whatever the stream is made of. While it waits for the host key check it reads
//! nothing: the handler ends that wait by the same token.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};

use crate::io::{Layer, Layered};

/// Ends reads with an error once cancelled.
pub(super) struct AbortOnDrop {
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// Breaks the stream when it is dropped.
pub(super) struct AbortGuard(DropGuard);

/// Puts the layer on a stream; the token is cancelled when the guard is dropped.
pub(super) fn abort_on_drop<S>(stream: S, token: CancellationToken) -> (Layered<S, AbortOnDrop>, AbortGuard) {
    let cancelled = Box::pin(token.clone().cancelled_owned());
    (Layered::new(stream, AbortOnDrop { cancelled }), AbortGuard(token.drop_guard()))
}

impl AbortGuard {
    /// Leaves the stream to russh's task from now on.
    pub(super) fn disarm(self) {
        self.0.disarm();
    }
}

impl Layer for AbortOnDrop {
    fn poll_read(
        &mut self,
        inner: Pin<&mut (impl AsyncRead + Unpin)>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.cancelled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            Poll::Pending => inner.poll_read(cx, into),
        }
    }
}
