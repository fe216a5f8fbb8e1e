//! The bytes of one forwarded connection, between a local socket and its far half.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::either::Either;

use super::listen::Accepted;
use super::opener::Opened;

/// The size of a read in bytes; each direction has a buffer.
const CHUNK: usize = 64 * 1024;

/// The bytes that a connection has carried.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// The bytes from the local side.
    pub up: AtomicU64,
    /// The bytes from the far side.
    pub down: AtomicU64,
}

/// Copies in both directions until both have ended, one fails, or the far side takes nothing more. The end of one direction is
/// passed on, and does not end the other. `first` has been read from the local side already.
///
/// Where the connection to the far side was lost, the local client sees a reset and not an end, which might be taken for the end of
/// the data.
///
/// # Errors
/// The error of the side that failed.
pub(crate) async fn relay(local: Accepted, first: Vec<u8>, far: Opened, meter: Arc<Meter>) -> io::Result<()> {
    let Opened { stream, closed } = far;
    let (mut from_far, mut to_far) = tokio::io::split(stream);
    let (mut from_local, mut to_local) = tokio::io::split(local);
    let up = async {
        if !first.is_empty() {
            to_far.write_all(&first).await?;
            meter.up.fetch_add(first.len() as u64, Ordering::Relaxed);
        }
        copy(&mut from_local, &mut to_far, &meter.up).await?;
        to_far.shutdown().await
    };
    let down = async {
        copy(&mut from_far, &mut to_local, &meter.down).await?;
        to_local.shutdown().await
    };
    let result = both(up, down, closed.cancelled()).await;
    drop((from_far, to_far));
    let is_cut =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionRefused);
    if result.as_ref().is_err_and(is_cut) {
        reset(from_local.unsplit(to_local));
    }
    result
}

/// Waits for both directions. When the far side is closed, what has arrived is still delivered.
async fn both(
    up: impl Future<Output = io::Result<()>>,
    down: impl Future<Output = io::Result<()>>,
    closed: impl Future<Output = ()>,
) -> io::Result<()> {
    tokio::pin!(up, down, closed);
    tokio::select! {
        result = &mut down => {
            result?;
            tokio::select! {
                result = up => result,
                () = closed => Ok(()),
            }
        }
        result = &mut up => {
            match result {
                // The far side may have answered before it stopped to listen.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                other => other?,
            }
            down.await
        }
        () = &mut closed => down.await,
    }
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    count: &AtomicU64,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk).await? {
            0 => return Ok(()),
            read => {
                to.write_all(&chunk[..read]).await?;
                count.fetch_add(read as u64, Ordering::Relaxed);
            }
        }
    }
}

/// Ends a connection with a reset, where there is one.
fn reset(local: Accepted) {
    if let Either::Left(socket) = local {
        let _ = socket.set_zero_linger();
    }
}
