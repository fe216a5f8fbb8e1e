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
use super::gate::{Gate, gated};
use super::handler::{Handler, HandlerError, Refused, Shared, Verify};
use super::host_key::{Algorithm, PresentedKey, preferred};
use super::incoming::{IncomingChannel, IncomingKind};
use super::keepalive::keep_alive;
use super::last_message::with_last_message;
use super::options::{Backlog, ConnectionOptions, Timeouts, Window};
use super::preamble::{FirstLines, preamble};
use super::stream::Channels;
use super::verifier::{HostKeyVerifier, Preferences};
use super::write_timeout::write_timeout;

/// The size of the network read buffer in bytes.
const READ_BUFFER_SIZE: usize = 256 * 1024;
/// The number of received messages (up to 32 KiB each) that russh holds until a channel takes them, which it does at once.
const BUFFERED_MESSAGES: usize = 64;
/// The interval at which it is looked whether the server has answered.
const ANSWER_POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The time limit for the disconnect message; the server may have closed the connection already.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(200);

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
    /// Shared with the keepalives after the login.
    handle: Arc<Handle<Handler>>,
    pub(super) shared: Arc<Shared>,
    pub(super) gate: Gate,
    pub(super) channels: Channels,
    pub(super) backlog: usize,
    cancelled: CancellationToken,
    timeouts: Timeouts,
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
        let gate = Gate::new();
        let channels = Channels::new(gate.clone());
        let handler = Handler {
            verify,
            on_banner: Box::new(on_banner),
            shared: Arc::clone(&shared),
            gate: gate.clone(),
            channels: channels.clone(),
            cancelled: cancelled.clone(),
            _closes: shared.closed.clone().drop_guard(),
        };
        let (stream, first) = preamble(write_timeout(with_last_message(stream), timeouts.write()));
        let (stream, abort) = abort_on_drop(stream, cancelled.clone());
        // Without a buffer, russh reads each packet separately, and its length before it.
        let stream = BufReader::with_capacity(READ_BUFFER_SIZE, stream);
        let stream = gated(stream, gate.clone());
        tokio::select! {
            result = connect_stream(config, stream, handler) => match result {
                Ok(handle) => {
                    abort.disarm();
                    let (handle, Backlog(backlog)) = (Arc::new(handle), options.backlog);
                    Ok(Self { handle, shared, gate, channels, backlog, cancelled, timeouts })
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

    /// Returns the handle of russh's task.
    pub(super) fn handle(&self) -> &Handle<Handler> {
        &self.handle
    }

    /// Returns the handle of russh's task, for the login.
    pub(super) fn login_handle(&mut self) -> &mut Handle<Handler> {
        Arc::get_mut(&mut self.handle).expect("it is shared only after the login")
    }

    /// Begins to send keepalives, after the login.
    pub(super) fn start_keepalives(&self) {
        let (handle, gate, shared) = (Arc::downgrade(&self.handle), self.gate.clone(), Arc::clone(&self.shared));
        tokio::spawn(keep_alive(handle, gate, shared, self.cancelled.clone(), self.timeouts));
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

    /// Whether the server still answers, within this time.
    pub(crate) async fn answers(&self, within: Duration) -> bool {
        let begun = Instant::now();
        let asked = async {
            self.handle.send_keepalive(true).await.is_ok()
                && loop {
                    // Nothing is read at present, because of a slow reader: then it is not dead.
                    if self.gate.is_shut() || self.gate.heard() > begun {
                        break true;
                    }
                    sleep(ANSWER_POLL_INTERVAL).await;
                }
        };
        tokio::select! {
            answered = tokio::time::timeout(within, asked) => answered.unwrap_or(false),
            () = self.shared.closed.cancelled() => false,
        }
    }

    /// Whether the server presented an ed25519 host key.
    pub(crate) fn has_ed25519_host_key(&self) -> bool {
        self.shared.host_key.get().is_none_or(|algorithm| *algorithm == Algorithm::Ed25519)
    }

    /// Accepts channels of this kind that the server opens; without a registration they are refused.
    pub(crate) fn accept(&self, kind: IncomingKind) -> mpsc::Receiver<IncomingChannel> {
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
            russh::Error::ChannelOpenFailure(_) => {
                self.shared.open_failures.take();
                Error::Refused(what)
            }
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
    let ConnectionOptions { window: Window(window_size), compress, .. } = options;
    // The name ssh-rsa alone means a signature over SHA-1 (RFC 8332, section 1).
    let is_sha1 = |algorithm: &&Algorithm| matches!(algorithm, Algorithm::Rsa { hash: None });
    let all: Vec<Algorithm> = Preferred::DEFAULT.key.iter().filter(|algorithm| !is_sha1(algorithm)).cloned().collect();
    let host_keys = preferred(&preferences.algorithms, &all);
    let certificates = if preferences.certificates { host_keys.clone() } else { Vec::new() };
    Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-ec2ssh_", env!("CARGO_PKG_VERSION")))),
        // They are sent and counted by `keepalive`.
        keepalive_interval: None,
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
