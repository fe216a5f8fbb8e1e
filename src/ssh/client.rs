//! Turns a byte stream into an encrypted connection to a trusted server. Authentication is in [`super::auth`], channels are in
//! [`super::session`] and [`super::channel`].

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{Config, Handle, connect_stream};
use russh::{Disconnect, Preferred, SshId};
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::abort_on_drop::abort_on_drop;
use super::algorithms;
use super::error::Error;
use super::handler::{Handler, HandlerError, Refused, Shared, Verify};
use super::host_key::{Algorithm, PresentedKey, preferred};
use super::incoming::{ChannelStream, IncomingKind};
use super::preamble::{FirstLines, preamble};
use super::verifier::{HostKeyVerifier, Preferences};
use super::write_timeout::write_timeout;
use crate::program::Purpose;

/// The size of the network read buffer in bytes.
const READ_BUFFER_SIZE: usize = 256 * 1024;
/// The number of received messages (up to 32 KiB each) that are buffered for a slow reader. Beyond that the server has to wait.
const BUFFERED_MESSAGES: usize = 64;
/// The time limit for the disconnect message; the server may have closed the connection already.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(200);

/// The time limits of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// A keepalive is sent after this long without data from the server.
    pub keepalive_interval: Duration,
    /// The number of unanswered keepalives after which the connection is given up.
    pub keepalive_misses: usize,
    /// The time from the first byte to the end of the key exchange; the time that the host key check takes is not counted.
    pub handshake: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { keepalive_interval: Duration::from_secs(15), keepalive_misses: 3, handshake: Duration::from_secs(15) }
    }
}

impl Timeouts {
    /// The limit of a write that makes no progress: as long as unanswered keepalives take to end the connection.
    fn write(&self) -> Duration {
        self.keepalive_interval * u32::try_from(self.keepalive_misses + 1).unwrap_or(u32::MAX)
    }
}

/// The SSH channel window in bytes: how far the server may send ahead of what we have consumed (RFC 4254, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window(u32);

impl Window {
    /// The smallest window, which is the one that OpenSSH's client uses.
    pub(crate) const MIN: Self = Self(2 << 20);
    const MAX: Self = Self(32 << 20);

    /// Returns the window that fills a path with this round-trip time at 200 MB/s.
    ///
    /// A window larger than the path needs makes sshd slow: it reads ahead of the network, into buffers that it moves
    /// around. On our side the window costs no memory: after 2 MB of unread data the rest stays in the network, and the
    /// server waits.
    pub(crate) fn of(purpose: Purpose, round_trip: Duration) -> Self {
        let wanted = u32::try_from(round_trip.as_micros().saturating_mul(200)).unwrap_or(u32::MAX);
        match purpose {
            Purpose::Terminal => Self::MIN,
            Purpose::Bulk => Self(wanted.clamp(Self::MIN.0, Self::MAX.0)),
        }
    }
}

/// How a connection is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionOptions {
    /// The window of its channels.
    pub window: Window,
    /// The time limits of the connection.
    pub timeouts: Timeouts,
    /// Whether to ask for compression (`zlib@openssh.com`), which begins after the login.
    pub compress: bool,
}

/// Why a handshake failed.
#[derive(Debug)]
pub(crate) enum HandshakeError<E> {
    /// The peer or the protocol.
    Ssh(Error),
    /// The verifier, which refused the host key or could not judge it.
    HostKey(E),
}

impl<E> From<Error> for HandshakeError<E> {
    fn from(error: Error) -> Self {
        Self::Ssh(error)
    }
}

/// A connection to a trusted server, before or after authentication.
pub(crate) struct Connection {
    pub(super) handle: Handle<Handler>,
    pub(super) shared: Arc<Shared>,
}

