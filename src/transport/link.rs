//! A byte stream to a port of the far side, whatever it is made of.

use tokio::net::TcpStream;
use tokio_util::either::Either;

use super::probe::{Probe, ProbeError};
use super::prompt::Prompt;
use crate::io::{Holding, Layered, Prefix, Stream};

/// A connection to a port of the far side.
pub(crate) enum Link {
    /// A socket, which can be handed to another process.
    Socket(TcpStream),
    /// A tunnel, which only this process can carry.
    Tunnel(Box<dyn Stream>),
}

impl Link {
    /// Makes a link of a tunnel's stream.
    pub(crate) fn tunnel(stream: impl Stream + 'static) -> Self {
        Self::Tunnel(Box::new(stream))
    }

    /// Keeps `guard` as long as a tunnel lives. A socket has no use for it, so it is dropped at once.
    #[must_use]
    pub(crate) fn holding(self, guard: impl Send + Unpin + 'static) -> Self {
        match self {
            Self::Tunnel(stream) => Self::tunnel(Layered::new(stream, Holding(guard))),
            socket @ Self::Socket(_) => socket,
        }
    }

    /// Waits for the probe's proof, which stays in the stream to be read.
    ///
    /// # Errors
    /// As for [`Probe::read`].
    pub(crate) async fn probe(self, probe: &Probe) -> Result<Self, ProbeError> {
        match self {
            Self::Socket(mut socket) => probe.peek(&mut socket).await.map(|()| Self::Socket(socket)),
            Self::Tunnel(mut stream) => {
                let read = probe.read(&mut stream).await?;
                Ok(Self::tunnel(Layered::new(stream, Prefix(read))))
            }
        }
    }

    /// Returns the link as one stream.
    pub(crate) fn into_stream(self) -> Either<Prompt, Box<dyn Stream>> {
        match self {
            Self::Socket(socket) => Either::Left(Prompt(socket)),
            Self::Tunnel(stream) => Either::Right(stream),
        }
    }
}
