//! Simulates distance with a relay that passes on each byte half a round trip after its arrival. The kernel's own
//! delays (netem) need a module and a network namespace; this relay needs neither.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

/// The largest read in bytes.
const CHUNK: usize = 64 * 1024;
/// The number of chunks in flight per direction: more than any SSH window, so that the path itself is never full.
const MAX_CHUNKS_IN_FLIGHT: usize = 4096;

/// Serves a relay on a free port of loopback and returns the port.
pub(crate) async fn serve(port: u16, round_trip: Duration) -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let here = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            tokio::spawn(relay_connection(near, port, round_trip));
        }
    });
    Ok(here)
}

async fn relay_connection(near: TcpStream, port: u16, round_trip: Duration) -> io::Result<()> {
    let half = round_trip / 2;
    near.set_nodelay(true)?;
    // The kernel has accepted the caller's connection at once. This sleep stands for the round trip of the TCP
    // handshake, and the half round trip below for its last packet to the far side.
    sleep(round_trip).await;
    let (near_out, near_in) = near.into_split();
    let (sender, to_far) = mpsc::channel(MAX_CHUNKS_IN_FLIGHT);
    let far = async {
        sleep(half).await;
        let far = TcpStream::connect(("127.0.0.1", port)).await?;
        far.set_nodelay(true)?;
        let (far_out, far_in) = far.into_split();
        let (sender, to_near) = mpsc::channel(MAX_CHUNKS_IN_FLIGHT);
        tokio::join!(
            read_chunks(far_out, sender, half),
            write_when_due(to_near, near_in, half),
            write_when_due(to_far, far_in, half)
        );
        Ok(())
    };
    tokio::join!(read_chunks(near_out, sender, half), far).1
}

/// A piece of data and the time at which it is due.
type Chunk = (Instant, Vec<u8>);

async fn read_chunks(mut from: impl AsyncRead + Unpin, to: mpsc::Sender<Chunk>, delay: Duration) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        if to.send((Instant::now() + delay, chunk[..count].to_vec())).await.is_err() {
            return;
        }
    }
}

/// Writes each chunk when it is due, in order, and then closes the stream.
async fn write_when_due(mut from: mpsc::Receiver<Chunk>, mut to: impl AsyncWrite + Unpin, delay: Duration) {
    while let Some((due, bytes)) = from.recv().await {
        sleep_until(due).await;
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
    sleep(delay).await;
    let _ = to.shutdown().await;
}
