//! Copies between two byte streams in both directions and passes on each half-close separately.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Size of a read buffer, in bytes; each direction has one.
const CHUNK: usize = 64 * 1024;

/// The time that `remote` may take to end after `input` has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterInput {
    /// No limit: the remote may still have much to send.
    Unlimited,
    /// A timeout: the process that closed `input` no longer reads the output either.
    For(Duration),
}

/// Copies `input` to `remote` and `remote` to `output` until both directions have ended or one fails. The end of
/// `input` only shuts down the write side of `remote`; at the end of `remote`, `close_output` closes `output`.
///
/// # Errors
/// Returns the I/O error of a failed read or write. A remote that disconnects while data is being sent counts as the
/// end, not as an error.
pub(crate) async fn join<I, O, R>(
    input: I,
    output: O,
    remote: R,
    close_output: impl FnOnce(),
    after: AfterInput,
) -> io::Result<()>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
    R: AsyncRead + AsyncWrite,
{
    let (mut from_remote, mut to_remote) = tokio::io::split(remote);
    let up = async {
        match copy(input, &mut to_remote).await {
            Err(error) if is_disconnect(&error) => Ok(()),
            other => other.and(
                to_remote.shutdown().await.or_else(|error| if is_disconnect(&error) { Ok(()) } else { Err(error) }),
            ),
        }
    };
    let down = async {
        match copy(&mut from_remote, output).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
            other => other,
        }?;
        close_output();
        Ok(())
    };
    tokio::pin!(up, down);
    tokio::select! {
        result = &mut up => match (result, after) {
            (Ok(()), AfterInput::Unlimited) => down.await,
            (Ok(()), AfterInput::For(time)) => tokio::time::timeout(time, down).await.unwrap_or(Ok(())),
            (failed, _) => failed,
        },
        result = &mut down => match result {
            Ok(()) => up.await,
            failed => failed,
        },
    }
}

fn is_disconnect(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}

/// Copies until the end of the stream and flushes after each read.
async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk).await? {
            0 => return to.flush().await,
            n => {
                to.write_all(&chunk[..n]).await?;
                to.flush().await?;
            }
        }
    }
}
