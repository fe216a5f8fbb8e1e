//! Turns a byte stream into an encrypted connection to a trusted server. Authentication is in [`super::auth`].

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use russh::client::{Config, Handle, connect_stream};
use russh::keys::Algorithm;
use russh::{Disconnect, Preferred, SshId, cipher};
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::abort_on_drop::AbortOnDrop;
use super::handler::{Handler, HandlerError, Shared};
use super::host_keys::check::HostKeyCheck;
use super::host_keys::preferred;
use super::tap::{FirstBytes, Tap};
use super::write_timeout::WriteTimeout;
use super::{Error, Events};

/// The keepalive interval: a keepalive is sent after this long without data from the server.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// The number of unanswered keepalives after which the connection is given up.
pub const KEEPALIVE_MISSES: usize = 3;
/// The write timeout, equal to the time that unanswered keepalives take to end the connection.
const WRITE_TIMEOUT: Duration = Duration::from_secs(KEEPALIVE_INTERVAL.as_secs() * (KEEPALIVE_MISSES as u64 + 1));
/// The timeout from the first byte to the end of the key exchange; the time that the host key check and its prompt take
/// is not counted.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// The size of the network read buffer in bytes.
const READ_BUFFER_SIZE: usize = 256 * 1024;
/// The number of received messages (up to 32 KiB each) that are buffered for a slow reader. Beyond that the server has
/// to wait.
const BUFFERED_MESSAGES: usize = 64;

/// The kind of traffic that a connection carries; it determines the window size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Interactive use: data in flight when Ctrl-C is typed still arrives, so the window stays small.
    Terminal,
    /// Data for a program: the window is large enough to fill the path, even with a long round trip.
    #[default]
    Bulk,
}

/// The SSH channel window in bytes: how far the server may send ahead of what we have consumed (RFC 4254, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(u32);

impl Window {
    /// The smallest window, which is the one that OpenSSH's client uses.
    pub const MIN: Self = Self(2 << 20);
    const MAX: Self = Self(32 << 20);

    /// Returns the window that fills a path with this round-trip time at 200 MB/s.
    ///
    /// A window larger than the path needs makes sshd slow: it reads ahead of the network, into buffers that it moves
    /// around. On our side the window costs no memory: after 2 MB of unread data the rest stays in the network, and the
    /// server waits.
    pub fn of(purpose: Purpose, round_trip: Duration) -> Self {
        let wanted = u32::try_from(round_trip.as_micros().saturating_mul(200)).unwrap_or(u32::MAX);
        match purpose {
            Purpose::Terminal => Self::MIN,
            Purpose::Bulk => Self(wanted.clamp(Self::MIN.0, Self::MAX.0)),
        }
    }
}

/// A connection to a trusted server, before authentication.
pub struct Connection {
    pub(super) handle: Handle<Handler>,
    pub(super) shared: Arc<Shared>,
}

impl Connection {
    /// Performs the version and key exchange over `stream` and has the host key checked.
    ///
    /// # Errors
    /// If the peer is not an SSH server, the host key is not trusted, the handshake times out, or the protocol fails.
    pub async fn handshake<S>(stream: S, check: HostKeyCheck, window: Window, events: Events) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let wanted = check.wanted()?;
        // The name ssh-rsa alone means a signature over SHA-1 (RFC 8332, section 1).
        let is_sha1 = |algorithm: &&Algorithm| matches!(algorithm, Algorithm::Rsa { hash: None });
        let offered: Vec<Algorithm> =
            Preferred::DEFAULT.key.iter().filter(|algorithm| !is_sha1(algorithm)).cloned().collect();
        let offered = preferred(&wanted, &offered);
        let certificates = if check.has_authority() { offered.clone() } else { Vec::new() };
        let config = Arc::new(config(offered, certificates, window));
        let shared = Arc::new(Shared::default());
        // True if the console's keys are already known, so that their algorithms are offered first.
        let asked_for_printed = check.console.try_get().is_some();
        let cancelled = CancellationToken::new();
        let handler =
            Handler { check, asked_for_printed, events, shared: Arc::clone(&shared), cancelled: cancelled.clone() };
        let (stream, first) = Tap::new(WriteTimeout::new(stream, WRITE_TIMEOUT));
        let (stream, leash) = AbortOnDrop::new(stream, cancelled);
        // Without a buffer, russh reads each packet separately, and its length before it.
        let stream = BufReader::with_capacity(READ_BUFFER_SIZE, stream);
        tokio::select! {
            result = connect_stream(config, stream, handler) => match result {
                Ok(handle) => {
                    leash.disarm();
                    Ok(Self { handle, shared })
                }
                Err(HandlerError::Ours(error)) => Err(error),
                Err(HandlerError::Russh(error)) => Err(explain(error, &first, &shared)),
            },
            () = handshake_timeout(&shared) => {
                let seconds = HANDSHAKE_TIMEOUT.as_secs();
                Err(Error::HandshakeTimeout { seconds, banner: first.first_line() })
            }
        }
    }

    /// Sends a disconnect message with a short timeout; the server may have closed the connection already.
    pub async fn close(&self) {
        let goodbye = self.handle.disconnect(Disconnect::ByApplication, "", "en");
        let _ = tokio::time::timeout(Duration::from_millis(200), goodbye).await;
    }
}

fn config(host_keys: Vec<Algorithm>, certificates: Vec<Algorithm>, Window(window_size): Window) -> Config {
    Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-ec2ssh_", env!("CARGO_PKG_VERSION")))),
        keepalive_interval: Some(KEEPALIVE_INTERVAL),
        // russh counts the keepalives that were sent, and gives up when one more would be due.
        keepalive_max: KEEPALIVE_MISSES,
        channel_buffer_size: BUFFERED_MESSAGES,
        window_size,
        preferred: Preferred {
            key: Cow::Owned(host_keys),
            host_key_certificates: Cow::Owned(certificates),
            // AES comes first because the processors that run this have instructions for it.
            cipher: Cow::Borrowed(&[
                cipher::AES_256_GCM,
                cipher::AES_128_GCM,
                cipher::CHACHA20_POLY1305,
                cipher::AES_256_CTR,
                cipher::AES_192_CTR,
                cipher::AES_128_CTR,
            ]),
            ..Preferred::DEFAULT
        },
        ..Config::default()
    }
}

/// Returns when the handshake timeout has elapsed; the clock is paused while the host key check or its prompt is
/// pending.
async fn handshake_timeout(shared: &Shared) {
    const TICK: Duration = Duration::from_millis(250);
    let mut left = HANDSHAKE_TIMEOUT;
    while !left.is_zero() {
        sleep(TICK).await;
        if !shared.timeout_paused.load(Ordering::Relaxed) {
            left = left.saturating_sub(TICK);
        }
    }
}

/// Returns the reason for a failed handshake, judged by the first bytes that the peer sent.
fn explain(error: russh::Error, first: &FirstBytes, shared: &Shared) -> Error {
    let banner = first.first_line();
    if let Some(said) = banner.clone().filter(|line| !line.starts_with("SSH-")) {
        return Error::NotSsh { said };
    }
    // The handler receives the actual reason first; the error that the handshake returns may only be a consequence of
    // it.
    let error = match error {
        russh::Error::HUP | russh::Error::Disconnect => {
            shared.take_reason().unwrap_or_else(|| Error::from_protocol(error))
        }
        other => Error::from_protocol(other),
    };
    match error {
        Error::Lost(_) => Error::ClosedEarly { banner },
        other => other,
    }
}
