//! Opens the far halves as channels of an SSH connection.

use std::net::SocketAddr;
use std::sync::Arc;

use super::opener::{BoxFuture, OpenError, Opened, Opener, Reason};
use crate::forward_spec::Destination;
use crate::ssh::client::Connection;
use crate::ssh::{Error, OpenRefusal};

/// An SSH connection as an opener.
pub(crate) struct ThroughSsh(pub Arc<Connection>);

impl Opener for ThroughSsh {
    fn open<'a>(&'a self, to: &'a Destination, origin: Option<SocketAddr>) -> BoxFuture<'a, Result<Opened, OpenError>> {
        Box::pin(async move {
            let opened = match to {
                Destination::Tcp { host, port } => {
                    let (address, from) = origin
                        .map_or_else(|| ("127.0.0.1".to_owned(), 0), |origin| (origin.ip().to_string(), origin.port()));
                    self.0.open_tcp(host, *port, (&address, from)).await
                }
                Destination::Unix(path) => self.0.open_unix(path).await,
                Destination::Socks => {
                    return Err(OpenError { reason: Reason::Other, message: "no destination".to_owned() });
                }
            };
            let stream = opened.map_err(|error| open_error(&error))?;
            Ok(Opened { closed: stream.closed(), stream: Box::new(stream) })
        })
    }
}

fn open_error(error: &Error) -> OpenError {
    let reason = match error {
        Error::NotForwarded { refusal: OpenRefusal::Prohibited, .. } => Reason::Prohibited,
        Error::NotForwarded { refusal: OpenRefusal::ConnectFailed, description } => {
            if description.to_ascii_lowercase().contains("refused") { Reason::Refused } else { Reason::Unreachable }
        }
        Error::Lost(_) | Error::KeepaliveTimeout | Error::Protocol(_) => Reason::Lost,
        _ => Reason::Other,
    };
    OpenError { reason, message: error.to_string() }
}
