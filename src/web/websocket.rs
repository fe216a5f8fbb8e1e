//! Websockets to AWS services (RFC 6455): the upgrade, with the service's reason if it refuses, and a byte stream over
//! binary frames, which is all that an EC2 Instance Connect Endpoint needs.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::connector::Connector;
use super::error::Error as WebError;
use super::upgrade::{self, UpgradeResponse};
use crate::io::Stream;
use crate::secret::Secret;

/// Timeout for the service's response to the upgrade.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest frame accepted, in bytes; AWS services send smaller ones.
const MAX_RECEIVED_FRAME: usize = 1 << 20;
/// Limit of the write buffer, in bytes.
const MAX_WRITE_BUFFER: usize = 256 * 1024;

/// A websocket over any byte stream.
pub(crate) type WebSocket = WebSocketStream<Box<dyn Stream>>;

/// The reason why a websocket could not be opened, or why it ended.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The connection to the service failed.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The service refused the upgrade.
    #[error("{host} refused the websocket: {}", .refusal)]
    Refused {
        /// The host of the service.
        host: String,
        /// The service's response to the upgrade.
        refusal: UpgradeRefusal,
    },
    /// The service did not answer the upgrade in time.
    #[error("{host} did not answer the websocket upgrade within {seconds} s")]
    Silent {
        /// The host of the service.
        host: String,
        /// The timeout in seconds.
        seconds: u64,
    },
    /// The response is not a valid websocket upgrade.
    #[error("{host} sent an invalid websocket response: {detail}")]
    Protocol {
        /// The host of the service.
        host: String,
        /// The reason why it is invalid.
        detail: String,
    },
    /// The service closed the websocket.
    #[error("{}", closed(*.code, .reason))]
    Closed {
        /// The close code (RFC 6455, section 7.4).
        code: u16,
        /// The reason given by the service; untrusted.
        reason: String,
    },
}

fn closed(code: u16, reason: &str) -> String {
    if reason.is_empty() { format!("closed with code {code}") } else { format!("{reason} (code {code})") }
}

/// A refused websocket upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UpgradeRefusal {
    /// The HTTP status code.
    pub status: u16,
    /// The service's error code, if it sent one.
    pub code: Option<String>,
    /// The service's message, or the beginning of the body; untrusted.
    pub message: String,
    /// The request id for AWS support.
    pub request_id: Option<String>,
}

impl fmt::Display for UpgradeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{code} (HTTP {})", self.status),
            None => write!(f, "HTTP {}", self.status),
        }
    }
}

impl UpgradeRefusal {
    /// Reads a service's response: JSON with a code and a message under one of the names that AWS uses, or any other
    /// body.
    pub(crate) fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |names: &[&str]| names.iter().find_map(|name| json[*name].as_str()).map(str::to_owned);
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        // A code is `prefix#Name`, or `Name:url` in a header.
        let bare =
            |code: String| code.rsplit('#').next().unwrap_or(&code).split(':').next().unwrap_or_default().to_owned();
        let plain = String::from_utf8_lossy(&body[..body.len().min(300)]).trim().to_owned();
        let is_page = plain.starts_with('<');
        Self {
            status,
            code: text(&["ErrorCode", "__type", "code", "Code"]).or(header("x-amzn-errortype")).map(bare),
            message: text(&["Message", "message"]).unwrap_or(if is_page { String::new() } else { plain }),
            request_id: header("x-amzn-requestid"),
        }
    }
}

impl UpgradeRefusal {
    /// Reads a response as [`Self::read`] does, without secrets: a service that rejects a signature quotes what was
    /// signed, including the token.
    pub(crate) fn read_redacted(status: u16, headers: &HeaderMap, body: &[u8], secrets: &[Secret<String>]) -> Self {
        // Redacts before anything is truncated, and again after parsing, because JSON may have escaped a secret.
        let body = redacted(&String::from_utf8_lossy(body), secrets);
        let read = Self::read(status, headers, body.as_bytes());
        let again = |text: String| redacted(&text, secrets);
        Self {
            code: read.code.map(again),
            message: again(read.message),
            request_id: read.request_id.map(again),
            ..read
        }
    }
}

/// Replaces the secrets in the text, including the beginning of one that is truncated at the end.
fn redacted(text: &str, secrets: &[Secret<String>]) -> String {
    const REDACTED: &str = "(redacted)";
    let mut text =
        secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose().as_str(), REDACTED));
    for secret in secrets {
        let secret = secret.expose();
        let begins = |length: &usize| secret.is_char_boundary(*length) && text.ends_with(&secret[..*length]);
        if let Some(length) = (8..secret.len()).rev().find(begins) {
            text.truncate(text.len() - length);
            text.push_str(REDACTED);
        }
    }
    text
}

