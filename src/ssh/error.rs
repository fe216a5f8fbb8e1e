//! Why an SSH connection could not be opened, or why it ended.

use std::sync::Arc;

/// The reason why a session could not be opened, or why it ended.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
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
        identification: Option<String>,
    },
    /// The key exchange timed out before its end.
    #[error("connection timed out during the SSH handshake ({seconds} s)")]
    HandshakeTimeout {
        /// The timeout that elapsed, in seconds.
        seconds: u64,
        /// The server's identification string, if it sent one; untrusted.
        identification: Option<String>,
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
    /// The server does not accept this key for the user.
    #[error("permission denied for {user} (publickey)")]
    Denied {
        /// The login user that was refused.
        user: String,
        /// The authentication methods that the server would still accept.
        methods: Vec<String>,
    },
    /// The server accepted the key, and wants another step that was not passed.
    #[error("{}", second_step(user, wanted, *answered))]
    SecondStep {
        /// The login user whose key was accepted.
        user: String,
        /// The methods that the server wants next.
        wanted: Vec<String>,
        /// Whether the user answered the server's questions, and was refused.
        answered: bool,
    },
    /// The server accepts the key, whose holder does not sign.
    #[error("the key that was offered cannot sign any more")]
    Unsigned,
    /// The server stopped answering keepalives.
    #[error("connection timed out: the server no longer answers keepalives")]
    KeepaliveTimeout,
    /// The server disconnected, or the connection broke.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The server refused to open the session or to start the command.
    #[error("the server refused to {0}")]
    Refused(&'static str),
    /// The server cannot or may not connect to where a forwarded connection leads.
    #[error("{}", forwarding_refused(*refusal, description))]
    NotForwarded {
        /// The kind of refusal.
        refusal: OpenRefusal,
        /// The server's description; untrusted, and often empty.
        description: String,
    },
    /// Any other error of the SSH protocol.
    #[error("SSH protocol error: {0}")]
    Protocol(String),
    /// A local standard stream failed.
    #[error("local {stream} failed")]
    Local {
        /// The name of the stream.
        stream: &'static str,
        /// The error of the system.
        source: Arc<std::io::Error>,
    },
}

/// The kinds of refusals of a channel (RFC 4254, section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenRefusal {
    /// The server's configuration does not permit it.
    Prohibited,
    /// The server could not connect.
    ConnectFailed,
    /// The server lacks something, or does not know this kind of channel.
    Other,
}

fn forwarding_refused(refusal: OpenRefusal, description: &str) -> String {
    let kind = match refusal {
        OpenRefusal::Prohibited => "the server does not permit forwarding",
        OpenRefusal::ConnectFailed => "the server cannot connect",
        OpenRefusal::Other => "the server refused the channel",
    };
    if description.is_empty() { kind.to_owned() } else { format!("{kind}: {description}") }
}

fn second_step(user: &str, wanted: &[String], answered: bool) -> String {
    let wanted = wanted.join(" or ");
    if answered {
        format!("permission denied for {user} ({wanted}); the key was accepted")
    } else {
        format!("the key was accepted; the server wants {wanted} as well")
    }
}

impl Error {
    /// Converts a russh error into an error of this layer.
    pub(super) fn from_protocol(error: russh::Error) -> Self {
        match error {
            russh::Error::KeepaliveTimeout => Self::KeepaliveTimeout,
            russh::Error::NoCommonAlgo { kind, ours, theirs } => {
                Self::NoCommonAlgorithm { kind: format!("{kind:?}").to_lowercase(), ours, theirs }
            }
            russh::Error::HUP | russh::Error::Disconnect | russh::Error::SendError | russh::Error::RecvError => {
                Self::Lost("closed by remote host".to_owned())
            }
            russh::Error::IO(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Self::Lost("closed by remote host".to_owned())
            }
            russh::Error::Keys(russh::keys::Error::AgentFailure) => Self::Unsigned,
            russh::Error::IO(error) => Self::Lost(error.to_string()),
            other => Self::Protocol(other.to_string()),
        }
    }
}
