//! Why a Session Manager session could not be opened, or why it ended.

use crate::web::websocket;

/// The reason why a session could not be opened, or why it ended.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The websocket to the service failed.
    #[error(transparent)]
    Websocket(#[from] websocket::Error),
    /// The agent did not complete the handshake within this many seconds.
    #[error("the SSM Agent did not complete the handshake within {0} s")]
    NoHandshake(u64),
    /// The agent requested something that is not supported.
    #[error("the agent requested {0}, which ec2ssh does not support")]
    Unsupported(String),
    /// KMS gives out no data key for an encrypted session.
    #[error("no data key for the encrypted session: {reason}")]
    Key {
        /// The id or ARN of the key in KMS; untrusted.
        key_id: String,
        /// The reason, as KMS says it.
        reason: String,
        /// Whether the call was denied.
        denied: bool,
    },
    /// A message cannot be encrypted or decrypted.
    #[error("the session's encryption failed: {0}")]
    Encryption(String),
    /// The agent cannot connect to the port on the instance.
    #[error("the SSM Agent cannot connect to the port on the instance")]
    PortRefused,
    /// The service or the agent ended the session.
    #[error("the session was ended{}", because(.0))]
    Ended(String),
    /// The connection to the service was lost and could not be restored.
    #[error("the connection to Session Manager was lost: {0}")]
    Lost(String),
    /// The service or the agent sent an invalid message.
    #[error("Session Manager sent an invalid message: {0}")]
    Malformed(String),
}

impl Error {
    /// Whether the network failed, which may recover.
    pub(crate) fn is_transient(&self) -> bool {
        use crate::web::Error::{Broken, Connect, Silent};
        match self {
            Self::Websocket(websocket::Error::Web(error)) => {
                matches!(error, Connect { .. } | Silent(_) | Broken { .. })
            }
            Self::Websocket(error) => matches!(error, websocket::Error::Silent { .. }),
            Self::Lost(_) => true,
            _ => false,
        }
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}