/// Returns the secrets of a request: the signature's query parameters, both encoded and decoded, and its headers.
fn secrets(uri: &Uri, headers: &[(String, Secret<String>)]) -> Vec<Secret<String>> {
    let mut all = Vec::new();
    for (name, value) in uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')) {
        if matches!(name, "X-Amz-Signature" | "X-Amz-Security-Token") {
            all.push(Secret::new(percent_decode(value)));
            all.push(Secret::new(value.to_owned()));
        }
    }
    for (name, value) in headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("x-amz-date")) {
        let signature = value.expose().rsplit("Signature=").next().unwrap_or_default();
        let value = if name.eq_ignore_ascii_case("authorization") { signature } else { value.expose() };
        all.push(Secret::new(value.to_owned()));
    }
    all.retain(|secret| secret.expose().len() >= 4);
    all
}

fn percent_decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// An open websocket and its request id.
pub(crate) struct Opened {
    /// The websocket that was opened.
    pub socket: WebSocket,
    /// The request id for AWS support.
    pub request_id: Option<String>,
}

/// Opens the websocket at `url`; `headers` sign the request if the query does not.
///
/// # Errors
/// Fails if the service cannot be reached, refuses the upgrade, or sends an invalid response.
pub(crate) async fn open(
    connector: &Connector,
    url: &Secret<String>,
    headers: &[(String, Secret<String>)],
) -> Result<Opened, Error> {
    let uri: Uri = url.expose().parse().map_err(|_| WebError::Address("(signed URL)".to_owned()))?;
    let host = uri.authority().map_or_else(String::new, ToString::to_string);
    let key = generate_key();
    let request = request(&uri, &host, &key, headers);
    let request = request.ok_or_else(|| WebError::Address(host.clone()))?;
    let stream = connector.dial(&uri).await?;
    let answer = timeout(UPGRADE_TIMEOUT, upgrade::send(stream, request)).await;
    let answer = answer.map_err(|_| Error::Silent { host: host.clone(), seconds: UPGRADE_TIMEOUT.as_secs() })?;
    let wrong = |detail: String| Error::Protocol { host: host.clone(), detail };
    match answer.map_err(|source| WebError::Broken { host: host.clone(), source: Arc::new(source) })? {
        UpgradeResponse::Upgraded { stream, headers: answered } => {
            let expected = derive_accept_key(key.as_bytes());
            if answered.get(SEC_WEBSOCKET_ACCEPT).is_none_or(|value| value.as_bytes() != expected.as_bytes()) {
                return Err(wrong("wrong Sec-WebSocket-Accept header".to_owned()));
            }
            let request_id = answered.get("x-amzn-requestid").and_then(|id| id.to_str().ok()).map(str::to_owned);
            Ok(Opened {
                socket: WebSocketStream::from_raw_socket(stream, Role::Client, Some(config())).await,
                request_id,
            })
        }
        UpgradeResponse::Refused { status, .. } if status.is_success() || status == StatusCode::UPGRADE_REQUIRED => {
            Err(wrong(format!("HTTP {status}")))
        }
        UpgradeResponse::Refused { status, headers: answered, body } => {
            let refusal = UpgradeRefusal::read_redacted(status.as_u16(), &answered, &body, &secrets(&uri, headers));
            Err(Error::Refused { host: host.clone(), refusal })
        }
    }
}

fn request(uri: &Uri, host: &str, key: &str, headers: &[(String, Secret<String>)]) -> Option<Request<String>> {
    let mut request = Request::get(uri.path_and_query()?.as_str())
        .header(HOST, host)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, key)
        .header(USER_AGENT, concat!("ec2ssh/", env!("CARGO_PKG_VERSION")));
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(value.expose()).ok()?;
        value.set_sensitive(true);
        request = request.header(name, value);
    }
    request.body(String::new()).ok()
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(64 * 1024)
        .write_buffer_size(64 * 1024)
        .max_write_buffer_size(MAX_WRITE_BUFFER)
        .max_message_size(Some(MAX_RECEIVED_FRAME))
        .max_frame_size(Some(MAX_RECEIVED_FRAME))
}

/// Converts an error of the websocket library into an I/O error.
pub(crate) fn to_io_error(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed
        | tungstenite::Error::Protocol(ProtocolError::SendAfterClosing) => io::ErrorKind::BrokenPipe.into(),
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            io::Error::new(io::ErrorKind::UnexpectedEof, "the websocket was closed without a close frame")
        }
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}

#[cfg(test)]
mod tests;
