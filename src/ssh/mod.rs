//! The SSH protocol, implemented with russh, which no other folder imports. This layer takes a byte stream and returns
//! a session; it knows neither how the stream was opened nor who is at the terminal.
//!
//! Questions and notices go out as [`Event`]s, with a reply channel where an answer is needed; nothing is printed here.

mod abort_on_drop;
pub mod auth;
pub mod client;
mod handler;
pub mod host_keys;
pub mod key_file;
pub mod keys;
pub mod session;
mod tap;
pub mod write_timeout;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;

pub use host_keys::{Policy, Question};

/// An event from this layer to its caller.
#[derive(Debug)]
pub enum Event {
    /// A question whether this is the instance's host key. Dropping the reply means no.
    HostKey(Question, oneshot::Sender<bool>),
    /// A step to show with `-v`.
    Step(String),
    /// A notice for the user.
    Notice(String),
    /// The server's banner before authentication; untrusted.
    Banner(String),
}

/// The sink that receives the events.
pub type Events = Arc<dyn Fn(Event) + Send + Sync>;

/// The reason why a session could not be opened, or why it ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The peer does not speak SSH.
    #[error("the peer is not an SSH server")]
    NotSsh {
        /// The first line that the peer sent; untrusted.
        said: String,
    },
    /// The connection was closed before the server sent its identification string, or before the end of the key
    /// exchange.
    #[error("connection closed by remote host before the key exchange finished")]
    ClosedEarly {
        /// The server's identification string, if it sent one; untrusted.
        banner: Option<String>,
    },
    /// The key exchange timed out before its end.
    #[error("connection timed out during the SSH handshake ({seconds} s)")]
    HandshakeTimeout {
        /// The timeout that elapsed, in seconds.
        seconds: u64,
        /// The server's identification string, if it sent one; untrusted.
        banner: Option<String>,
    },
    /// The two sides have no algorithm of some kind in common.
    #[error("no common {kind} algorithm")]
    NoCommonAlgorithm {
        /// The kind of algorithm.
        kind: String,
        /// The algorithms that the client offered.
        ours: Vec<String>,
        /// The algorithms that the server offered; untrusted.
        theirs: Vec<String>,
    },
    /// The host key is not trusted.
    #[error(transparent)]
    HostKey(Box<host_keys::Refusal>),
    /// The presented key cannot be compared with those that the console printed: connect again and ask for the printed
    /// algorithms.
    #[error("the server presented a host key of an algorithm that its console did not print")]
    HostKeyAlgorithmNotPrinted,
    /// A known_hosts file of ec2ssh cannot be read or written.
    #[error("cannot use the known_hosts file {}", path.display())]
    KnownHosts {
        /// The path of the file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The server does not accept this key for the user.
    #[error("permission denied for {user} (publickey)")]
    Denied {
        /// The login user that was refused.
        user: String,
        /// The authentication methods that the server would still accept.
        methods: Vec<String>,
    },
    /// The server stopped answering keepalives.
    #[error("the instance stopped answering: {misses} keepalives in a row went unanswered")]
    KeepaliveTimeout {
        /// The number of unanswered keepalives.
        misses: usize,
    },
    /// The server disconnected, or the connection broke.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The server refused to open the session or to start the command.
    #[error("the server refused to {0}")]
    Refused(&'static str),
    /// Any other error of the SSH protocol.
    #[error("SSH protocol error: {0}")]
    Protocol(String),
    /// A local standard stream failed.
    #[error("local {stream} failed")]
    Local {
        /// The name of the stream.
        stream: &'static str,
        /// The error of the system.
        source: std::io::Error,
    },
}

impl From<host_keys::Refusal> for Error {
    fn from(refusal: host_keys::Refusal) -> Self {
        Self::HostKey(Box::new(refusal))
    }
}

impl Error {
    /// Converts a russh error into an error of this layer.
    fn from_protocol(error: russh::Error) -> Self {
        match error {
            russh::Error::KeepaliveTimeout => Self::KeepaliveTimeout { misses: client::KEEPALIVE_MISSES },
            russh::Error::NoCommonAlgo { kind, ours, theirs } => {
                Self::NoCommonAlgorithm { kind: format!("{kind:?}").to_lowercase(), ours, theirs }
            }
            russh::Error::HUP | russh::Error::Disconnect | russh::Error::SendError | russh::Error::RecvError => {
                Self::Lost("closed by remote host".to_owned())
            }
            russh::Error::IO(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Self::Lost("closed by remote host".to_owned())
            }
            russh::Error::IO(error) => Self::Lost(error.to_string()),
            other => Self::Protocol(other.to_string()),
        }
    }
}
