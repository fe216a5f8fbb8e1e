//! Probes: the proof that a connection leads to the service that is meant. What the bytes mean is up to the caller.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::io::Stream;

/// The interval at which a socket is peeked again after bytes that prove nothing yet.
const PEEK_POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The number of bytes that are peeked at most: more does not fit into every system's receive buffer. A socket with so many bytes
/// and no verdict is taken as it is, and the protocol spoken over it will tell.
const MAX_PEEKED: usize = 32 * 1024;

/// The proof that a probe waits for.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// The proof in words, without an article: "identification".
    pub awaited: &'static str,
    /// Bytes to send first; the proof may be an answer to them.
    pub request: Bytes,
    /// How the proof is recognized.
    pub proof: Proof,
    /// The time limit for the proof.
    pub timeout: Duration,
}

/// How a proof is recognized.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// The connection itself is the proof: no byte is awaited.
    Connection,
    /// A line that starts with these bytes, among the first `within` bytes.
    Line {
        /// The beginning of the line.
        starts_with: &'static [u8],
        /// The number of bytes to look at.
        within: usize,
    },
    /// Bytes that start with these.
    #[cfg_attr(not(test), expect(dead_code, reason = "for protocols that answer a request, such as RDP"))]
    Bytes(&'static [u8]),
}

