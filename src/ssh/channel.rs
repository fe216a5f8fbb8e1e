//! Channels as byte streams: TCP connections and Unix sockets behind the server, and subsystems such as SFTP.

use russh::ChannelOpenFailure;

use super::client::Connection;
use super::error::{Error, OpenRefusal};
use super::session;
use super::stream::ChannelStream;

impl Connection {
    /// Opens a connection from the server to a TCP port that it can reach (RFC 4254, section 7.2). `origin` is the address
    /// and port on this side that the connection is for.
    ///
    /// # Errors
    /// The server refuses the channel, or the connection has ended.
    pub(crate) async fn open_tcp(&self, host: &str, port: u16, origin: (&str, u16)) -> Result<ChannelStream, Error> {
        let (from, from_port) = origin;
        let opened = self.handle().channel_open_direct_tcpip(host, port.into(), from, from_port.into()).await;
        Ok(self.channels.stream(opened.map_err(|error| self.forward_error(error))?))
    }

    /// Opens a connection from the server to a Unix socket there (OpenSSH's PROTOCOL, section 2.4).
    ///
    /// # Errors
    /// As for [`Connection::open_tcp`].
    pub(crate) async fn open_unix(&self, path: &str) -> Result<ChannelStream, Error> {
        let opened = self.handle().channel_open_direct_streamlocal(path).await;
        Ok(self.channels.stream(opened.map_err(|error| self.forward_error(error))?))
    }

    /// Starts a subsystem of the server (RFC 4254, section 6.5) and returns its byte stream.
    ///
    /// # Errors
    /// The server refuses the channel or does not have the subsystem, or the connection has ended.
    #[cfg_attr(not(test), expect(dead_code, reason = "for copying files"))]
    pub(crate) async fn open_subsystem(&self, name: &str) -> Result<ChannelStream, Error> {
        let opened = self.handle().channel_open_session().await;
        let mut channel = opened.map_err(|error| self.open_error(error, "open a session"))?;
        channel.request_subsystem(true, name).await.map_err(|error| self.error(error))?;
        session::confirmed(async || channel.wait().await, "start the subsystem")
            .await
            .map_err(|error| self.with_reason(error))?;
        Ok(self.channels.stream(channel))
    }

    fn forward_error(&self, error: russh::Error) -> Error {
        let russh::Error::ChannelOpenFailure(reason) = error else { return self.error(error) };
        let refusal = match reason {
            ChannelOpenFailure::AdministrativelyProhibited => OpenRefusal::Prohibited,
            ChannelOpenFailure::ConnectFailed => OpenRefusal::ConnectFailed,
            _ => OpenRefusal::Other,
        };
        Error::NotForwarded { refusal, description: self.shared.open_failures.take() }
    }
}
