//! One HTTP request after which the connection is no longer HTTP: CONNECT, and the upgrade to a websocket. The answer is
//! read whole also where it is a no, because its body has the words that a person needs.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::web::Stream;

/// As much of a refusal's body as is read.
const BODY: usize = 16 * 1024;
const BODY_PATIENCE: Duration = Duration::from_secs(1);

/// What the other side said.
pub enum Answer {
    /// The connection is ours.
    Yes {
        /// What follows the answer.
        stream: Box<dyn Stream>,
        /// The answer's headers.
        headers: HeaderMap,
    },
    /// It stays HTTP.
    No {
        /// The status.
        status: StatusCode,
        /// Its headers.
        headers: HeaderMap,
        /// The beginning of its body; untrusted.
        body: Vec<u8>,
    },
}

/// Sends the request and reads the answer.
///
/// # Errors
/// As the connection breaks, or where the answer is no HTTP.
pub async fn ask(stream: Box<dyn Stream>, request: Request<String>) -> io::Result<Answer> {
    let is_connect = request.method() == http::Method::CONNECT;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let talk = async {
        let mut response = sender.send_request(request).await.map_err(broken)?;
        let is_yes = if is_connect {
            response.status().is_success()
        } else {
            response.status() == StatusCode::SWITCHING_PROTOCOLS
        };
        if !is_yes {
            return refusal(response).await;
        }
        let headers = response.headers().clone();
        let upgraded = hyper::upgrade::on(&mut response).await.map_err(broken)?;
        let parts = upgraded.downcast::<TokioIo<Box<dyn Stream>>>();
        let parts = parts.map_err(|_| io::Error::other("hyper lost the stream that it was given"))?;
        let stream = parts.io.into_inner();
        let stream: Box<dyn Stream> =
            if parts.read_buf.is_empty() { stream } else { Box::new(Prefixed::new(parts.read_buf, stream)) };
        Ok(Answer::Yes { stream, headers })
    };
    // The connection moves only while it is polled, and ends with the upgrade. What it delivered before it broke counts.
    let connection = connection.with_upgrades();
    tokio::pin!(talk, connection);
    let mut ended = None;
    loop {
        tokio::select! {
            biased;
            answer = &mut talk => return answer.map_err(|error| match ended {
                Some(Err(why)) => broken(why),
                _ => error,
            }),
            end = &mut connection, if ended.is_none() => ended = Some(end),
        }
    }
}

async fn refusal(response: http::Response<Incoming>) -> io::Result<Answer> {
    let (head, mut body) = response.into_parts();
    let mut beginning = Vec::new();
    // A body that is cut off, too long or never ends: the status is known all the same, and so is its beginning.
    let read = async {
        while let Some(Ok(frame)) = body.frame().await {
            beginning.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
            if beginning.len() >= BODY {
                break;
            }
        }
    };
    let _ = timeout(BODY_PATIENCE, read).await;
    beginning.truncate(BODY);
    Ok(Answer::No { status: head.status, headers: head.headers, body: beginning })
}

fn broken(error: hyper::Error) -> io::Error {
    if error.is_closed() || error.is_incomplete_message() || error.is_canceled() {
        return io::Error::new(io::ErrorKind::UnexpectedEof, "it was closed before an answer came");
    }
    io::Error::other(error)
}

/// A stream of which a beginning has been read already.
pub struct Prefixed<S> {
    prefix: Bytes,
    rest: S,
}

impl<S> Prefixed<S> {
    /// `prefix`, then `rest`.
    pub fn new(prefix: Bytes, rest: S) -> Self {
        Self { prefix, rest }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return Pin::new(&mut self.rest).poll_read(cx, into);
        }
        let count = self.prefix.len().min(into.remaining());
        into.put_slice(&self.prefix.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.rest).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_shutdown(cx)
    }
}
