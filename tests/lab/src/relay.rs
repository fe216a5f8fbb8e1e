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

/// The largest piece where the rate is limited, in bytes: it comes in small pieces, as from a slow line.
const SLOW_CHUNK: usize = 2 * 1024;

/// The line that a relay stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// The round-trip time of the line.
    pub round_trip: Duration,
    /// The limit in bytes per second, of each direction.
    pub rate: Option<u32>,
}

/// Serves a relay on a free port of loopback and returns the port.
pub(crate) async fn serve(port: u16, line: Line) -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let here = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            tokio::spawn(relay_connection(near, port, line));
        }
    });
    Ok(here)
}

async fn relay_connection(near: TcpStream, port: u16, line: Line) -> io::Result<()> {
    let Line { round_trip, rate } = line;
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
            read_chunks(far_out, sender, line),
            write_when_due(to_near, near_in, half, rate),
            write_when_due(to_far, far_in, half, rate)
        );
        Ok(())
    };
    tokio::join!(read_chunks(near_out, sender, line), far).1
}

/// A piece of data and the time at which it is due.
type Chunk = (Instant, Vec<u8>);

async fn read_chunks(mut from: impl AsyncRead + Unpin, to: mpsc::Sender<Chunk>, line: Line) {
    let mut chunk = vec![0; if line.rate.is_some() { SLOW_CHUNK } else { CHUNK }];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        if to.send((Instant::now() + line.round_trip / 2, chunk[..count].to_vec())).await.is_err() {
            return;
        }
    }
}

/// Writes each chunk when it is due, in order, and then closes the stream.
async fn write_when_due(
    mut from: mpsc::Receiver<Chunk>,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
    rate: Option<u32>,
) {
    let mut free = Instant::now();
    while let Some((due, bytes)) = from.recv().await {
        sleep_until(due.max(free)).await;
        if let Some(rate) = rate {
            let seconds = f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX)) / f64::from(rate);
            free = due.max(free) + Duration::from_secs_f64(seconds);
        }
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
    sleep(delay).await;
    let _ = to.shutdown().await;
}
