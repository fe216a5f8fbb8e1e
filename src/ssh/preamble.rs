//! A layer that drops the lines before the server's identification string (RFC 4253, section 4.2), within OpenSSH's limits: russh
//! accepts fewer and shorter ones. What was received first is kept, so that a failed handshake can be explained by it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use crate::io::{Layer, Layered};

/// The number of lines before the identification, and the length of a line in bytes, as in OpenSSH's `kex_exchange_identification`.
const MAX_LINES: usize = 1024;
const MAX_LINE_LENGTH: usize = 8192;
/// The beginning of every identification.
const IDENTIFICATION: &[u8] = b"SSH-";
/// The number of bytes of a line that is kept.
const MAX_KEPT: usize = 255;

/// The first lines received, shared with the layer that reads them.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstLines(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    first: Option<String>,
    identification: Option<String>,
}

impl FirstLines {
    /// Returns the identification, if it was received.
    pub(super) fn identification(&self) -> Option<String> {
        self.lock().identification.clone()
    }

    /// Returns the first line, if anything was received.
    pub(super) fn first(&self) -> Option<String> {
        self.lock().first.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, line: &[u8]) {
        let text = || String::from_utf8_lossy(&line[..line.len().min(MAX_KEPT)]).trim_end().to_owned();
        let mut lines = self.lock();
        lines.first.get_or_insert_with(text);
        if line.starts_with(IDENTIFICATION) {
            lines.identification.get_or_insert_with(text);
        }
    }
}

/// Drops the lines before the identification.
pub(super) struct Preamble {
    lines: FirstLines,
    /// The bytes that were received and not passed on.
    pending: Vec<u8>,
    dropped: usize,
    /// Set after the identification: everything is passed on.
    passing: bool,
}

/// Puts the layer on a stream; returns the record, too.
pub(super) fn preamble<S>(stream: S) -> (Layered<S, Preamble>, FirstLines) {
    let lines = FirstLines::default();
    let layer = Preamble { lines: lines.clone(), pending: Vec::new(), dropped: 0, passing: false };
    (Layered::new(stream, layer), lines)
}

impl Preamble {
    /// Drops whole lines up to the identification.
    fn drop_lines(&mut self) -> io::Result<()> {
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            self.lines.note(&self.pending[..end]);
            if self.pending.starts_with(IDENTIFICATION) {
                self.passing = true;
                return Ok(());
            }
            self.pending.drain(..=end);
            self.dropped += 1;
            if self.dropped > MAX_LINES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "too many lines before the SSH identification"));
            }
        }
        if self.pending.len() > MAX_LINE_LENGTH {
            self.lines.note(&self.pending);
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line before the SSH identification is too long"));
        }
        Ok(())
    }
}

impl Layer for Preamble {
    fn poll_read(
        &mut self,
        mut inner: Pin<&mut (impl AsyncRead + Unpin)>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.passing {
            let mut chunk = [0; 4096];
            let mut chunk = ReadBuf::new(&mut chunk);
            match inner.as_mut().poll_read(cx, &mut chunk) {
                Poll::Ready(Ok(())) if !chunk.filled().is_empty() => {
                    self.pending.extend_from_slice(chunk.filled());
                    if let Err(error) = self.drop_lines() {
                        return Poll::Ready(Err(error));
                    }
                }
                // A line that breaks off is kept for the explanation.
                other => {
                    if !self.pending.is_empty() {
                        self.lines.note(&self.pending);
                    }
                    return other;
                }
            }
        }
        if self.pending.is_empty() {
            return inner.poll_read(cx, into);
        }
        let count = self.pending.len().min(into.remaining());
        into.put_slice(&self.pending[..count]);
        self.pending.drain(..count);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Returns what is read of these bytes, and the record.
    async fn read(bytes: &[u8]) -> (io::Result<String>, FirstLines) {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let (mut stream, lines) = preamble(ours);
        let bytes = bytes.to_vec();
        let writing = tokio::spawn(async move {
            let _ = theirs.write_all(&bytes).await;
        });
        let mut text = String::new();
        let result = stream.read_to_string(&mut text).await;
        drop(stream);
        let _ = writing.await;
        (result.map(|_| text), lines)
    }

    #[tokio::test]
    async fn lines_before_the_identification_are_dropped() {
        let long = "x".repeat(8191) + "\n";
        let many = long.repeat(3) + &"a notice\r\n".repeat(1021);
        for before in ["", "Welcome\r\n", "\n\n", "SSH is here\n", "x SSH-2.0-no\n", &many] {
            let (text, lines) = read(format!("{before}SSH-2.0-x\r\nbinary\nSSH-2.0-y\n").as_bytes()).await;
            assert_eq!(text.unwrap(), "SSH-2.0-x\r\nbinary\nSSH-2.0-y\n", "{}", before.len());
            assert_eq!(lines.identification().as_deref(), Some("SSH-2.0-x"));
        }
    }

    #[tokio::test]
    async fn limits_are_those_of_openssh() {
        for (before, reason) in [("x\n".repeat(1025), "too many lines"), ("x".repeat(9000), "is too long")] {
            let (result, lines) = read(format!("{before}\nSSH-2.0-x\r\n").as_bytes()).await;
            assert!(result.unwrap_err().to_string().contains(reason));
            assert_eq!(lines.first().map(|line| line.len() <= MAX_KEPT), Some(true));
            assert_eq!(lines.identification(), None);
        }
    }

    #[tokio::test]
    async fn first_line_is_kept_for_the_explanation() {
        for (sent, first) in [("HTTP/1.1 400 Bad\r\nmore\r\n", "HTTP/1.1 400 Bad"), ("no line end", "no line end")] {
            let (text, lines) = read(sent.as_bytes()).await;
            assert_eq!((text.unwrap().as_str(), lines.first().as_deref()), ("", Some(first)));
        }
        assert_eq!(read(b"").await.1.first(), None);
    }
}
