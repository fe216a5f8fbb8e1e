//! Events: how every layer below the commands reports and asks. An event that asks carries its own reply; the layers neither
//! print nor prompt. The terminal, `proxy` and the tests answer them.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::aws::model::Instance;
use crate::secret::Secret;
use crate::ssh::auth::{Answers, Challenge};

/// A report to the user or a question for the user.
#[derive(Debug)]
pub(crate) enum Event {
    /// A step with `-v`.
    Step(String),
    /// A line that the user should see.
    Notice(String),
    /// The announcement that the connection's time will soon be over.
    Ending(String),
    /// The chosen route and the reason, in one line.
    Route(String),
    /// A progress line; it replaces the previous one.
    Progress(String),
    /// The work that begins, in a present participle. It is shown where it takes over a second.
    Doing(String),
    /// The server's text before authentication (RFC 4252, section 5.4); untrusted.
    Banner(String),
    /// Asks whether a new host key is the instance's. Dropping the reply means no.
    HostKey {
        /// The key in question.
        question: HostKeyQuestion,
        /// Receives the user's answer.
        reply: oneshot::Sender<bool>,
    },
    /// Asks for the passphrase of a key file. Dropping the reply means that there is none.
    Passphrase {
        /// The path of the key file.
        path: PathBuf,
        /// Set when the previous passphrase was wrong.
        retry: bool,
        /// Receives the user's answer.
        reply: oneshot::Sender<Secret<String>>,
    },
    /// Asks the server's questions of a second factor (RFC 4256). Dropping the reply means that nobody answers.
    Challenge {
        /// The questions of the server; untrusted.
        challenge: Challenge,
        /// Receives one answer for each question.
        reply: oneshot::Sender<Vec<Secret<String>>>,
    },
    /// Asks whether the key file's mode may be set to 0400.
    FixMode {
        /// The description of the wrong mode.
        problem: String,
        /// Receives the user's answer.
        reply: oneshot::Sender<bool>,
    },
    /// Asks whether a stopped instance may be started.
    Start {
        /// The instance that is stopped.
        instance: Box<Instance>,
        /// Receives the user's answer.
        reply: oneshot::Sender<bool>,
    },
    /// Asks whether to connect to an instance as it was when AWS was last asked. Dropping the reply means no.
    LastSeen {
        /// Why AWS cannot be asked; untrusted.
        reason: String,
        /// The instance as it was.
        instance: Box<Instance>,
        /// The region that it was found in, with its account where that is known.
        place: String,
        /// The time since then, for the user.
        age: String,
        /// Receives the user's answer.
        reply: oneshot::Sender<bool>,
    },
    /// Asks which of several instances is meant. The answer is an index, or `None` for none of them.
    Choose {
        /// The instances to choose from.
        candidates: Vec<Instance>,
        /// Receives the user's answer.
        reply: oneshot::Sender<Option<usize>>,
    },
}

/// The question whether a new host key is the instance's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostKeyQuestion {
    /// The thing in question: `host key` or `RDP certificate`.
    pub what: &'static str,
    /// The name that the user knows the instance by; untrusted.
    pub label: String,
    /// The id of the instance.
    pub instance_id: String,
    /// The key's algorithm, for example `ssh-ed25519`.
    pub algorithm: String,
    /// The key's fingerprint, `SHA256:…`.
    pub fingerprint: String,
}

/// The receiver of events.
pub(crate) type Events = Arc<dyn Fn(Event) + Send + Sync>;

impl Event {
    /// Whether an answer is awaited.
    fn is_question(&self) -> bool {
        match self {
            Self::Step(_)
            | Self::Notice(_)
            | Self::Ending(_)
            | Self::Route(_)
            | Self::Progress(_)
            | Self::Doing(_)
            | Self::Banner(_) => false,
            Self::HostKey { .. }
            | Self::Passphrase { .. }
            | Self::Challenge { .. }
            | Self::FixMode { .. }
            | Self::Start { .. }
            | Self::LastSeen { .. }
            | Self::Choose { .. } => true,
        }
    }
}

/// Returns a receiver that answers no question, and passes on the rest.
pub(crate) fn without_questions(events: Events) -> Events {
    Arc::new(move |event| {
        if !event.is_question() {
            events(event);
        }
    })
}

/// Returns what asks the user a server's questions, for the SSH layer.
pub(crate) fn challenge_asker(
    events: &Events,
) -> impl Fn(Challenge) -> Pin<Box<dyn Future<Output = Answers> + Send>> + use<> {
    let events = Arc::clone(events);
    move |challenge| {
        let events = Arc::clone(&events);
        Box::pin(async move { ask(&events, |reply| Event::Challenge { challenge, reply }).await })
    }
}

/// Asks and waits for the answer; `None` when the reply is dropped unanswered.
pub(crate) async fn ask<T>(events: &Events, event: impl FnOnce(oneshot::Sender<T>) -> Event) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    events(event(reply));
    answer.await.ok()
}
