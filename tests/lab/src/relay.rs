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
    // The system has said yes to the caller at once: the round trip of that is made up for here.
    sleep(round_trip).await;
    let far = TcpStream::connect(("127.0.0.1", port)).await?;
    for stream in [&near, &far] {
        stream.set_nodelay(true)?;
    }
    let ((near_out, near_in), (far_out, far_in)) = (near.into_split(), far.into_split());
    let half = round_trip / 2;
    tokio::join!(one_way(near_out, far_in, half), one_way(far_out, near_in, half));
    Ok(())
}

/// Passes on what is read, in its order, and then the end.
async fn one_way(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, delay: Duration) {
    let (sender, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let read = async move {
        let mut chunk = vec![0; CHUNK];
        while let Ok(count @ 1..) = from.read(&mut chunk).await {
            if sender.send((Instant::now() + delay, chunk[..count].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = under_way.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        sleep(delay).await;
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}
