//! Session Manager's data channel: a connection to one port of the instance through its agent, without the plugin.
//!
//! ```text
//! frame         one message on the wire
//! reliable      ordering, acknowledgements and retransmission, for each direction separately
//! handshake     the agent's handshake request, and its version
//! conversation  the three combined: frames in, frames and bytes out; no clock, no socket
//! mux           streams over the bytes (smux), for port forwarding sessions
//! resume        reconnect policy: attempts, backoff, deadline
//!
//! channel       the lifecycle of a session: opens it and makes sure that it is ended
//! relay         the task that moves bytes between the websocket and the local stream
//! line          the two halves of the websocket
//! stream        the local end of the session
//! ```
//!
//! The first six do no I/O; the time is passed in.

pub mod channel;
pub mod data_channel;
pub mod frame;
pub mod handshake;
pub mod mux;
mod relay;
pub mod reliable;
pub mod resume;
pub mod stream;
mod ws;

use super::websocket;

/// The protocol version that we announce; the service refuses clients older than 1.2.764.0.
pub const CLIENT_VERSION: &str = "1.2.764.0";

/// The reason why a session could not be opened, or why it ended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The websocket to the service failed.
    #[error(transparent)]
    Websocket(#[from] websocket::Error),
    /// The agent did not complete the handshake within this many seconds.
    #[error("the agent did not complete the handshake within {0} s")]
    NoHandshake(u64),
    /// The agent requested something that is not supported.
    #[error("the agent requested {0}, which ec2ssh does not support")]
    Unsupported(String),
    /// The agent cannot connect to the port on the instance.
    #[error("the agent cannot connect to the port on the instance")]
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
    pub fn is_transient(&self) -> bool {
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