impl Connection {
    /// Performs the version and key exchange over `stream` and has the host key verified.
    ///
    /// # Errors
    /// The peer is not an SSH server, the host key is refused, the handshake times out, or the protocol fails.
    pub(crate) async fn handshake<S, V>(
        stream: S,
        verifier: Arc<V>,
        options: ConnectionOptions,
        on_banner: impl Fn(String) + Send + 'static,
    ) -> Result<Self, HandshakeError<V::Error>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        V: HostKeyVerifier,
    {
        let preferences = verifier.preferences().map_err(HandshakeError::HostKey)?;
        let ConnectionOptions { timeouts, .. } = options;
        let config = Arc::new(config(&preferences, &options));
        let (verify, refusal) = erase(verifier);
        let shared = Arc::new(Shared::default());
        let cancelled = CancellationToken::new();
        let handler = Handler {
            verify,
            on_banner: Box::new(on_banner),
            shared: Arc::clone(&shared),
            cancelled: cancelled.clone(),
            _closes: shared.closed.clone().drop_guard(),
        };
        let (stream, first) = preamble(write_timeout(stream, timeouts.write()));
        let (stream, abort) = abort_on_drop(stream, cancelled);
        // Without a buffer, russh reads each packet separately, and its length before it.
        let stream = BufReader::with_capacity(READ_BUFFER_SIZE, stream);
        tokio::select! {
            result = connect_stream(config, stream, handler) => match result {
                Ok(handle) => {
                    abort.disarm();
                    Ok(Self { handle, shared })
                }
                Err(HandlerError::Refused) => {
                    let refusal = refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
                    Err(HandshakeError::HostKey(refusal.expect("the verifier left its refusal")))
                }
                Err(HandlerError::Cancelled) => Err(Error::Lost("the handshake was cancelled".to_owned()).into()),
                Err(HandlerError::Russh(error)) => Err(explain(error, &first, &shared).into()),
            },
            () = handshake_timeout(&shared, timeouts.handshake) => {
                let seconds = timeouts.handshake.as_secs();
                Err(Error::HandshakeTimeout { seconds, identification: first.first() }.into())
            }
        }
    }

    /// Resolves when the connection has ended, to the reason. It may be awaited by several at once.
    pub(crate) async fn closed(&self) -> Error {
        self.shared.closed.cancelled().await;
        self.reason()
    }

    /// Whether the connection has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Whether the server presented an ed25519 host key.
    pub(crate) fn has_ed25519_host_key(&self) -> bool {
        self.shared.host_key.get().is_none_or(|algorithm| *algorithm == Algorithm::Ed25519)
    }

    /// Accepts channels of this kind that the server opens; without a registration they are refused.
    #[cfg_attr(not(test), expect(dead_code, reason = "for forwarding from the server"))]
    pub(crate) fn accept(&self, kind: IncomingKind) -> mpsc::Receiver<ChannelStream> {
        self.shared.router.register(kind)
    }

    /// Sends a disconnect message, within a short time limit.
    pub(crate) async fn close(&self) {
        let disconnect = self.handle.disconnect(Disconnect::ByApplication, "", "en");
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, disconnect).await;
    }

    /// Returns why the connection ended; without a recorded reason the server closed it.
    pub(super) fn reason(&self) -> Error {
        self.shared.reason().unwrap_or_else(|| Error::Lost("the server closed it".to_owned()))
    }

    /// Returns the recorded reason, else the meaning of the library's error.
    pub(super) fn error(&self, error: russh::Error) -> Error {
        self.shared.reason().unwrap_or_else(|| Error::from_protocol(error))
    }

    /// Returns the meaning of an error on opening a channel for this.
    pub(super) fn open_error(&self, error: russh::Error, what: &'static str) -> Error {
        match error {
            russh::Error::ChannelOpenFailure(_) => Error::Refused(what),
            other => self.error(other),
        }
    }

    /// Replaces a lost connection by the recorded reason.
    pub(super) fn with_reason(&self, error: Error) -> Error {
        match error {
            Error::Lost(_) => self.shared.reason().unwrap_or(error),
            other => other,
        }
    }
}

/// Where an erased verifier leaves its refusal.
type RefusalSlot<E> = Arc<Mutex<Option<E>>>;

