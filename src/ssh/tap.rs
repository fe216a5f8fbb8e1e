//! A stream that records the first bytes it receives, so that a failed handshake can be explained by what the peer
//! sent. Later bytes are not copied.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The number of bytes recorded: an identification string has at most 255 characters (RFC 4253, section 4.2).
const MAX_IDENTIFICATION_LENGTH: usize = 255;

/// The first bytes received, shared with the stream that receives them.
#[derive(Clone, Debug, Default)]
pub struct FirstBytes(Arc<Mutex<Vec<u8>>>);

impl FirstBytes {
    /// Returns the first line received so far; `None` if nothing was received.
    pub fn first_line(&self) -> Option<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = bytes.split(|byte| *byte == b'\n').next().filter(|_| !bytes.is_empty())?;
        Some(String::from_utf8_lossy(line).trim_end().to_owned())
    }
}

/// The stream that records its first bytes.
pub struct Tap<S> {
    inner: S,
    first: FirstBytes,
    full: bool,
}

impl<S> Tap<S> {
    /// Wraps a stream; returns it with a handle to the recorded bytes.
    pub fn new(inner: S) -> (Self, FirstBytes) {
        let first = FirstBytes::default();
        (Self { inner, first: first.clone(), full: false }, first)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let result = Pin::new(&mut this.inner).poll_read(cx, buf);
        if !this.full && matches!(result, Poll::Ready(Ok(()))) {
            let mut kept = this.first.0.lock().unwrap_or_else(PoisonError::into_inner);
            let room = MAX_IDENTIFICATION_LENGTH - kept.len();
            let fresh = &buf.filled()[before..];
            kept.extend_from_slice(&fresh[..fresh.len().min(room)]);
            this.full = kept.len() == MAX_IDENTIFICATION_LENGTH;
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
