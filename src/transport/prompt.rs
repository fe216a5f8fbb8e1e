//! [`Prompt`]: a TCP connection whose small packets are acknowledged at once.
//!
//! A server that sets no TCP_NODELAY, as many do for forwarded connections, holds a small packet back until the one before is
//! acknowledged (RFC 896), and this side delays that by 40 ms where it has nothing to send (RFC 1122, section 4.2.3.2). So the end of
//! each forwarded connection would take that long.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The size in bytes of a read behind which more is on its way anyway.
const BULK: usize = 8 * 1024;

/// A TCP connection that acknowledges small packets at once, where the system lets it.
pub(crate) struct Prompt(pub TcpStream);

impl Prompt {
    #[cfg(target_os = "linux")]
    fn acknowledge(&self) {
        // The system forgets it with the next packets. Where it fails, the packet is acknowledged later.
        let _ = rustix::net::sockopt::set_tcp_quickack(&self.0, true);
    }

    #[cfg(not(target_os = "linux"))]
    #[allow(clippy::unused_self, reason = "other systems have no such option")]
    fn acknowledge(&self) {}
}

impl AsyncRead for Prompt {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let result = Pin::new(&mut self.0).poll_read(cx, into);
        let read = into.filled().len() - before;
        if read > 0 && read < BULK {
            self.acknowledge();
        }
        result
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
