//! A websocket to a service of AWS (RFC 6455): the upgrade with its refusals in the service's words, and a byte stream over
//! binary frames, which is all that an Instance Connect Endpoint speaks.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink, Stream as _};
use http::header::{
    CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Bytes};

use super::upgrade::{self, Answer};
use super::web::{self, Dialler, Stream};
use crate::secret::Secret;

/// From the connection to the service's word on the upgrade.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest frame we send: what AWS's own client keeps to.
const FRAME: usize = 65_000;
/// The largest frame we take: more is not a service of AWS.
const LARGEST: usize = 1 << 20;
/// As much as waits in memory for the network.
const BUFFER: usize = 256 * 1024;

/// A websocket.
pub type WebSocket = WebSocketStream<Box<dyn Stream>>;

/// Why there is no websocket, or why it ended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The way to the service.
    #[error(transparent)]
    Web(#[from] web::Error),
    /// The service refused the upgrade.
    #[error("{host} refuses: {}", .refusal)]
    Refused {
        /// The service's host.
        host: String,
        /// Its words.
        refusal: Refusal,
    },
    /// The service took the connection, and said nothing.
    #[error("{host} does not answer the upgrade to a websocket in {seconds} s")]
    Silent {
        /// The service's host.
        host: String,
        /// How long we waited.
        seconds: u64,
    },
    /// Its answer is no websocket's.
    #[error("{host} does not speak as a websocket: {detail}")]
    Protocol {
        /// The service's host.
        host: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The service closed the websocket.
    #[error("{}", closed(*.code, .reason))]
    Closed {
        /// RFC 6455, section 7.4.
        code: u16,
        /// The service's words; untrusted.
        reason: String,
    },
}

fn closed(code: u16, reason: &str) -> String {
    if reason.is_empty() { format!("closed with code {code}") } else { format!("{reason} (code {code})") }
}

/// A no to an upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The service's error code, where it says one.
    pub code: Option<String>,
    /// Its words, or the beginning of what it sent instead; untrusted.
    pub message: String,
    /// For AWS's support.
    pub request_id: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{code} (HTTP {})", self.status),
            None => write!(f, "HTTP {}", self.status),
        }
    }
}

impl Refusal {
    /// Reads what a service answers: JSON with a code and a message under one of the names that AWS uses, or anything.
    pub fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |names: &[&str]| names.iter().find_map(|name| json[*name].as_str()).map(str::to_owned);
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        // `prefix#Name`, and in a header `Name:url`.
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

impl Refusal {
    /// As [`Self::read`], without what must not be shown: a service that finds a signature wrong quotes what was signed, the
    /// token included.
    pub fn read_without(status: u16, headers: &HeaderMap, body: &[u8], secrets: &[Secret<String>]) -> Self {
        // Before it is cut anywhere, and again where JSON had it in other letters.
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

/// The text without the secrets, and without the beginning of one at its end, where it was cut off.
fn redacted(text: &str, secrets: &[Secret<String>]) -> String {
    const GONE: &str = "(redacted)";
    let mut text = secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose().as_str(), GONE));
    for secret in secrets {
        let secret = secret.expose();
        let begins = |length: &usize| secret.is_char_boundary(*length) && text.ends_with(&secret[..*length]);
        if let Some(length) = (8..secret.len()).rev().find(begins) {
            text.truncate(text.len() - length);
            text.push_str(GONE);
        }
    }
    text
}

/// What is secret in a request: the signature's parameters, as they are sent and as they are meant, and its headers.
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

/// An open websocket.
pub struct Opened {
    /// It.
    pub socket: WebSocket,
    /// What AWS's support asks for.
    pub request_id: Option<String>,
}

/// Opens the websocket at `url`; `headers` sign it, where its query does not.
///
/// # Errors
/// Whatever stands in the way.
pub async fn open(
    dialler: &Dialler,
    url: &Secret<String>,
    headers: &[(String, Secret<String>)],
) -> Result<Opened, Error> {
    let uri: Uri = url.expose().parse().map_err(|_| web::Error::Address("(a signed address)".to_owned()))?;
    let host = uri.authority().map_or_else(String::new, ToString::to_string);
    let key = generate_key();
    let request = request(&uri, &host, &key, headers);
    let request = request.ok_or_else(|| web::Error::Address(host.clone()))?;
    let stream = dialler.dial(&uri).await?;
    let answer = timeout(PATIENCE, upgrade::ask(stream, request)).await;
    let answer = answer.map_err(|_| Error::Silent { host: host.clone(), seconds: PATIENCE.as_secs() })?;
    let wrong = |detail: String| Error::Protocol { host: host.clone(), detail };
    match answer.map_err(|source| web::Error::Broken { host: host.clone(), source: Arc::new(source) })? {
        Answer::Yes { stream, headers: answered } => {
            let expected = derive_accept_key(key.as_bytes());
            if answered.get(SEC_WEBSOCKET_ACCEPT).is_none_or(|value| value.as_bytes() != expected.as_bytes()) {
                return Err(wrong("its answer to the key is wrong".to_owned()));
            }
            let request_id = answered.get("x-amzn-requestid").and_then(|id| id.to_str().ok()).map(str::to_owned);
            Ok(Opened {
                socket: WebSocketStream::from_raw_socket(stream, Role::Client, Some(config())).await,
                request_id,
            })
        }
        Answer::No { status, .. } if status.is_success() || status == StatusCode::UPGRADE_REQUIRED => {
            Err(wrong(format!("it answers {status}")))
        }
        Answer::No { status, headers: answered, body } => {
            let refusal = Refusal::read_without(status.as_u16(), &answered, &body, &secrets(&uri, headers));
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
        .max_write_buffer_size(BUFFER)
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST))
}

/// What the library says of a websocket that does not work any more, as an I/O error.
pub fn sort(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed
        | tungstenite::Error::Protocol(ProtocolError::SendAfterClosing) => io::ErrorKind::BrokenPipe.into(),
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            io::Error::new(io::ErrorKind::UnexpectedEof, "the websocket broke off")
        }
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}

