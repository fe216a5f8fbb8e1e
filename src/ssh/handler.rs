//! The callbacks of russh: the host key, the server's banner, channels that the server opens, and the reason why the connection
//! ended.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use russh::client::{ChannelOpenHandle, DisconnectReason, Msg, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, Names};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::Error;
use super::gate::Gate;
use super::host_key::{Algorithm, PresentedKey};
use super::incoming::{IncomingKind, Router};
use super::stream::Channels;

/// State that the handler, which lives in russh's task, shares with its connection.
#[derive(Default)]
pub(super) struct Shared {
    /// Set while the host key is being judged: the handshake's timeout is paused.
    pub timeout_paused: AtomicBool,
    /// Why the connection ended; set once, and read by everybody who asks.
    reason: OnceLock<Error>,
    /// Cancelled when russh's task has ended.
    pub closed: CancellationToken,
    /// The algorithm of the host key that the server presented.
    pub host_key: OnceLock<Algorithm>,
    /// Where channels that the server opens are delivered.
    pub router: Router,
    /// Why the server refused to open channels, in its own words.
    pub open_failures: OpenFailures,
}

impl Shared {
    /// Returns why the connection ended, once it has.
    pub(super) fn reason(&self) -> Option<Error> {
        self.reason.get().cloned()
    }

    /// Records why the connection ends, unless a reason is known already.
    pub(super) fn set_reason(&self, reason: Error) {
        let _ = self.reason.set(reason);
    }
}

/// The server's descriptions of refused channels, oldest first. russh gives them to nobody who opens a channel; those are told in the
/// order in which the refusals came.
#[derive(Debug, Default)]
pub(super) struct OpenFailures(Mutex<VecDeque<String>>);

impl OpenFailures {
    /// The number of descriptions that are kept, each of some 200 bytes.
    const MAX: usize = 64;
    const MAX_LENGTH: usize = 200;

    fn push(&self, description: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == Self::MAX {
            kept.pop_front();
        }
        kept.push_back(description.chars().take(Self::MAX_LENGTH).collect());
    }

    /// Takes the oldest description.
    pub(super) fn take(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or_default()
    }
}

/// The verifier with its types erased: it keeps the refusal itself and says only that there is one.
pub(super) type Verify =
    Box<dyn for<'a> Fn(&'a PresentedKey) -> Pin<Box<dyn Future<Output = Result<(), Refused>> + Send + 'a>> + Send>;

/// The host key was refused; the reason is with the verifier.
#[derive(Debug)]
pub(super) struct Refused;

/// The handler of one connection.
pub(super) struct Handler {
    /// Judges the server's host key.
    pub verify: Verify,
    /// Receives the text that the server sends before authentication.
    pub on_banner: Box<dyn Fn(String) + Send>,
    /// State shared with the connection.
    pub shared: Arc<Shared>,
    /// The gate, which may be passed until a key exchange is done.
    pub gate: Gate,
    /// The state that the channels of the connection share.
    pub channels: Channels,
    /// Cancelled when the handshake is no longer awaited.
    pub cancelled: CancellationToken,
    /// Cancels [`Shared::closed`] when russh drops the handler, which is when its task ends.
    pub _closes: DropGuard,
}

/// russh's error or ours, as its `Handler` trait demands.
#[derive(Debug)]
pub(super) enum HandlerError {
    /// An error of the library.
    Russh(russh::Error),
    /// The host key was refused.
    Refused,
    /// The handshake is no longer awaited.
    Cancelled,
}

impl From<russh::Error> for HandlerError {
    fn from(error: russh::Error) -> Self {
        Self::Russh(error)
    }
}

/// Implements the callbacks for channels that the server opens: russh would accept each of them. The router delivers a channel
/// whose kind is registered; dropping the reply refuses the others.
macro_rules! route_channels {
    ($($name:ident($($argument:ident: $type:ty),*) => $kind:expr;)*) => {
        $(
            async fn $name(
                &mut self,
                channel: Channel<Msg>,
                $($argument: $type,)*
                reply: ChannelOpenHandle,
                _: &mut Session,
            ) -> Result<(), HandlerError> {
                self.shared.router.deliver($kind, channel, reply, self.channels.clone()).await;
                Ok(())
            }
        )*
    };
}

/// Implements the callbacks for kinds of channels that no server opens towards a client: they are refused.
macro_rules! refuse_channels {
    ($($name:ident($($type:ty),*);)*) => {
        $(
            async fn $name(
                &mut self,
                _: Channel<Msg>,
                $(_: $type,)*
                _: ChannelOpenHandle,
                _: &mut Session,
            ) -> Result<(), HandlerError> {
                Ok(())
            }
        )*
    };
}

impl russh::client::Handler for Handler {
    type Error = HandlerError;

    async fn check_server_key(&mut self, presented: &PresentedKey) -> Result<bool, HandlerError> {
        let _ = self.shared.host_key.set(presented.public_key().algorithm());
        self.shared.timeout_paused.store(true, Ordering::Relaxed);
        let verified = tokio::select! {
            verified = (self.verify)(presented) => verified.map_err(|Refused| HandlerError::Refused),
            () = self.cancelled.cancelled() => Err(HandlerError::Cancelled),
        };
        self.shared.timeout_paused.store(false, Ordering::Relaxed);
        verified.map(|()| true)
    }

    async fn auth_banner(&mut self, banner: &str, _: &mut Session) -> Result<(), HandlerError> {
        (self.on_banner)(banner.to_owned());
        Ok(())
    }

    async fn kex_done(&mut self, _: Option<&[u8]>, _: &Names, _: &mut Session) -> Result<(), HandlerError> {
        self.gate.unforce();
        Ok(())
    }

    async fn channel_open_failure(
        &mut self,
        _: ChannelId,
        _: ChannelOpenFailure,
        description: &str,
        _: &str,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        self.shared.open_failures.push(description);
        Ok(())
    }

    route_channels! {
        server_channel_open_forwarded_tcpip(address: &str, port: u32, _from: &str, _from_port: u32)
            => IncomingKind::ForwardedTcp { address: address.to_owned(), port };
        server_channel_open_forwarded_streamlocal(path: &str) => IncomingKind::ForwardedUnix { path: path.to_owned() };
        server_channel_open_agent_forward() => IncomingKind::Agent;
    }

    refuse_channels! {
        server_channel_open_session();
        server_channel_open_unknown();
        server_channel_open_direct_tcpip(&str, u32, &str, u32);
        server_channel_open_direct_streamlocal(&str);
        server_channel_open_x11(&str, u32);
    }

    async fn disconnected(&mut self, reason: DisconnectReason<HandlerError>) -> Result<(), HandlerError> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.shared.set_reason(Error::Lost(format!("the server says: {}", info.message)));
                Ok(())
            }
            DisconnectReason::Error(HandlerError::Russh(error)) => {
                self.shared.set_reason(Error::from_protocol(error));
                Ok(())
            }
            // A refused host key: the handshake itself reports it.
            DisconnectReason::Error(ours) => Err(ours),
        }
    }
}