/// Erases the verifier's type; its refusal is left in the slot.
fn erase<V: HostKeyVerifier>(verifier: Arc<V>) -> (Verify, RefusalSlot<V::Error>) {
    let slot: RefusalSlot<V::Error> = Arc::default();
    let refusal = Arc::clone(&slot);
    let verify: Verify = Box::new(move |presented: &PresentedKey| {
        let (verifier, slot) = (Arc::clone(&verifier), Arc::clone(&slot));
        Box::pin(async move {
            verifier.verify(presented).await.map_err(|refusal| {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
                Refused
            })
        })
    });
    (verify, refusal)
}

fn config(preferences: &Preferences, options: &ConnectionOptions) -> Config {
    let ConnectionOptions { window: Window(window_size), timeouts, compress } = options;
    // The name ssh-rsa alone means a signature over SHA-1 (RFC 8332, section 1).
    let is_sha1 = |algorithm: &&Algorithm| matches!(algorithm, Algorithm::Rsa { hash: None });
    let all: Vec<Algorithm> = Preferred::DEFAULT.key.iter().filter(|algorithm| !is_sha1(algorithm)).cloned().collect();
    let host_keys = preferred(&preferences.algorithms, &all);
    let certificates = if preferences.certificates { host_keys.clone() } else { Vec::new() };
    Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-ec2ssh_", env!("CARGO_PKG_VERSION")))),
        keepalive_interval: Some(timeouts.keepalive_interval),
        // russh counts the keepalives that were sent, and gives up when one more would be due.
        keepalive_max: timeouts.keepalive_misses,
        channel_buffer_size: BUFFERED_MESSAGES,
        window_size: *window_size,
        preferred: Preferred {
            key: Cow::Owned(host_keys),
            host_key_certificates: Cow::Owned(certificates),
            kex: Cow::Borrowed(algorithms::KEX),
            cipher: Cow::Borrowed(algorithms::CIPHERS),
            mac: Cow::Borrowed(algorithms::MACS),
            compression: Cow::Borrowed(if *compress { algorithms::COMPRESSION } else { algorithms::NO_COMPRESSION }),
        },
        ..Config::default()
    }
}

/// Completes when the handshake's time has passed; while the host key is being judged the clock is paused.
async fn handshake_timeout(shared: &Shared, limit: Duration) {
    const TICK: Duration = Duration::from_millis(250);
    let (mut left, mut last) = (limit, Instant::now());
    while !left.is_zero() {
        sleep(TICK.min(left)).await;
        // A peer that keeps this task busy makes the sleep longer than a tick.
        let passed = last.elapsed();
        last += passed;
        if !shared.timeout_paused.load(Ordering::Relaxed) {
            left = left.saturating_sub(passed);
        }
    }
}

/// Explains a failed handshake by what the peer sent first.
fn explain(error: russh::Error, first: &FirstLines, shared: &Shared) -> Error {
    let identification = first.identification();
    if let (None, Some(said)) = (&identification, first.first()) {
        return Error::NotSsh { said };
    }
    // The handler receives the reason first; the handshake may return only its echo.
    let error = match error {
        russh::Error::HUP | russh::Error::Disconnect => shared.reason().unwrap_or_else(|| Error::from_protocol(error)),
        other => Error::from_protocol(other),
    };
    match error {
        Error::Lost(_) => Error::ClosedEarly { identification },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    /// A peer that keeps the task busy delays the ticks, and gains no time by it.
    #[tokio::test(start_paused = true)]
    async fn handshake_limit_counts_elapsed_time() {
        let shared = Shared::default();
        let mut limit = Box::pin(handshake_timeout(&shared, Duration::from_secs(15)));
        assert!(poll!(&mut limit).is_pending());
        // The time in which the user reads a question does not count.
        shared.timeout_paused.store(true, Ordering::Relaxed);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(poll!(&mut limit).is_pending());
        shared.timeout_paused.store(false, Ordering::Relaxed);
        for _ in 0..2 {
            assert!(poll!(&mut limit).is_pending());
            tokio::time::advance(Duration::from_secs(8)).await;
        }
        assert!(poll!(&mut limit).is_ready());
    }
}
