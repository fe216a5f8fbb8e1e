//! What russh calls back for: the host key, the server's banner, and the reason when the connection ends.

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

/// What the handler, which lives in russh's task, shares with the connection.
#[derive(Debug, Default)]
pub struct Shared {
    /// A person or the console is being asked: no clock runs.
    pub asking: AtomicBool,
    ended: Mutex<Option<Error>>,
}

impl Shared {
    /// Why the connection ended, once it has.
    pub fn take_reason(&self) -> Option<Error> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn ended_by(&self, error: Error) {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// The handler of one connection.
pub struct Handler {
    pub check: HostKeyCheck,
    /// The server was asked first for the algorithms that the console printed.
    pub asked_for_printed: bool,
    pub events: Events,
    pub shared: Arc<Shared>,
    /// Nobody waits for the handshake any more.
    pub is_let_go: CancellationToken,
}

/// russh's error or ours, as its `Handler` wants it.
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

/// russh accepts whatever channel a server opens. We have asked for none: to drop the reply is to refuse.
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
            () = self.is_let_go.cancelled() => Err(Error::Lost("nobody waits for it".to_owned())),
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
                self.shared.ended_by(Error::Lost(format!("the server says: {}", info.message)));
                Ok(())
            }
            DisconnectReason::Error(HandlerError::Russh(error)) => {
                self.shared.ended_by(Error::from_protocol(error));
                Ok(())
            }
            // A refused host key: the handshake itself reports it.
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
        // The console takes the time it takes: it is not the server's.
        let outcome = self.unhurried(check.decide(presented, notice, step)).await?;
        match outcome {
            Outcome::Trusted(how) => step(format!("host key {algorithm} {print} is {how}")),
            Outcome::OtherAlgorithms => return Err(self.other_algorithms(&key)),
            Outcome::Open => check.keep(&[key], self.by_policy(&algorithm, &print).await?)?,
        }
        Ok(())
    }

    /// The console printed keys of other algorithms. If the server was asked for those first, it does not have them.
    fn other_algorithms(&self, key: &PublicKey) -> Error {
        match self.check.console.answer_so_far() {
            Some(printed) if self.asked_for_printed => self.check.contradicted(&printed, key),
            _ => Error::AskForPrinted,
        }
    }

    /// A key that no source knows: lets it pass or not, and says how it came to be trusted.
    async fn by_policy(&self, algorithm: &str, presented: &str) -> Result<&'static str, Error> {
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
        self.unhurried(answer).await.unwrap_or(false)
    }

    /// Waits for something that is not the server's to hurry: no clock runs meanwhile.
    async fn unhurried<T>(&self, wait: impl Future<Output = T>) -> T {
        self.shared.asking.store(true, Ordering::Relaxed);
        let result = wait.await;
        self.shared.asking.store(false, Ordering::Relaxed);
        result
    }
}
