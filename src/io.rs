//! The wrapper for byte streams that add something to reading or writing and forward the rest: [`Layered`] implements
//! [`AsyncRead`] and [`AsyncWrite`] once, a [`Layer`] overrides what it changes. Knows no protocol.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A byte stream in both directions, whatever lies below it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The difference that a wrapper makes; everything that is not overridden is forwarded.
pub(crate) trait Layer: Unpin {
    /// Reads from the inner stream.
    fn poll_read(
        &mut self,
        inner: Pin<&mut (impl AsyncRead + Unpin)>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        inner.poll_read(cx, into)
    }

    /// Sees the result of each write and flush before the caller does.
    fn written<T>(&mut self, result: Poll<io::Result<T>>, _: &mut Context<'_>) -> Poll<io::Result<T>> {
        result
    }

    /// Sees how many bytes were written.
    fn wrote(&mut self, _: usize) {}

    /// Sees the error of a failed write; with `Ok` the bytes count as written.
    fn write_failed(&mut self, error: io::Error) -> io::Result<()> {
        Err(error)
    }
}

/// A stream with a [`Layer`] on it.
pub(crate) struct Layered<S, L> {
    inner: S,
    layer: L,
}

impl<S, L> Layered<S, L> {
    /// Puts the layer on the stream.
    pub(crate) fn new(inner: S, layer: L) -> Self {
        Self { inner, layer }
    }
}

impl<S: AsyncRead + Unpin, L: Layer> AsyncRead for Layered<S, L> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.layer.poll_read(Pin::new(&mut this.inner), cx, into)
    }
}

impl<S: AsyncWrite + Unpin, L: Layer> AsyncWrite for Layered<S, L> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.inner).poll_write(cx, bytes);
        let result = result.map(|result| result.or_else(|error| this.layer.write_failed(error).map(|()| bytes.len())));
        let result = this.layer.written(result, cx);
        if let Poll::Ready(Ok(count)) = result {
            this.layer.wrote(count);
        }
        result
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.inner).poll_flush(cx);
        let result = result.map(|result| result.or_else(|error| this.layer.write_failed(error)));
        this.layer.written(result, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

/// Puts bytes that were read ahead in front of a stream.
pub(crate) struct Prefix(pub bytes::Bytes);

impl Layer for Prefix {
    fn poll_read(
        &mut self,
        inner: Pin<&mut (impl AsyncRead + Unpin)>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return inner.poll_read(cx, into);
        }
        let count = self.0.len().min(into.remaining());
        into.put_slice(&self.0.split_to(count));
        Poll::Ready(Ok(()))
    }
}

/// Keeps a value alive as long as the stream: a task handle that aborts on drop, a guard.
pub(crate) struct Holding<T>(pub T);

impl<T: Unpin> Layer for Holding<T> {}
