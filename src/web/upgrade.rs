//! An HTTP request after which the connection is no longer HTTP: CONNECT, or the upgrade to a websocket. The body of a
//! refusal is read as well, because it contains the reason.

use std::io;
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::io::{Layered, Prefix, Stream};

/// Limit for the body of a refusal, in bytes.
const MAX_BODY: usize = 16 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// The response to the request.
pub(super) enum UpgradeResponse {
    /// The server accepted: the connection is a byte stream now.
    Upgraded {
        /// The byte stream behind the response.
        stream: Box<dyn Stream>,
        /// The headers of the response.
        headers: HeaderMap,
    },
    /// The server refused: the connection stays HTTP.
    Refused {
        /// The HTTP status code.
        status: StatusCode,
        /// The headers of the response.
        headers: HeaderMap,
        /// The beginning of the body; untrusted.
        body: Vec<u8>,
    },
}

/// Sends the request and reads the response.
///
/// # Errors
/// Fails if the connection breaks, or if the response is not HTTP.
pub(super) async fn send(stream: Box<dyn Stream>, request: Request<String>) -> io::Result<UpgradeResponse> {
    let is_connect = request.method() == http::Method::CONNECT;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let exchange = async {
        let mut response = sender.send_request(request).await.map_err(broken)?;
        let accepted = if is_connect {
            response.status().is_success()
        } else {
            response.status() == StatusCode::SWITCHING_PROTOCOLS
        };
        if !accepted {
            return refusal(response).await;
        }
        let headers = response.headers().clone();
        let upgraded = hyper::upgrade::on(&mut response).await.map_err(broken)?;
        let parts = upgraded.downcast::<TokioIo<Box<dyn Stream>>>();
        let parts = parts.map_err(|_| io::Error::other("hyper returned a stream of another type"))?;
        let stream = parts.io.into_inner();
        let stream: Box<dyn Stream> =
            if parts.read_buf.is_empty() { stream } else { Box::new(Layered::new(stream, Prefix(parts.read_buf))) };
        Ok(UpgradeResponse::Upgraded { stream, headers })
    };
    // The connection makes progress only while it is polled, and ends with the upgrade. A response that arrived before
    // it broke still counts.
    let connection = connection.with_upgrades();
    tokio::pin!(exchange, connection);
    let mut ended = None;
    loop {
        tokio::select! {
            biased;
            answer = &mut exchange => return answer.map_err(|error| match ended {
                Some(Err(why)) => broken(why),
                _ => error,
            }),
            end = &mut connection, if ended.is_none() => ended = Some(end),
        }
    }
}

async fn refusal(response: http::Response<Incoming>) -> io::Result<UpgradeResponse> {
    let (head, mut body) = response.into_parts();
    let mut beginning = Vec::new();
    // The status is known even if the body is truncated, too long or endless, so its beginning is enough.
    let read = async {
        while let Some(Ok(frame)) = body.frame().await {
            beginning.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
            if beginning.len() >= MAX_BODY {
                break;
            }
        }
    };
    let _ = timeout(BODY_TIMEOUT, read).await;
    beginning.truncate(MAX_BODY);
    Ok(UpgradeResponse::Refused { status: head.status, headers: head.headers, body: beginning })
}

fn broken(error: hyper::Error) -> io::Error {
    if error.is_closed() || error.is_incomplete_message() || error.is_canceled() {
        return io::Error::new(io::ErrorKind::UnexpectedEof, "closed before a response arrived");
    }
    io::Error::other(error)
}
