//! The way itself: a connection to the instance's port, the server's identification and its host key. Nothing is logged in to and
//! nothing is stored.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::plan::RoutePlan;
use crate::plan::address::Address;
use crate::route::ssh_identification;
use crate::ssh::client::{Connection, HandshakeError};
use crate::ssh::host_key::PresentedKey;
use crate::ssh::options::{Backlog, ConnectionOptions, Timeouts, Window};
use crate::ssh::verifier::{HostKeyVerifier, Preferences};
use crate::transport::link::Link;
use crate::transport::probe::{Probe, ProbeError};
use crate::transport::tcp::{self, Host};
use crate::trust::{self, InstanceVerifier, Look};

/// The time limit of the connection: one retransmission of the first packet, a second after it, is included.
const CONNECT_LIMIT: Duration = Duration::from_millis(2_200);
/// The time limit of the identification, and of the key exchange after it.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// The result of a direct connection to the instance's port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "result")]
pub(crate) enum Reach {
    /// An SSH server answers.
    Ssh {
        /// The address and port that were dialed.
        peer: SocketAddr,
    },
    /// The connection is made, and nothing is said.
    Silent {
        /// The address and port that were dialed.
        peer: SocketAddr,
    },
    /// Something else than an SSH server answers, or the connection is closed at once.
    Other {
        /// The address and port that were dialed.
        peer: SocketAddr,
        /// The answer that was seen instead; untrusted text.
        detail: String,
    },
    /// Nothing listens on the port.
    Refused {
        /// The address and port that were dialed.
        peer: SocketAddr,
    },
    /// Packets are lost on the way.
    TimedOut {
        /// The address and port that were dialed.
        peer: SocketAddr,
    },
    /// Something on the way answers that the address or port may not be reached (ICMP).
    Rejected {
        /// The address and port that were dialed.
        peer: SocketAddr,
    },
    /// The caller's machine cannot send to the address: it has no network, or not this family.
    NoNetwork {
        /// The address and port that were dialed.
        peer: SocketAddr,
        /// The error of the system.
        detail: String,
    },
    /// The instance has no address, or none that resolves.
    NoAddress,
    /// The connection was not tried.
    NotTried,
}

impl Reach {
    /// Returns the address that was dialed.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.peer().map(|peer| peer.ip())
    }

    /// Returns the address and port that were dialed.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Ssh { peer }
            | Self::Silent { peer }
            | Self::Other { peer, .. }
            | Self::Refused { peer }
            | Self::TimedOut { peer }
            | Self::Rejected { peer }
            | Self::NoNetwork { peer, .. } => Some(*peer),
            Self::NoAddress | Self::NotTried => None,
        }
    }

    /// Whether packets get to the instance and back.
    pub(crate) fn gets_through(&self) -> bool {
        matches!(self, Self::Ssh { .. } | Self::Silent { .. } | Self::Other { .. } | Self::Refused { .. })
    }
}

/// The judgement of the presented host key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum HostKey {
    /// The key is trusted; the text says why.
    Trusted(String),
    /// No source knows the key yet.
    New,
    /// The key is refused. The text is the reason, and the flag says that it contradicts a known key.
    Refused(String, bool),
    /// The key exchange failed.
    NoExchange(String),
    /// No key was seen.
    #[default]
    NotSeen,
}

/// Connects to the instance's port and looks at what answers.
pub(crate) async fn reach(plan: &RoutePlan, verifier: InstanceVerifier) -> (Reach, HostKey) {
    let hosts: Vec<Host> = plan.addresses.iter().map(host).collect();
    let socket = match tcp::connect(&hosts, plan.port, plan.family, CONNECT_LIMIT).await {
        Ok(socket) => socket,
        Err(error) => return (of_error(&error), HostKey::NotSeen),
    };
    let Ok(peer) = socket.peer_addr() else { return (Reach::NoAddress, HostKey::NotSeen) };
    let probe = Probe { timeout: ANSWER_LIMIT, ..ssh_identification() };
    let mut socket = socket;
    match probe.peek(&mut socket).await {
        Ok(()) => (Reach::Ssh { peer }, host_key(Link::Socket(socket), verifier).await),
        Err(ProbeError::Timeout { .. }) => (unproven(&socket, peer).await, HostKey::NotSeen),
        Err(other) => (Reach::Other { peer, detail: other.to_string() }, HostKey::NotSeen),
    }
}

