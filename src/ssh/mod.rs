//! The SSH protocol by russh: the only folder that imports it. It is given a byte stream and gives back a session; how
//! the stream came about and who is at the terminal is not known here.
//!
//! It asks by [`Event`]s that carry their own reply, and never prints.

pub mod auth;
pub mod client;
mod handler;
pub mod host_keys;
pub mod key_file;
pub mod keys;
mod leash;
pub mod session;
pub mod stall;
mod tap;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;

pub use host_keys::{Policy, Question};

/// What this layer asks or tells those above.
#[derive(Debug)]
pub enum Event {
    /// Is this the instance's host key? Dropping the reply is a no.
    HostKey(Question, oneshot::Sender<bool>),
    /// Something worth a line of `-v`.
    Step(String),
    /// Something the person should see.
    Notice(String),
    /// The server's text before authentication; untrusted.
    Banner(String),
}

/// Where events go.
pub type Events = Arc<dyn Fn(Event) + Send + Sync>;

/// Why there is no session, or why it ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What answers does not speak SSH.
    #[error("what answers there is not an SSH server")]
    NotSsh {
        /// The first line it sent; untrusted.
        said: String,
    },
    /// The connection was closed before the server named itself, or right after.
    #[error("the server closed the connection before the key exchange was done")]
    ClosedEarly {
        /// Its identification, if it sent one; untrusted.
        banner: Option<String>,
    },
    /// The key exchange took too long.
    #[error("the server did not finish the SSH handshake in {seconds} s")]
    HandshakeTimeout {
        /// How long we waited.
        seconds: u64,
        /// Its identification, if it sent one; untrusted.
        banner: Option<String>,
    },
    /// Nothing that both sides can do.
    #[error("no common {kind} algorithm")]
    NoCommonAlgorithm {
        /// Kind of algorithm.
        kind: String,
        /// What we offered.
        ours: Vec<String>,
        /// What the server offered; untrusted.
        theirs: Vec<String>,
    },
    /// The host key is not to be trusted.
    #[error(transparent)]
    HostKey(Box<host_keys::Refusal>),
    /// The key presented cannot be compared with those that the console printed: the server has to be asked for others.
    #[error("the server presented a host key of an algorithm that its console did not print")]
    AskForPrinted,
    /// Our known_hosts file cannot be read or written.
    #[error("cannot use {}", path.display())]
    KnownHosts {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The server does not let this key in.
    #[error("permission denied for user {user}")]
    Denied {
        /// The login user.
        user: String,
        /// What the server would still accept.
        methods: Vec<String>,
    },
    /// The server stopped answering.
    #[error("the instance stopped answering: {misses} keepalives in a row went unanswered")]
    KeepaliveTimeout {
        /// How many.
        misses: usize,
    },
    /// The server said goodbye or the connection broke.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The server would not open the session or start the command.
    #[error("the server refused to {0}")]
    Refused(&'static str),
    /// Anything else in the protocol.
    #[error("SSH protocol error: {0}")]
    Protocol(String),
    /// Our own standard streams failed.
    #[error("local {stream} failed")]
    Local {
        /// Which.
        stream: &'static str,
        /// How.
        source: std::io::Error,
    },
}

impl From<host_keys::Refusal> for Error {
    fn from(refusal: host_keys::Refusal) -> Self {
        Self::HostKey(Box::new(refusal))
    }
}

impl Error {
    /// What a russh error means once the session stands.
    fn from_protocol(error: russh::Error) -> Self {
        match error {
            russh::Error::KeepaliveTimeout => Self::KeepaliveTimeout { misses: client::KEEPALIVE_MISSES },
            russh::Error::NoCommonAlgo { kind, ours, theirs } => {
                Self::NoCommonAlgorithm { kind: format!("{kind:?}").to_lowercase(), ours, theirs }
            }
            russh::Error::HUP | russh::Error::Disconnect | russh::Error::SendError | russh::Error::RecvError => {
                Self::Lost("the server closed it".to_owned())
            }
            russh::Error::IO(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Self::Lost("the server closed it".to_owned())
            }
            russh::Error::IO(error) => Self::Lost(error.to_string()),
            other => Self::Protocol(other.to_string()),
        }
    }
}
