//! A layer that records the first bytes received, so that a failed handshake can be explained by what the peer is. After that
//! nothing is copied.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use crate::io::{Layer, Layered};

/// An identification line has at most 255 characters (RFC 4253, section 4.2).
const MAX_IDENTIFICATION_LENGTH: usize = 255;

/// The first bytes received, shared with the layer that records them.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstBytes(Arc<Mutex<Vec<u8>>>);

impl FirstBytes {
    /// Returns the first line received so far, if any byte was.
    pub(super) fn first_line(&self) -> Option<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = bytes.split(|byte| *byte == b'\n').next().filter(|_| !bytes.is_empty())?;
        Some(String::from_utf8_lossy(line).trim_end().to_owned())
    }
}

/// Records the first bytes that are read.
pub(super) struct Tap {
    first: FirstBytes,
    full: bool,
}

/// Puts the layer on a stream; returns the record, too.
pub(super) fn tap<S>(stream: S) -> (Layered<S, Tap>, FirstBytes) {
    let first = FirstBytes::default();
    (Layered::new(stream, Tap { first: first.clone(), full: false }), first)
}

impl Layer for Tap {
    fn poll_read(
        &mut self,
        inner: Pin<&mut (impl AsyncRead + Unpin)>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let result = inner.poll_read(cx, into);
        if !self.full && matches!(result, Poll::Ready(Ok(()))) {
            let mut recorded = self.first.0.lock().unwrap_or_else(PoisonError::into_inner);
            let room = MAX_IDENTIFICATION_LENGTH - recorded.len();
            let fresh = &into.filled()[before..];
            recorded.extend_from_slice(&fresh[..fresh.len().min(room)]);
            self.full = recorded.len() == MAX_IDENTIFICATION_LENGTH;
        }
        result
    }
}
