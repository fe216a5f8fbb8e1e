//! [`CredentialEvent`]: what the credentials' providers report and ask. This room can neither print nor prompt.

use std::fmt;
use std::fs::File;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::secret::Secret;

/// A report to the user or a question for the user.
#[derive(Debug)]
pub(crate) enum CredentialEvent {
    /// Says what is being waited for; a later one replaces it.
    Waiting(String),
    /// Text that a credential_process wrote to its standard error; untrusted.
    Output(String),
    /// Asks for a code of the MFA device. Dropping the reply means that nobody can be asked.
    MfaCode {
        /// The serial number or ARN of the device.
        serial: String,
        /// Receives the code that was typed.
        reply: oneshot::Sender<Secret<String>>,
    },
}

/// The receiver of these events.
pub(crate) type CredentialEvents = Arc<dyn Fn(CredentialEvent) + Send + Sync>;

/// How the user is reached while credentials are loaded.
#[derive(Clone)]
pub(crate) struct Interaction {
    /// Receives reports and questions.
    pub events: CredentialEvents,
    /// Opens the terminal as the standard input of a credential_process, where there is one; the session's own standard input
    /// is never given away.
    pub terminal: fn() -> Option<File>,
}

impl Interaction {
    /// Makes one that reports nothing and answers no question: for completions.
    pub(crate) fn silent() -> Self {
        Self { events: Arc::new(|_| ()), terminal: || None }
    }
}

impl fmt::Debug for Interaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interaction")
    }
}
