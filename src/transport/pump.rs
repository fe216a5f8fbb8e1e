//! Joins two byte streams in both directions, each half-close passed on by itself.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// One read at the most; four of these are all the memory a pump takes.
const CHUNK: usize = 64 * 1024;

/// How long `remote` has to end after the end of `input`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterInput {
    /// As long as it likes: it may have much to say still.
    ForEver,
    /// So long: whoever wrote the input reads the output as well, and is gone.
    For(Duration),
}

/// Copies `input` to `remote` and `remote` to `output` until both directions have ended or one fails. The end of
/// `input` shuts down the sending side of `remote` only; the end of `remote` ends `output` by `close_output`.
///
/// # Errors
/// As reading or writing fails. A remote that has gone while we were still sending is the end, not an error.
pub async fn join<I, O, R>(
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
            Err(error) if is_gone(&error) => Ok(()),
            other => {
                other.and(to_remote.shutdown().await.or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) }))
            }
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
            (Ok(()), AfterInput::ForEver) => down.await,
            (Ok(()), AfterInput::For(time)) => tokio::time::timeout(time, down).await.unwrap_or(Ok(())),
            (failed, _) => failed,
        },
        result = &mut down => match result {
            Ok(()) => up.await,
            failed => failed,
        },
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}

/// Copies until the end, handing on what is there as soon as it is there.
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
