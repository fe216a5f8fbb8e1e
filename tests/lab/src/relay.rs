//! Distance: a relay that passes on each byte half a round trip after it came. The kernel's own delays (netem) need a module
//! and a network namespace; this needs nothing.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

/// Read at once.
const CHUNK: usize = 64 * 1024;
/// Chunks under way in one direction: more than any window of SSH, so that the path itself is never what is full.
const UNDER_WAY: usize = 4096;

/// Serves on a free port of loopback; returns it.
pub async fn serve(port: u16, round_trip: Duration) -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let here = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            tokio::spawn(pass_on(near, port, round_trip));
        }
    });
    Ok(here)
}

async fn pass_on(near: TcpStream, port: u16, round_trip: Duration) -> io::Result<()> {
    let half = round_trip / 2;
    near.set_nodelay(true)?;
    // The system has said yes to the caller at once: the round trip of that is made up for here, and half a one more until
    // the far side has its last word.
    sleep(round_trip).await;
    let (near_out, near_in) = near.into_split();
    let (sender, to_far) = mpsc::channel(UNDER_WAY);
    let far = async {
        sleep(half).await;
        let far = TcpStream::connect(("127.0.0.1", port)).await?;
        far.set_nodelay(true)?;
        let (far_out, far_in) = far.into_split();
        let (sender, to_near) = mpsc::channel(UNDER_WAY);
        tokio::join!(take(far_out, sender, half), give(to_near, near_in, half), give(to_far, far_in, half));
        Ok(())
    };
    tokio::join!(take(near_out, sender, half), far).1
}

/// Bytes, and when they are due.
type Chunk = (Instant, Vec<u8>);

async fn take(mut from: impl AsyncRead + Unpin, to: mpsc::Sender<Chunk>, delay: Duration) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        if to.send((Instant::now() + delay, chunk[..count].to_vec())).await.is_err() {
            return;
        }
    }
}

/// Passes on what is due, in its order, and then the end.
async fn give(mut from: mpsc::Receiver<Chunk>, mut to: impl AsyncWrite + Unpin, delay: Duration) {
    while let Some((due, bytes)) = from.recv().await {
        sleep_until(due).await;
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
    sleep(delay).await;
    let _ = to.shutdown().await;
}
