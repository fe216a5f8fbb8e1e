//! Forwards towards this side (`-R`, `-A`): the server listens, and its connections are dialed here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::either::Either;

use super::connections::Connections;
use super::listen::Accepted;
use super::local::{Report, negotiate};
use super::opener::{Opened, Reason};
use super::relay::relay;
use super::socks::Socks;
use crate::forward_spec::{Bind, Destination, Forward, Listen};
use crate::ssh::Error;
use crate::ssh::client::Connection;
use crate::ssh::incoming::IncomingChannel;

/// The time limit for a connection to a local target.
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);

/// A forward that stands on the server.
pub(crate) struct Standing {
    /// The place where the server listens, with the port that it has chosen.
    pub listen: Listen,
    to: Destination,
    incoming: mpsc::Receiver<IncomingChannel>,
}

impl Standing {
    /// Asks the server to listen.
    ///
    /// # Errors
    /// The server refuses, or the connection has ended.
    pub(crate) async fn ask(connection: &Connection, forward: &Forward) -> Result<Self, Error> {
        let Forward { listen, to } = forward.clone();
        let (listen, incoming) = match listen {
            Listen::Tcp { bind, port } => {
                let address = match &bind {
                    Bind::Default => "localhost",
                    Bind::All => "",
                    Bind::Address(address) => address,
                };
                let (port, incoming) = connection.listen_tcp(address, port).await?;
                (Listen::Tcp { bind, port }, incoming)
            }
            Listen::Unix(path) => {
                let incoming = connection.listen_unix(&path).await?;
                (Listen::Unix(path), incoming)
            }
        };
        Ok(Self { listen, to, incoming })
    }

    /// Serves the server's connections until the connection to it ends.
    pub(crate) async fn serve(self, connections: Connections, report: Report) {
        serve(self.incoming, self.listen.to_string(), self.to, connections, report).await;
    }
}

/// Serves connections of the server, which are dialed here; `from` names their origin.
pub(crate) async fn serve(
    mut incoming: mpsc::Receiver<IncomingChannel>,
    from: String,
    to: Destination,
    connections: Connections,
    report: Report,
) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            next = incoming.recv() => match next {
                Some(channel) => drop(open.spawn(forward(channel, from.clone(), to.clone(), connections.clone(), report.clone()))),
                None => break,
            },
            Some(_) = open.join_next() => {}
        }
    }
    while open.join_next().await.is_some() {}
}

async fn forward(channel: IncomingChannel, from: String, to: Destination, connections: Connections, report: Report) {
    let failed =
        |to: &Destination, error: &io::Error| report(format!("Forwarding from {from} to {to} failed: {error}"));
    if to == Destination::Socks {
        return dynamic(channel, &from, connections).await;
    }
    // The server is told only when it is known.
    let local = match dial(&to).await {
        Ok(local) => local,
        Err(error) => {
            failed(&to, &error);
            return channel.refuse().await;
        }
    };
    let stream = channel.accept().await;
    let closed = stream.closed();
    let entry = connections.open(format!("{from} (remote) -> {to}"));
    let _ = relay(local, Vec::new(), Opened { stream: Box::new(stream), closed }, Arc::clone(&entry.meter)).await;
}

/// Serves a client of SOCKS on the server's side.
async fn dynamic(channel: IncomingChannel, from: &str, connections: Connections) {
    let mut stream = channel.accept().await;
    let closed = stream.closed();
    let mut request = Socks::default();
    let Ok(Some(to)) = timeout(DIAL_TIMEOUT, negotiate(&mut stream, &mut request)).await else { return };
    let dialed = dial(&to).await;
    let failed = dialed.as_ref().err().map(reason);
    let answered = tokio::io::AsyncWriteExt::write_all(&mut stream, &request.answer(failed)).await;
    let (Ok(mut local), Ok(())) = (dialed, answered) else { return };
    if tokio::io::AsyncWriteExt::write_all(&mut local, &request.rest()).await.is_err() {
        return;
    }
    let entry = connections.open(format!("{from} (remote) -> {to}"));
    let _ = relay(local, Vec::new(), Opened { stream: Box::new(stream), closed }, Arc::clone(&entry.meter)).await;
}

fn reason(error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::Refused,
        io::ErrorKind::PermissionDenied => Reason::Prohibited,
        _ => Reason::Unreachable,
    }
}

async fn dial(to: &Destination) -> io::Result<Accepted> {
    let dialing = async {
        match to {
            Destination::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                let _ = stream.set_nodelay(true);
                Ok(Either::Left(stream))
            }
            Destination::Unix(path) => UnixStream::connect(Listen::local_path(path)).await.map(Either::Right),
            Destination::Socks => Err(io::ErrorKind::Unsupported.into()),
        }
    };
    timeout(DIAL_TIMEOUT, dialing).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
