//! [`Opener`]: what opens the far half of a forwarded connection, whatever carries it.

use std::net::SocketAddr;
use std::pin::Pin;

use tokio::sync::{mpsc, oneshot};
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
    /// The connection that carries the others has ended.
    Lost,
    /// The failure has another reason.
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

/// A boxed future that may move between threads.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Opens connections on the far side.
pub(crate) trait Opener: Send + Sync + 'static {
    /// Opens a connection to this place, for a client with this address.
    fn open<'a>(&'a self, to: &'a Destination, origin: Option<SocketAddr>) -> BoxFuture<'a, Result<Opened, OpenError>>;
}

/// A connection that is asked for.
pub(crate) struct Ask {
    /// The place where it leads.
    pub to: Destination,
    /// Receives the connection, or why there is none.
    pub reply: oneshot::Sender<Result<Opened, OpenError>>,
}

/// An opener whose connections are opened by another task, which may be bound to its thread.
pub(crate) struct Asking(mpsc::Sender<Ask>);

/// The number of connections that wait to be opened; more wait at their listeners.
const MAX_WAITING: usize = 64;

/// Makes an opener, and what receives the connections that are asked for.
pub(crate) fn asking() -> (Asking, mpsc::Receiver<Ask>) {
    let (ask, asked) = mpsc::channel(MAX_WAITING);
    (Asking(ask), asked)
}

impl Opener for Asking {
    fn open<'a>(&'a self, to: &'a Destination, _: Option<SocketAddr>) -> BoxFuture<'a, Result<Opened, OpenError>> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let _ = self.0.send(Ask { to: to.clone(), reply }).await;
            let ended = |_| OpenError { reason: Reason::Lost, message: "the connection has ended".to_owned() };
            answer.await.unwrap_or_else(|gone| Err(ended(gone)))
        })
    }
}
