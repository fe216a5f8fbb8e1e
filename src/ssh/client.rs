//! From a byte stream to an encrypted connection with a trusted server; who logs in is [`super::auth`]'s.

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

use super::handler::{Handler, HandlerError, Shared};
use super::host_keys::check::HostKeyCheck;
use super::host_keys::preferred;
use super::leash::Leashed;
use super::stall::StallGuard;
use super::tap::{FirstBytes, Tap};
use super::{Error, Events};

/// A keepalive is sent when nothing came for this long.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// After so many without an answer the connection is given up.
pub const KEEPALIVE_MISSES: usize = 3;
/// As long as the keepalives take to give up.
const WRITE_STALL: Duration = Duration::from_secs(KEEPALIVE_INTERVAL.as_secs() * (KEEPALIVE_MISSES as u64 + 1));
/// From the first byte to the end of the key exchange, the time a person takes to answer left out.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// Read at once from the network.
const READ_AT_ONCE: usize = 256 * 1024;
/// Received data that waits for a slow reader: this many messages of up to 32 KiB, then the far side is made to wait.
const BUFFERED_MESSAGES: usize = 64;

/// What a connection is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// A person types: what is under way when Ctrl-C is typed still comes, so it should not be much.
    Terminal,
    /// Bytes for a program: the path is to be filled, however long it is.
    #[default]
    Bulk,
}

/// How far the far side may be ahead of what we have taken (RFC 4254, section 5.2), in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(u32);

impl Window {
    /// What OpenSSH's client gives.
    pub const LEAST: Self = Self(2 << 20);
    const MOST: Self = Self(32 << 20);

    /// The window that fills a path on which an answer takes so long, at 200 MB/s. More of it than the path needs makes sshd
    /// slow: it reads ahead of the network, into buffers that it moves about. Here it costs no memory: what nobody takes is
    /// left in the network after 2 MB, and the far side waits.
    pub fn of(purpose: Purpose, round_trip: Duration) -> Self {
        let wanted = u32::try_from(round_trip.as_micros().saturating_mul(200)).unwrap_or(u32::MAX);
        match purpose {
            Purpose::Terminal => Self::LEAST,
            Purpose::Bulk => Self(wanted.clamp(Self::LEAST.0, Self::MOST.0)),
        }
    }
}

/// A connection whose server is trusted; nobody is logged in yet.
pub struct Connection {
    pub(super) handle: Handle<Handler>,
    pub(super) shared: Arc<Shared>,
}

impl Connection {
    /// Does the version and key exchange over `stream` and has the host key checked.
    ///
    /// # Errors
    /// What the other side is instead of an SSH server, why its key is not trusted, or what the protocol lacks.
    pub async fn handshake<S>(stream: S, check: HostKeyCheck, window: Window, events: Events) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let wanted = check.wanted()?;
        // ssh-rsa alone is a signature over SHA-1 (RFC 8332, section 1).
        let is_sha1 = |algorithm: &&Algorithm| matches!(algorithm, Algorithm::Rsa { hash: None });
        let offered: Vec<Algorithm> =
            Preferred::DEFAULT.key.iter().filter(|algorithm| !is_sha1(algorithm)).cloned().collect();
        let offered = preferred(&wanted, &offered);
        let certificates = if check.has_authority() { offered.clone() } else { Vec::new() };
        let config = Arc::new(config(offered, certificates, window));
        let shared = Arc::new(Shared::default());
        // What it printed, if anything, was asked for first.
        let asked_for_printed = check.console.answer_so_far().is_some();
        let is_let_go = CancellationToken::new();
        let handler =
            Handler { check, asked_for_printed, events, shared: Arc::clone(&shared), is_let_go: is_let_go.clone() };
        let (stream, first) = Tap::new(StallGuard::new(stream, WRITE_STALL));
        let (stream, leash) = Leashed::new(stream, is_let_go);
        // russh reads each packet by itself, and its length before it.
        let stream = BufReader::with_capacity(READ_AT_ONCE, stream);
        tokio::select! {
            result = connect_stream(config, stream, handler) => match result {
                Ok(handle) => {
                    leash.take_off();
                    Ok(Self { handle, shared })
                }
                Err(HandlerError::Ours(error)) => Err(error),
                Err(HandlerError::Russh(error)) => Err(explain(error, &first, &shared)),
            },
            () = patience(&shared) => {
                let seconds = HANDSHAKE_TIMEOUT.as_secs();
                Err(Error::HandshakeTimeout { seconds, banner: first.first_line() })
            }
        }
    }

    /// Says goodbye; the far side may be gone already.
    pub async fn close(&self) {
        let goodbye = self.handle.disconnect(Disconnect::ByApplication, "", "en");
        let _ = tokio::time::timeout(Duration::from_millis(200), goodbye).await;
    }
}

fn config(host_keys: Vec<Algorithm>, certificates: Vec<Algorithm>, Window(window_size): Window) -> Config {
    Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-ec2ssh_", env!("CARGO_PKG_VERSION")))),
        keepalive_interval: Some(KEEPALIVE_INTERVAL),
        // russh counts the ones sent, and gives up when one more would be due.
        keepalive_max: KEEPALIVE_MISSES,
        channel_buffer_size: BUFFERED_MESSAGES,
        window_size,
        preferred: Preferred {
            key: Cow::Owned(host_keys),
            host_key_certificates: Cow::Owned(certificates),
            // AES first: the processors that run this have instructions for it.
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

/// Returns when the handshake's time is up; while a person is being asked it stands still.
async fn patience(shared: &Shared) {
    const TICK: Duration = Duration::from_millis(250);
    let mut left = HANDSHAKE_TIMEOUT;
    while !left.is_zero() {
        sleep(TICK).await;
        if !shared.asking.load(Ordering::Relaxed) {
            left = left.saturating_sub(TICK);
        }
    }
}

/// Why a handshake failed, judged by what the other side sent first.
fn explain(error: russh::Error, first: &FirstBytes, shared: &Shared) -> Error {
    let banner = first.first_line();
    if let Some(said) = banner.clone().filter(|line| !line.starts_with("SSH-")) {
        return Error::NotSsh { said };
    }
    // The handler is told the reason first; what the handshake returns may be the echo of it.
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
