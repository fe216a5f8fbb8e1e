//! The tunnel of an EC2 Instance Connect Endpoint: a byte stream over the binary frames of a websocket, which is all
//! that the endpoint speaks. Opening and signing are above this layer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};
use tokio_tungstenite::tungstenite::{self, Bytes};

use crate::web::websocket::{self, WebSocket, to_io_error};

/// The largest frame sent, in bytes, as in AWS's own client.
const MAX_SENT_FRAME: usize = 65_000;

/// A byte stream over binary frames. A close with code 1000 and no reason is its end; any other close is an error that
/// contains an [`websocket::Error::Closed`].
pub(crate) struct Tunnel {
    socket: WebSocket,
    /// Bytes that were received and have not been read yet.
    unread: Bytes,
    /// The error that ended the stream, kept until all bytes have been read.
    failed: Option<io::Error>,
    /// Whether the websocket has ended.
    ended: bool,
    /// Whether we have sent a close frame.
    close_sent: bool,
}

impl Tunnel {
    /// Creates a stream over this websocket.
    pub(crate) fn new(socket: WebSocket) -> Self {
        Self { socket, unread: Bytes::new(), failed: None, ended: false, close_sent: false }
    }

    /// Processes the next frame. Frames without data are answered by the library (ping) or change the state.
    fn take(&mut self, frame: Option<tungstenite::Result<Message>>) -> io::Result<()> {
        match frame {
            Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
            Some(Ok(Message::Text(_))) => {
                let detail = "unexpected text frame: only binary frames carry data";
                return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
            }
            Some(Ok(Message::Close(close))) => {
                self.ended = true;
                let code = close.as_ref().map_or(CloseCode::Status, |close| close.code);
                let reason = close.map(|close| close.reason.to_string()).unwrap_or_default();
                // Code 1000 without a reason is a normal end, and after our own close any reply is accepted. A reason
                // is reported to the user, whatever the code.
                let is_plain = code == CloseCode::Normal && reason.is_empty();
                if !is_plain && !self.close_sent {
                    return Err(io::Error::other(websocket::Error::Closed { code: code.into(), reason }));
                }
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(error)) => {
                self.ended = true;
                // After our own close, an error of the connection does not matter.
                if !self.close_sent {
                    return Err(to_io_error(error));
                }
            }
            None => self.ended = true,
        }
        Ok(())
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        loop {
            let count = self.unread.len().min(into.remaining());
            into.put_slice(&self.unread.split_to(count));
            let has_some = into.filled().len() > before;
            match self.failed.take() {
                Some(error) if has_some => {
                    self.failed = Some(error);
                    return Poll::Ready(Ok(()));
                }
                Some(error) => return Poll::Ready(Err(error)),
                None => {}
            }
            if into.remaining() == 0 || self.ended {
                return Poll::Ready(Ok(()));
            }
            // Reads all frames that have already arrived, because one call for each would be more expensive.
            match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(frame) => self.failed = self.take(frame).err(),
                Poll::Pending if has_some => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(to_io_error)?;
        let count = bytes.len().min(MAX_SENT_FRAME);
        let frame = Message::Binary(Bytes::copy_from_slice(&bytes[..count]));
        Pin::new(&mut self.socket).start_send(frame).map_err(to_io_error)?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(to_io_error)
    }

    /// Sends a close frame. A websocket has no half-close, so the caller reads on until the service closes, too.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // If the peer closed first, tungstenite has already queued the Close reply; it only has to be flushed.
        if !self.close_sent && !self.ended {
            ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(to_io_error)?;
            self.close_sent = true;
            let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
            Pin::new(&mut self.socket).start_send(Message::Close(Some(close))).map_err(to_io_error)?;
        }
        match ready!(Pin::new(&mut self.socket).poll_flush(cx)) {
            Ok(()) | Err(tungstenite::Error::ConnectionClosed) => Poll::Ready(Ok(())),
            Err(_) if self.ended => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(to_io_error(error))),
        }
    }
}
