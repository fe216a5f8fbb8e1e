//! A layer that ends a write which makes no progress.
//!
//! russh sends its keepalives from the loop that writes. If the network swallows what is sent while there is much to send, that
//! loop hangs in a write, and no keepalive can find out that the server is gone; the system itself would take a quarter of an
//! hour. A remote program that does not read is not affected: the SSH windows hold it back, and its sshd reads on.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::io::{Layer, Layered};

/// Limits the time of a write or flush without progress.
pub(super) struct WriteTimeout {
    limit: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

/// Puts the layer on a stream: a write may make no progress for `limit`.
pub(super) fn write_timeout<S>(stream: S, limit: Duration) -> Layered<S, WriteTimeout> {
    Layered::new(stream, WriteTimeout { limit, stalled: None })
}

impl Layer for WriteTimeout {
    /// Passes a result on; one that is pending for too long becomes an error.
    fn written<T>(&mut self, result: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stalled = None;
            return result;
        }
        let limit = self.limit;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        timer.as_mut().poll(cx).map(|()| {
            let text = format!("connection timed out: no data was taken for {} s", limit.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stalled_write_ends_and_slow_one_goes_on() {
        let (ours, mut theirs) = duplex(16);
        let mut stream = write_timeout(ours, Duration::from_secs(60));
        let slow_reader = async {
            for _ in 0..4 {
                sleep(Duration::from_secs(50)).await;
                let mut chunk = [0; 16];
                theirs.read_exact(&mut chunk).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(stream.write_all(&[0; 64]), slow_reader);
        written.unwrap();
        let stalled = stream.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(stalled.kind(), io::ErrorKind::TimedOut);
    }
}
