//! Session Manager's data channel: one port of the instance through its agent, without the plugin.
//!
//! ```text
//! frame         one message of the wire
//! reliable      order, acknowledgements, retransmission; each direction by itself
//! handshake     what the agent asks for first, and its version
//! conversation  the three joined: frames in, frames and bytes out; no clock, no socket
//! mux           streams over the bytes (smux), for port forwarding sessions
//! resume        how often a lost connection is tried to be had again
//!
//! channel       a session's life: opened, and ended whatever happens
//! relay         the task that moves the conversation, between ...
//! line          ... the websocket below ...
//! stream        ... and the user's end above
//! ```
//!
//! The first six are pure; the time is passed in.

pub mod channel;
pub mod conversation;
pub mod frame;
pub mod handshake;
mod line;
pub mod mux;
mod relay;
pub mod reliable;
pub mod resume;
pub mod stream;

use super::websocket;

/// The version of the protocol that we announce; the service refuses clients older than 1.2.764.0.
pub const CLIENT_VERSION: &str = "1.2.764.0";

/// Why there is no session, or why it ended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The websocket to the service.
    #[error(transparent)]
    Websocket(#[from] websocket::Error),
    /// The agent did not do its part.
    #[error("the agent did not finish its handshake in {0} s")]
    NoHandshake(u64),
    /// The agent asks for what we do not do.
    #[error("the agent asks for {0}, which an SSH session has no use for")]
    Unsupported(String),
    /// The agent's own connection on the instance.
    #[error("the agent cannot connect to the port on the instance")]
    PortRefused,
    /// The service or the agent ended the session.
    #[error("the session was ended{}", because(.0))]
    Ended(String),
    /// The connection to the service was lost and could not be had again.
    #[error("the connection to Session Manager was lost: {0}")]
    Lost(String),
    /// What came makes no sense.
    #[error("Session Manager sent what makes no sense: {0}")]
    Malformed(String),
}

impl Error {
    /// Whether it is the network, which may come back.
    pub fn may_pass(&self) -> bool {
        use super::web::Error::{Broken, Connect, Silent};
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