/// The bytes of binary frames as a stream. Its end is the service's close with code 1000 and no reason; any other close is an
/// error that holds an [`Error::Closed`].
pub struct Frames {
    socket: WebSocket,
    /// What has come and has not been read.
    come: Bytes,
    /// What it ended with, while what came before has not been read.
    failed: Option<io::Error>,
    /// The service has closed it.
    is_over: bool,
    /// We have sent a close.
    is_shut: bool,
}

impl Frames {
    /// The stream over this websocket.
    pub fn new(socket: WebSocket) -> Self {
        Self { socket, come: Bytes::new(), failed: None, is_over: false, is_shut: false }
    }

    /// Takes the next frame. What is no bytes of the stream is answered by the library (ping) or changes our state.
    fn take(&mut self, frame: Option<tungstenite::Result<Message>>) -> io::Result<()> {
        match frame {
            Some(Ok(Message::Binary(bytes))) => self.come = bytes,
            Some(Ok(Message::Text(_))) => {
                let detail = "a text frame came where there are bytes only";
                return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
            }
            Some(Ok(Message::Close(close))) => {
                self.is_over = true;
                let code = close.as_ref().map_or(CloseCode::Status, |close| close.code);
                let reason = close.map(|close| close.reason.to_string()).unwrap_or_default();
                // An answer to our own close, or a plain end. With a reason, whatever the code, a person wants to know.
                let is_plain = code == CloseCode::Normal && reason.is_empty();
                if !is_plain && !self.is_shut {
                    return Err(io::Error::other(Error::Closed { code: code.into(), reason }));
                }
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(error)) => {
                self.is_over = true;
                // After our own close a service need not be polite.
                if !self.is_shut {
                    return Err(sort(error));
                }
            }
            None => self.is_over = true,
        }
        Ok(())
    }
}

impl AsyncRead for Frames {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        loop {
            let count = self.come.len().min(into.remaining());
            into.put_slice(&self.come.split_to(count));
            let has_some = into.filled().len() > before;
            match self.failed.take() {
                Some(error) if has_some => {
                    self.failed = Some(error);
                    return Poll::Ready(Ok(()));
                }
                Some(error) => return Poll::Ready(Err(error)),
                None => {}
            }
            if into.remaining() == 0 || self.is_over {
                return Poll::Ready(Ok(()));
            }
            // All the frames that are there already: to be asked once for each of them costs more than they do.
            match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(frame) => self.failed = self.take(frame).err(),
                Poll::Pending if has_some => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl AsyncWrite for Frames {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(sort)?;
        let count = bytes.len().min(FRAME);
        let frame = Message::Binary(Bytes::copy_from_slice(&bytes[..count]));
        Pin::new(&mut self.socket).start_send(frame).map_err(sort)?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(sort)
    }

    /// A websocket has no half that could be closed alone: we say that we have said all, and read on until the service
    /// closes, too.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // To a close of the service's the library has answered: that answer is all that is still to go.
        if !self.is_shut && !self.is_over {
            ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(sort)?;
            self.is_shut = true;
            let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
            Pin::new(&mut self.socket).start_send(Message::Close(Some(close))).map_err(sort)?;
        }
        match ready!(Pin::new(&mut self.socket).poll_flush(cx)) {
            Ok(()) | Err(tungstenite::Error::ConnectionClosed) => Poll::Ready(Ok(())),
            Err(_) if self.is_over => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(sort(error))),
        }
    }
}
