//! Faults that tests inject into the calls, and the responses that calls have in common.

use std::convert::Infallible;
use std::io;
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::{Response, StatusCode, header};
use futures_util::{StreamExt, stream};

/// A fault that is injected into a call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The service's error with this code and message.
    Error {
        /// The HTTP status of the response.
        status: u16,
        /// The service's error code, for example `AuthFailure`.
        code: String,
        /// The message of the error.
        message: String,
    },
    /// The signature is refused by a service whose clock is this many seconds ahead.
    Clock(i64),
    /// A bare HTTP status, with a body that is not from the service.
    Status(u16),
    /// The connection is closed in the middle of the response.
    CloseHalfway,
    /// The response has no end.
    Endless,
    /// The call is never answered.
    Hang,
    /// The normal response, after this delay.
    Delay(Duration),
}

impl Fault {
    /// Returns a service error as a fault.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Error { status, code: code.to_owned(), message: message.to_owned() }
    }

    /// Builds the response of this fault, in the protocol of the service.
    pub(crate) async fn answer(self, json: bool) -> Response<Body> {
        match self {
            Self::Error { status, code, message } => error(status, &code, &message, json),
            Self::Clock(ahead) => {
                let mut response = error(403, "RequestExpired", "Request has expired.", json);
                let seconds = Duration::from_secs(ahead.unsigned_abs());
                let now = SystemTime::now();
                let theirs = if ahead > 0 { now + seconds } else { now - seconds };
                let date = httpdate::fmt_http_date(theirs).parse().expect("a date is a valid header");
                response.headers_mut().insert(header::DATE, date);
                response
            }
            Self::Status(status) => respond(status, "text/plain", "something else answers here".to_owned()),
            Self::CloseHalfway => {
                let begun = Bytes::from_static(b"<DescribeInstancesResponse><reservationSet><item>");
                // The pause lets the head and the beginning be sent before the connection breaks.
                let cut = async {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Err(io::Error::from(io::ErrorKind::ConnectionReset))
                };
                let chunks = stream::once(async move { Ok(begun) }).chain(stream::once(cut));
                Response::builder()
                    .header(header::CONTENT_TYPE, "text/xml")
                    .header(header::CONTENT_LENGTH, "100000")
                    .body(Body::from_stream(chunks))
                    .expect("the headers are valid")
            }
            Self::Endless => {
                let chunk = Bytes::from(" ".repeat(1 << 16));
                let chunks = stream::repeat_with(move || Ok::<_, Infallible>(chunk.clone()));
                let response = Response::builder().header(header::CONTENT_TYPE, "text/xml");
                response.body(Body::from_stream(chunks)).expect("the header is valid")
            }
            Self::Delay(_) | Self::Hang => {
                let never: Result<Response<Body>, Infallible> = std::future::pending().await;
                match never {
                    Ok(response) => response,
                }
            }
        }
    }
}

/// Builds a service's error response, as JSON 1.1 or as EC2's XML.
pub(crate) fn error(status: u16, code: &str, message: &str, json: bool) -> Response<Body> {
    if json {
        let body = serde_json::json!({ "__type": code, "Message": message });
        return respond(status, "application/x-amz-json-1.1", body.to_string());
    }
    let (code, message) = (escape(code), escape(message));
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Errors><Error><Code>{code}</Code>\
         <Message>{message}</Message></Error></Errors><RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
    );
    respond(status, "text/xml;charset=UTF-8", body)
}

/// Builds a response with this status, content type and body.
pub(crate) fn respond(status: u16, kind: &str, body: String) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
    response.body(Body::from(body)).expect("the headers are valid")
}

/// Escapes text for XML. Control characters that XML cannot carry are sent as character references all the same, as a
/// hostile service would.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() && !matches!(c, '\n' | '\r' | '\t') => out.push_str(&format!("&#{};", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