/// Tells a server that said nothing from one that said something else.
async fn unproven(socket: &TcpStream, peer: SocketAddr) -> Reach {
    let mut said = [0; 200];
    match timeout(Duration::from_millis(10), socket.peek(&mut said)).await {
        Ok(Ok(count @ 1..)) => {
            let text = String::from_utf8_lossy(&said[..count]).into_owned();
            Reach::Other { peer, detail: format!("it says: {}", text.lines().next().unwrap_or_default()) }
        }
        _ => Reach::Silent { peer },
    }
}

fn host(address: &Address) -> Host {
    match address {
        Address::Name(name, fallback) => Host::Name(name.clone(), *fallback),
        Address::Ip(ip) => Host::Ip(*ip),
    }
}

/// Judges failed attempts: the one that came nearest to the instance counts.
fn of_error(error: &tcp::Error) -> Reach {
    let tcp::Error::Failed(attempts) = error else { return Reach::NoAddress };
    let of = |kind: ErrorKind| attempts.iter().find(|attempt| attempt.error.kind() == kind);
    if let Some(attempt) = of(ErrorKind::ConnectionRefused) {
        return Reach::Refused { peer: attempt.address };
    }
    if let Some(attempt) = of(ErrorKind::ConnectionReset) {
        return Reach::Other { peer: attempt.address, detail: "the connection was reset".to_owned() };
    }
    if let Some(attempt) = of(ErrorKind::TimedOut) {
        return Reach::TimedOut { peer: attempt.address };
    }
    if let Some(attempt) = of(ErrorKind::HostUnreachable) {
        return Reach::Rejected { peer: attempt.address };
    }
    let first = attempts.first().map(|attempt| (attempt.address, attempt.error.to_string()));
    first.map_or(Reach::NoAddress, |(peer, detail)| Reach::NoNetwork { peer, detail })
}

/// Exchanges keys as far as the host key, which is judged and not stored.
async fn host_key(link: Link, verifier: InstanceVerifier) -> HostKey {
    let looker = Arc::new(Looker { verifier, seen: Mutex::new(None) });
    let options = ConnectionOptions {
        window: Window::MIN,
        backlog: Backlog(0),
        timeouts: Timeouts { handshake: ANSWER_LIMIT, ..Timeouts::default() },
        compress: false,
    };
    let handshake = Connection::handshake(link.into_stream(), Arc::clone(&looker), options, |_| ()).await;
    let seen = looker.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (seen, handshake) {
        (Some(look), _) => look,
        (None, Err(HandshakeError::Ssh(error))) => HostKey::NoExchange(error.to_string()),
        (None, Err(HandshakeError::HostKey(Some(error)))) => HostKey::NoExchange(error.to_string()),
        (None, _) => HostKey::NotSeen,
    }
}

/// A verifier that remembers its judgement, and refuses every key, so that the connection ends there.
struct Looker {
    verifier: InstanceVerifier,
    seen: Mutex<Option<HostKey>>,
}

impl HostKeyVerifier for Looker {
    type Error = Option<trust::Error>;

    fn preferences(&self) -> Result<Preferences, Self::Error> {
        self.verifier.preferences().map_err(Some)
    }

    async fn verify(&self, presented: &PresentedKey) -> Result<(), Self::Error> {
        let look = match self.verifier.look(presented).await {
            Ok(Look::Trusted(how)) => HostKey::Trusted(how),
            Ok(Look::New) => HostKey::New,
            Err(error) => HostKey::Refused(error.to_string(), error.is_contradiction()),
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(look);
        Err(None)
    }
}
