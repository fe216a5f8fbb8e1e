//! Forwards from this side (`-L`, `-D`, `ec2ssh forward`): accepts connections and opens their far halves.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connections::Connections;
use super::listen::{Accepted, Listener};
use super::opener::Opener;
use super::relay::relay;
use super::socks::{Socks, Step};
use crate::forward_spec::Destination;
use crate::io::Stream;

/// The time within which a client of SOCKS says where it wants to go.
const SOCKS_TIMEOUT: Duration = Duration::from_secs(30);

/// Receives a line for the user.
pub(crate) type Report = Arc<dyn Fn(String) + Send + Sync>;

/// The things that all forwards of a session share.
#[derive(Clone)]
pub(crate) struct Context {
    /// Opens the far halves.
    pub opener: Arc<dyn Opener>,
    /// The connections that are open.
    pub connections: Connections,
    /// Receives the failures of connections.
    pub report: Report,
}

/// Serves a listener until it is dropped, which ends its connections as well.
pub(crate) async fn serve(listener: Arc<Listener>, to: Destination, context: Context) {
    let failures = Failures::default();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            (accepted, origin) = listener.accept() => {
                connections.spawn(forward(accepted, origin, to.clone(), context.clone(), failures.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn forward(
    mut local: Accepted,
    origin: Option<SocketAddr>,
    to: Destination,
    context: Context,
    failures: Failures,
) {
    let mut socks = None;
    let to = match to {
        Destination::Socks => {
            let mut request = Socks::default();
            let Ok(Some(to)) = timeout(SOCKS_TIMEOUT, negotiate(&mut local, &mut request)).await else { return };
            socks = Some(request);
            to
        }
        fixed => fixed,
    };
    let opened = context.opener.open(&to, origin).await;
    let failed = opened.as_ref().err().map(|error| error.reason);
    let mut first = Vec::new();
    if let Some(request) = &mut socks {
        // OpenSSH says "granted" before it knows.
        if local.write_all(&request.answer(failed)).await.is_err() {
            return;
        }
        first = request.rest();
    }
    match opened {
        Ok(far) => {
            let from = origin.map_or("a local client".to_owned(), |origin| origin.to_string());
            let entry = context.connections.open(format!("{from} -> {to}"));
            match relay(local, first, far, Arc::clone(&entry.meter)).await {
                // Session Manager's agent says afterwards that it could not connect.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    failures.report(&to, error.to_string(), &context.report);
                }
                _ => failures.forget(&to),
            }
        }
        Err(error) => {
            failures.report(&to, error.to_string(), &context.report);
            let _ = local.shutdown().await;
        }
    }
}

/// Reads a SOCKS request; `None` if it was refused, or the client has gone.
pub(super) async fn negotiate(client: &mut impl Stream, request: &mut Socks) -> Option<Destination> {
    let mut chunk = [0; 512];
    let mut step = Step::More;
    loop {
        step = match step {
            Step::More => match client.read(&mut chunk).await {
                Ok(read) if read > 0 => request.feed(&chunk[..read]),
                _ => return None,
            },
            Step::Send(bytes) => {
                client.write_all(&bytes).await.ok()?;
                request.feed(&[])
            }
            Step::Connect { host, port } => return Some(Destination::Tcp { host, port }),
            Step::Refuse(bytes) => {
                let _ = client.write_all(&bytes).await;
                let _ = client.shutdown().await;
                return None;
            }
        };
    }
}

/// The last failures of a listener: one that repeats is reported once.
#[derive(Clone, Default)]
struct Failures(Arc<Mutex<Vec<(Destination, String)>>>);

impl Failures {
    /// The number of destinations that are remembered; a browser behind SOCKS has many.
    const MAX: usize = 64;

    fn report(&self, to: &Destination, message: String, report: &Report) {
        let text = format!("Forwarding to {to} failed: {message}");
        let entry = (to.clone(), message);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&entry) {
            return;
        }
        known.retain(|(other, _)| other != to);
        if known.len() == Self::MAX {
            known.remove(0);
        }
        known.push(entry);
        report(text);
    }

    fn forget(&self, to: &Destination) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| other != to);
    }
}
