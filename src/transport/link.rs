//! A way to an instance's port, whatever it is made of; and the first word of the SSH server at its end.

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

/// A server may say other lines before its version (RFC 4253, section 4.2), but not without end.
const LONGEST: usize = 8 * 1024;
/// Between two looks at a socket that has said something, but not enough.
const LOOK: Duration = Duration::from_millis(20);

/// Bytes to the instance's port.
pub enum Link {
    /// A socket: it can be handed to another process.
    Socket(TcpStream),
    /// A tunnel that only we can carry on.
    Tunnel {
        /// It.
        stream: Box<dyn Stream>,
        /// Ends with it.
        watch: Option<AbortOnDropHandle<()>>,
    },
}

/// Why there was no word of an SSH server.
#[derive(Debug, thiserror::Error)]
pub enum NoBanner {
    /// It said nothing.
    #[error("it says nothing in {0} s")]
    Silent(u64),
    /// It was closed before.
    #[error("it was closed before an SSH server said a word")]
    Closed,
    /// What it says is something else.
    #[error("what answers there is no SSH server")]
    NotSsh,
    /// It broke.
    #[error(transparent)]
    Broken(#[from] io::Error),
}

impl Link {
    /// A tunnel over this stream.
    pub fn tunnel(stream: impl Stream + 'static) -> Self {
        Self::Tunnel { stream: Box::new(stream), watch: None }
    }

    /// With something that ends when it does; a socket has nothing of the kind.
    #[must_use]
    pub fn watched(self, watch: AbortOnDropHandle<()>) -> Self {
        match self {
            Self::Tunnel { stream, .. } => Self::Tunnel { stream, watch: Some(watch) },
            socket @ Self::Socket(_) => socket,
        }
    }

    /// A tunnel on which an SSH server has said its first word, which is left in the stream.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn with_banner(self, patience: Duration) -> Result<Self, NoBanner> {
        match self {
            Self::Socket(socket) => banner_of(&socket, patience).await.map(|()| Self::Socket(socket)),
            Self::Tunnel { mut stream, watch } => match timeout(patience, read(&mut stream)).await {
                Ok(said) => Ok(Self::Tunnel { stream: Box::new(Prefixed::new(said?, stream)), watch }),
                Err(_) => Err(NoBanner::Silent(patience.as_secs())),
            },
        }
    }
}

/// Waits until an SSH server has said its first word on this socket, and leaves it there.
///
/// # Errors
/// Why there is none.
pub async fn banner_of(socket: &TcpStream, patience: Duration) -> Result<(), NoBanner> {
    timeout(patience, peek(socket)).await.unwrap_or(Err(NoBanner::Silent(patience.as_secs())))
}

async fn peek(socket: &TcpStream) -> Result<(), NoBanner> {
    let mut said = vec![0; LONGEST];
    loop {
        match socket.peek(&mut said).await? {
            0 => return Err(NoBanner::Closed),
            count if is_ssh(&said[..count]) => return Ok(()),
            count if count == said.len() => return Err(NoBanner::NotSsh),
            _ => sleep(LOOK).await,
        }
    }
}

async fn read(stream: &mut Box<dyn Stream>) -> Result<Bytes, NoBanner> {
    let mut said = Vec::new();
    loop {
        match stream.read_buf(&mut said).await? {
            0 => return Err(NoBanner::Closed),
            _ if is_ssh(&said) => return Ok(said.into()),
            _ if said.len() >= LONGEST => return Err(NoBanner::NotSsh),
            _ => {}
        }
    }
}

/// Whether one of the lines so far begins as a version does.
fn is_ssh(said: &[u8]) -> bool {
    said.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"SSH-"))
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
