//! Callbacks for russh: the host key, the server's banner, and the reason for a disconnect.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use russh::Channel;
use russh::client::{ChannelOpenHandle, DisconnectReason, Msg, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::host_keys::check::{HostKeyCheck, Outcome};
use super::host_keys::{Policy, Question, Refusal, fingerprint};
use super::{Error, Event, Events};

/// State that the handler, which lives in russh's task, shares with the connection.
#[derive(Debug, Default)]
pub struct Shared {
    /// Whether the host key check or its prompt is pending; the handshake timeout is paused meanwhile.
    pub timeout_paused: AtomicBool,
    ended: Mutex<Option<Error>>,
}

impl Shared {
    /// Takes the reason why the connection ended, if it has ended.
    pub fn take_reason(&self) -> Option<Error> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn ended_by(&self, error: Error) {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// The russh handler of one connection.
pub struct Handler {
    pub check: HostKeyCheck,
    /// Whether the algorithms that the console printed were offered first.
    pub asked_for_printed: bool,
    pub events: Events,
    pub shared: Arc<Shared>,
    /// Cancelled when the handshake is abandoned by its caller.
    pub cancelled: CancellationToken,
}

/// An error of russh or of this crate, in the form that russh's `Handler` requires.
#[derive(Debug)]
pub enum HandlerError {
    Russh(russh::Error),
    Ours(Error),
}

impl From<russh::Error> for HandlerError {
    fn from(error: russh::Error) -> Self {
        Self::Russh(error)
    }
}

/// Refuses every channel that the server opens. russh accepts them by default and this client never asks for one;
/// dropping the reply handle refuses the channel.
macro_rules! refuse_channels {
    ($($name:ident($($argument:ty),*);)*) => {
        $(
            async fn $name(
                &mut self,
                _: Channel<Msg>,
                $(_: $argument,)*
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

    async fn check_server_key(&mut self, presented: &PublicKeyOrCertificate) -> Result<bool, HandlerError> {
        let admitted = tokio::select! {
            admitted = self.admit(presented) => admitted,
            () = self.cancelled.cancelled() => Err(Error::Lost("the handshake was cancelled".to_owned())),
        };
        admitted.map(|()| true).map_err(HandlerError::Ours)
    }

    async fn auth_banner(&mut self, banner: &str, _: &mut Session) -> Result<(), HandlerError> {
        (self.events)(Event::Banner(banner.to_owned()));
        Ok(())
    }

    refuse_channels! {
        server_channel_open_session();
        server_channel_open_agent_forward();
        server_channel_open_unknown();
        server_channel_open_forwarded_tcpip(&str, u32, &str, u32);
        server_channel_open_forwarded_streamlocal(&str);
        server_channel_open_direct_tcpip(&str, u32, &str, u32);
        server_channel_open_direct_streamlocal(&str);
        server_channel_open_x11(&str, u32);
    }

    async fn disconnected(&mut self, reason: DisconnectReason<HandlerError>) -> Result<(), HandlerError> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.shared.ended_by(Error::Lost(format!("disconnected by the server: {}", info.message)));
                Ok(())
            }
            DisconnectReason::Error(HandlerError::Russh(error)) => {
                self.shared.ended_by(Error::from_protocol(error));
                Ok(())
            }
            // A refused host key is reported by the handshake itself.
            DisconnectReason::Error(ours) => Err(ours),
        }
    }
}

impl Handler {
    async fn admit(&self, presented: &PublicKeyOrCertificate) -> Result<(), Error> {
        let check = &self.check;
        let key = presented.public_key();
        let (algorithm, print) = (key.algorithm().to_string(), fingerprint(&key));
        let notice = |text| (self.events)(Event::Notice(text));
        let step = |text| (self.events)(Event::Step(text));
        // The time that the console takes must not count against the server's handshake timeout.
        let outcome = self.with_timeout_paused(check.decide(presented, notice, step)).await?;
        match outcome {
            Outcome::Trusted(how) => step(format!("host key {algorithm} {print} is {how}")),
            Outcome::OtherAlgorithms => return Err(self.other_algorithms(&key)),
            Outcome::Unknown => check.keep(&[key], self.apply_policy(&algorithm, &print).await?)?,
        }
        Ok(())
    }

    /// Returns the error for a key when the console printed only keys of other algorithms. If those were offered first,
    /// the server does not have them, and the key is refused.
    fn other_algorithms(&self, key: &PublicKey) -> Error {
        match self.check.console.try_get() {
            Some(printed) if self.asked_for_printed => self.check.contradicted(&printed, key),
            _ => Error::HostKeyAlgorithmNotPrinted,
        }
    }

    /// Applies the policy to a key that no source knows; returns how the key came to be trusted.
    async fn apply_policy(&self, algorithm: &str, presented: &str) -> Result<&'static str, Error> {
        let check = &self.check;
        match check.policy {
            Policy::AcceptNew => {
                let text = format!("Accepted the new host key of {}: {algorithm} {presented}", check.instance_id);
                (self.events)(Event::Notice(text));
                return Ok("accept-new");
            }
            Policy::Ask if self.ask(algorithm, presented).await => return Ok("confirmed"),
            Policy::Ask | Policy::Strict => {}
        }
        let (instance_id, presented) = (check.instance_id.clone(), presented.to_owned());
        Err(Refusal::Unknown { instance_id, presented, algorithm: algorithm.to_owned(), policy: check.policy }.into())
    }

    async fn ask(&self, algorithm: &str, presented: &str) -> bool {
        let question = Question {
            label: self.check.label.clone(),
            instance_id: self.check.instance_id.clone(),
            algorithm: algorithm.to_owned(),
            fingerprint: presented.to_owned(),
        };
        let (reply, answer) = oneshot::channel();
        (self.events)(Event::HostKey(question, reply));
        self.with_timeout_paused(answer).await.unwrap_or(false)
    }

    /// Waits with the handshake timeout paused, for something that does not depend on the server.
    async fn with_timeout_paused<T>(&self, wait: impl Future<Output = T>) -> T {
        self.shared.timeout_paused.store(true, Ordering::Relaxed);
        let result = wait.await;
        self.shared.timeout_paused.store(false, Ordering::Relaxed);
        result
    }
}
