//! Asks the server to listen, for forwards towards this side (`-R`; RFC 4254, section 7.1, and OpenSSH's PROTOCOL, section 2.4).

use tokio::sync::mpsc;

use super::client::Connection;
use super::error::Error;
use super::incoming::{IncomingChannel, IncomingKind};

impl Connection {
    /// Asks the server to listen on a port of this address: empty for all, `localhost` for the loopback ones. The server's
    /// configuration (GatewayPorts) decides in the end. Returns the port, which the server has chosen for 0, and its connections.
    ///
    /// # Errors
    /// The server refuses, or the connection has ended.
    pub(crate) async fn listen_tcp(
        &self,
        address: &str,
        port: u16,
    ) -> Result<(u16, mpsc::Receiver<IncomingChannel>), Error> {
        let kind = |port: u16| IncomingKind::ForwardedTcp { address: address.to_owned(), port: port.into() };
        // A connection may come before the answer has been looked at.
        let incoming = self.accept(kind(port));
        let answer = self.handle().tcpip_forward(address, port.into()).await;
        let chosen = answer.map_err(|error| self.listen_error(error))?;
        if port != 0 {
            return Ok((port, incoming));
        }
        let chosen = u16::try_from(chosen).ok().filter(|port| *port != 0);
        let chosen =
            chosen.ok_or_else(|| Error::Protocol("the server did not say which port it listens on".to_owned()))?;
        self.shared.router.chosen(&kind(0), kind(chosen));
        Ok((chosen, incoming))
    }

    /// Asks the server to listen on a Unix socket, and returns its connections.
    ///
    /// # Errors
    /// As for [`Connection::listen_tcp`].
    pub(crate) async fn listen_unix(&self, path: &str) -> Result<mpsc::Receiver<IncomingChannel>, Error> {
        let incoming = self.accept(IncomingKind::ForwardedUnix { path: path.to_owned() });
        let answer = self.handle().streamlocal_forward(path).await;
        answer.map_err(|error| self.listen_error(error))?;
        Ok(incoming)
    }

    fn listen_error(&self, error: russh::Error) -> Error {
        match error {
            russh::Error::RequestDenied => Error::Refused("listen"),
            other => self.error(other),
        }
    }
}
