//! [`Opener`]: what opens the far half of a forwarded connection, whatever carries it.

use std::net::SocketAddr;
use std::pin::Pin;

use tokio_util::sync::CancellationToken;

use crate::forward_spec::Destination;
use crate::io::Stream;

/// Why no connection could be opened, as far as SOCKS tells it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The far side does not permit it.
    Prohibited,
    /// The host cannot be reached, or its name is unknown.
    Unreachable,
    /// The port refuses connections.
    Refused,
    /// What carries the connections has ended.
    Lost,
    /// Anything else.
    Other,
}

/// Why no connection could be opened.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct OpenError {
    /// The kind of failure.
    pub reason: Reason,
    /// The failure for the user; untrusted.
    pub message: String,
}

/// The far half of a forwarded connection.
pub(crate) struct Opened {
    /// The bytes in both directions. Its end of output is a half-close, where the carrier has one.
    pub stream: Box<dyn Stream>,
    /// Cancelled when the far side takes nothing more.
    pub closed: CancellationToken,
}

/// A boxed future.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Opens connections on the far side.
pub(crate) trait Opener: Send + Sync + 'static {
    /// Opens a connection to this place, for a client with this address.
    fn open<'a>(
        &'a self,
        to: &'a Destination,
        origin: Option<SocketAddr>,
    ) -> BoxFuture<'a, Result<Opened, OpenError>>;
}
