//! A connection to an instance's port over any route, and the wait for the SSH identification string of the server (RFC
//! 4253, section 4.2).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Bytes;
use tokio_util::task::AbortOnDropHandle;

use super::upgrade::Prefixed;
use super::web::Stream;

/// Limit for the bytes before the SSH identification string: a server may send other lines first (RFC 4253, section
/// 4.2).
const MAX_IDENTIFICATION_BYTES: usize = 8 * 1024;
/// Poll interval while the string is incomplete: a peeked socket stays readable, so its readiness cannot be awaited.
const PEEK_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A byte stream to the instance's port.
pub enum Link {
    /// A TCP socket, which can be passed to another process.
    Socket(TcpStream),
    /// A tunnel that this process has to serve.
    Tunnel {
        /// The byte stream of the tunnel.
        stream: Box<dyn Stream>,
        /// A task that is aborted when the tunnel is dropped.
        watch: Option<AbortOnDropHandle<()>>,
    },
}

/// The reason why no SSH identification string was received.
#[derive(Debug, thiserror::Error)]
pub enum BannerError {
    /// No identification string arrived within this many seconds.
    #[error("no SSH identification within {0} s")]
    Silent(u64),
    /// The connection was closed before the identification string arrived.
    #[error("the connection was closed before the server sent its SSH identification")]
    Closed,
    /// The peer sent other data than an SSH server.
    #[error("the server that answered is not an SSH server")]
    NotSsh,
    /// Reading from the connection failed.
    #[error(transparent)]
    Broken(#[from] io::Error),
}

impl Link {
    /// Wraps this stream as a tunnel.
    pub fn tunnel(stream: impl Stream + 'static) -> Self {
        Self::Tunnel { stream: Box::new(stream), watch: None }
    }

    /// Attaches a task that is aborted when the tunnel is dropped. For a plain socket it is aborted at once.
    #[must_use]
    pub fn watched(self, watch: AbortOnDropHandle<()>) -> Self {
        match self {
            Self::Tunnel { stream, .. } => Self::Tunnel { stream, watch: Some(watch) },
            socket @ Self::Socket(_) => socket,
        }
    }

    /// Waits for the SSH identification string of the server and leaves it in the stream.
    ///
    /// # Errors
    /// Returns the reason if the string does not arrive within `limit`.
    pub async fn wait_for_banner(self, limit: Duration) -> Result<Self, BannerError> {
        match self {
            Self::Socket(socket) => peek_banner(&socket, limit).await.map(|()| Self::Socket(socket)),
            Self::Tunnel { mut stream, watch } => match timeout(limit, read(&mut stream)).await {
                Ok(received) => Ok(Self::Tunnel { stream: Box::new(Prefixed::new(received?, stream)), watch }),
                Err(_) => Err(BannerError::Silent(limit.as_secs())),
            },
        }
    }
}

/// Waits for the SSH identification string on this socket and leaves it unread.
///
/// # Errors
/// Returns the reason if the string does not arrive within `limit`.
pub async fn peek_banner(socket: &TcpStream, limit: Duration) -> Result<(), BannerError> {
    timeout(limit, peek(socket)).await.unwrap_or(Err(BannerError::Silent(limit.as_secs())))
}

async fn peek(socket: &TcpStream) -> Result<(), BannerError> {
    let mut received = vec![0; MAX_IDENTIFICATION_BYTES];
    loop {
        match socket.peek(&mut received).await? {
            0 => return Err(BannerError::Closed),
            count if is_ssh(&received[..count]) => return Ok(()),
            count if count == received.len() => return Err(BannerError::NotSsh),
            _ => sleep(PEEK_POLL_INTERVAL).await,
        }
    }
}

async fn read(stream: &mut Box<dyn Stream>) -> Result<Bytes, BannerError> {
    let mut received = Vec::new();
    loop {
        match stream.read_buf(&mut received).await? {
            0 => return Err(BannerError::Closed),
            _ if is_ssh(&received) => return Ok(received.into()),
            _ if received.len() >= MAX_IDENTIFICATION_BYTES => return Err(BannerError::NotSsh),
            _ => {}
        }
    }
}

/// Whether one of the lines begins with `SSH-`.
fn is_ssh(received: &[u8]) -> bool {
    received.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"SSH-"))
}

impl AsyncRead for Link {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_read(cx, into),
            Self::Tunnel { stream, .. } => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tunnel { stream, .. } => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tunnel { stream, .. } => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tunnel { stream, .. } => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