/// Why a probe failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProbeError {
    /// Nothing, or not enough, was received in time.
    #[error("no {awaited} within {seconds} s")]
    Timeout {
        /// The proof that is awaited.
        awaited: &'static str,
        /// The time limit in seconds.
        seconds: u64,
    },
    /// The far side closed the connection first.
    #[error("the connection was closed before any {0} was received")]
    Closed(&'static str),
    /// The received bytes cannot become the proof any more.
    #[error("the server sent something other than the expected {0}")]
    Unexpected(&'static str),
    /// The connection broke; the error may hold the one of a layer below.
    #[error(transparent)]
    Broken(#[from] io::Error),
}

/// Result of looking at the bytes received so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Proven,
    Undecided,
    Refuted,
}

impl Proof {
    fn judge(&self, received: &[u8]) -> Verdict {
        match self {
            Self::Connection => Verdict::Proven,
            Self::Line { starts_with, within } => {
                if received.split(|byte| *byte == b'\n').any(|line| line.starts_with(starts_with)) {
                    Verdict::Proven
                } else if received.len() >= *within {
                    Verdict::Refuted
                } else {
                    Verdict::Undecided
                }
            }
            Self::Bytes(expected) => match received.len().min(expected.len()) {
                length if received[..length] != expected[..length] => Verdict::Refuted,
                length if length == expected.len() => Verdict::Proven,
                _ => Verdict::Undecided,
            },
        }
    }

    /// Returns where the last line begins, for a proof that is a line.
    fn next_line(&self, received: &[u8]) -> Option<usize> {
        match self {
            Self::Line { .. } => received.iter().rposition(|byte| *byte == b'\n').map(|end| end + 1),
            Self::Connection | Self::Bytes(_) => None,
        }
    }

    /// The number of bytes after which the verdict is final.
    fn longest(&self) -> usize {
        match self {
            Self::Connection => 0,
            Self::Line { within, .. } => *within,
            Self::Bytes(expected) => expected.len(),
        }
    }
}

impl Probe {
    /// Waits for the proof on a socket and leaves it unread, so that the socket can be handed to another process.
    ///
    /// # Errors
    /// [`ProbeError`], by the first of its causes that occurs.
    pub(crate) async fn peek(&self, socket: &mut TcpStream) -> Result<(), ProbeError> {
        self.limited(async {
            if !self.request.is_empty() {
                socket.write_all(&self.request).await?;
            }
            let mut received = vec![0; self.proof.longest().min(MAX_PEEKED)];
            while self.proof.longest() > 0 {
                let count = socket.peek(&mut received).await?;
                match self.proof.judge(&received[..count]) {
                    _ if count == 0 => return Err(ProbeError::Closed(self.awaited)),
                    Verdict::Proven => break,
                    Verdict::Undecided if count == MAX_PEEKED => break,
                    Verdict::Refuted => return Err(ProbeError::Unexpected(self.awaited)),
                    Verdict::Undecided => sleep(PEEK_POLL_INTERVAL).await,
                }
            }
            Ok(())
        })
        .await
    }

    /// Waits for the proof on a stream and returns the bytes that were read for it.
    ///
    /// # Errors
    /// As for [`Probe::peek`].
    pub(crate) async fn read(&self, stream: &mut (impl Stream + ?Sized)) -> Result<Bytes, ProbeError> {
        self.limited(async {
            if !self.request.is_empty() {
                stream.write_all(&self.request).await?;
                stream.flush().await?;
            }
            let mut received = Vec::new();
            // The bytes before the last line were judged already.
            let mut line = 0;
            while self.proof.judge(&received[line..]) != Verdict::Proven {
                if stream.read_buf(&mut received).await? == 0 {
                    return Err(ProbeError::Closed(self.awaited));
                }
                match self.proof.judge(&received[line..]) {
                    Verdict::Proven => break,
                    Verdict::Refuted => return Err(ProbeError::Unexpected(self.awaited)),
                    Verdict::Undecided if received.len() >= self.proof.longest() => {
                        return Err(ProbeError::Unexpected(self.awaited));
                    }
                    Verdict::Undecided => line = self.proof.next_line(&received).unwrap_or(line),
                }
            }
            Ok(received.into())
        })
        .await
    }

    async fn limited<T>(&self, wait: impl Future<Output = Result<T, ProbeError>>) -> Result<T, ProbeError> {
        let late = || ProbeError::Timeout { awaited: self.awaited, seconds: self.timeout.as_secs() };
        timeout(self.timeout, wait).await.unwrap_or_else(|_| Err(late()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Proof {
        Proof::Line { starts_with: b"HELLO", within: 16 }
    }

    #[test]
    fn verdict_on_received_bytes() {
        let bytes = || Proof::Bytes(&[3, 0, 0]);
        let table = [
            (Proof::Connection, &b""[..], Verdict::Proven),
            (line(), b"", Verdict::Undecided),
            (line(), b"HELL", Verdict::Undecided),
            (line(), b"HELLO there", Verdict::Proven),
            (line(), b"note\nHELLO", Verdict::Proven),
            (line(), b"no HELLO", Verdict::Undecided),
            (line(), b"0123456789abcdef", Verdict::Refuted),
            (bytes(), &[], Verdict::Undecided),
            (bytes(), &[3, 0], Verdict::Undecided),
            (bytes(), &[3, 0, 0, 19], Verdict::Proven),
            (bytes(), &[3, 1], Verdict::Refuted),
        ];
        for (proof, received, verdict) in table {
            assert_eq!(proof.judge(received), verdict, "{proof:?} {received:?}");
        }
    }

    fn probe(request: &'static [u8], proof: Proof) -> Probe {
        Probe { awaited: "greeting", request: Bytes::from_static(request), proof, timeout: Duration::from_secs(10) }
    }

    #[tokio::test(start_paused = true)]
    async fn reads_proof_sends_request_and_times_out() {
        let (mut ours, mut theirs) = tokio::io::duplex(64);
        theirs.write_all(b"HELLO\n").await.unwrap();
        assert_eq!(probe(b"", line()).read(&mut ours).await.unwrap(), "HELLO\n");
        let answering = async {
            let mut request = [0; 3];
            theirs.read_exact(&mut request).await.unwrap();
            theirs.write_all(&[3, 0, 0, 11]).await.unwrap();
            request
        };
        let probe = probe(b"ask", Proof::Bytes(&[3, 0, 0]));
        let (request, answer) = tokio::join!(answering, probe.read(&mut ours));
        assert_eq!((&request, &answer.unwrap()[..3]), (b"ask", &[3, 0, 0][..]));
        assert_eq!(probe.read(&mut ours).await.unwrap_err().to_string(), "no greeting within 10 s");
        drop(theirs);
        assert!(matches!(probe.read(&mut ours).await, Err(ProbeError::Broken(_) | ProbeError::Closed(_))));
    }
}
