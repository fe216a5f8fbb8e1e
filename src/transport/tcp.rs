//! Direct TCP: resolves names, races addresses as in RFC 8305 ("Happy Eyeballs"), and sets `TCP_NODELAY`.

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Timeout for all addresses together.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The "Connection Attempt Delay" of RFC 8305, section 5.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Timeout for a name, so that a hanging resolver leaves time for the address that is known without it.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(3);

/// The time that a name server has before the addresses that are known without it are dialed, too.
const RESOLVE_HEAD_START: Duration = Duration::from_millis(150);

/// A host to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// A DNS name, and the address to use if it does not resolve.
    Name(String, Option<IpAddr>),
    /// A literal IP address.
    Ip(IpAddr),
}

/// The address families to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are self-explanatory")]
pub(crate) enum IpFamily {
    #[default]
    Any,
    V4,
    V6,
}

impl IpFamily {
    fn includes(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}

/// The reason why no connection was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No address to dial, or none of the requested family.
    #[error("no address to connect to")]
    NoAddress,
    /// All addresses failed, each with its error.
    #[error("{}", describe(.0))]
    Failed(Vec<Attempt>),
}

/// A failed attempt to connect to one address.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// The address and port.
    pub address: SocketAddr,
    /// The error from the system.
    pub error: io::Error,
}

impl Error {
    /// Whether any attempt failed with this kind of error.
    pub(crate) fn any(&self, kind: io::ErrorKind) -> bool {
        matches!(self, Self::Failed(attempts) if attempts.iter().any(|attempt| attempt.error.kind() == kind))
    }
}

fn describe(attempts: &[Attempt]) -> String {
    let one = |attempt: &Attempt| match attempt.error.kind() {
        io::ErrorKind::TimedOut => format!("{}: connection timed out", attempt.address),
        io::ErrorKind::ConnectionRefused => format!("{}: connection refused", attempt.address),
        _ => format!("{}: {}", attempt.address, attempt.error),
    };
    attempts.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Returns the local address of connections to `destination`, as the routes of this machine have it. Nothing is sent.
pub(crate) fn local_address(destination: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if destination.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
    socket.connect(destination).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Connects to the first of the hosts' addresses that accepts.
///
/// # Errors
/// Fails if there is no address, or if none accepts within `limit`; the error names every address that was tried.
pub(crate) async fn connect(hosts: &[Host], port: u16, family: IpFamily, limit: Duration) -> Result<TcpStream, Error> {
    connect_to(known(hosts, port, family), resolve(hosts, port, family), limit).await
}

/// Connects to the first address that accepts: those that the name server gives, and after its head start those that are known
/// without it.
async fn connect_to(
    known: Vec<SocketAddr>,
    resolved: impl Future<Output = Vec<SocketAddr>>,
    limit: Duration,
) -> Result<TcpStream, Error> {
    let deadline = Instant::now() + limit;
    let mut resolved = Box::pin(resolved);
    let addresses = tokio::select! {
        biased;
        addresses = &mut resolved => Some(addresses),
        () = sleep(RESOLVE_HEAD_START), if !known.is_empty() => None,
    };
    let stream = match addresses {
        Some(addresses) => race_all(addresses, deadline).await?,
        None => {
            let late = async {
                let addresses = resolved.await.into_iter().filter(|address| !known.contains(address)).collect();
                race_all(addresses, deadline).await
            };
            first_of(race_all(known.clone(), deadline), late).await?
        }
    };
    // Interactive protocols send small packets that must not be delayed. A failure here only costs speed.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Races these addresses, alternating their families.
async fn race_all(addresses: Vec<SocketAddr>, deadline: Instant) -> Result<TcpStream, Error> {
    if addresses.is_empty() {
        return Err(Error::NoAddress);
    }
    race(&interleave(addresses), deadline).await.map_err(Error::Failed)
}

/// Returns the first of two connections; if both fail, the errors of all addresses.
async fn first_of(
    one: impl Future<Output = Result<TcpStream, Error>>,
    other: impl Future<Output = Result<TcpStream, Error>>,
) -> Result<TcpStream, Error> {
    let (mut one, mut other) = (Box::pin(one), Box::pin(other));
    let (first, second) = tokio::select! {
        first = &mut one => match first {
            Ok(stream) => return Ok(stream),
            Err(error) => (error, other.await),
        },
        second = &mut other => match second {
            Ok(stream) => return Ok(stream),
            Err(error) => (error, one.await),
        },
    };
    match (first, second) {
        (_, Ok(stream)) => Ok(stream),
        (Error::Failed(mut attempts), Err(Error::Failed(more))) => {
            attempts.extend(more);
            Err(Error::Failed(attempts))
        }
        (Error::NoAddress, Err(error)) | (error, Err(Error::NoAddress)) => Err(error),
    }
}

/// Returns the addresses that are known without the name server.
fn known(hosts: &[Host], port: u16, family: IpFamily) -> Vec<SocketAddr> {
    let ips = hosts.iter().filter_map(|host| match host {
        Host::Ip(ip) => Some(*ip),
        Host::Name(_, fallback) => *fallback,
    });
    ips.filter(|ip| family.includes(*ip)).map(|ip| SocketAddr::new(ip, port)).collect()
}

async fn resolve(hosts: &[Host], port: u16, family: IpFamily) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for host in hosts {
        let found = match host {
            Host::Ip(ip) => vec![SocketAddr::new(*ip, port)],
            Host::Name(name, fallback) => {
                let resolved = timeout(RESOLVE_TIMEOUT, lookup_host((name.as_str(), port))).await;
                let resolved: Vec<_> = resolved.ok().and_then(Result::ok).map(Iterator::collect).unwrap_or_default();
                if resolved.is_empty() {
                    fallback.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
                } else {
                    resolved
                }
            }
        };
        for address in found {
            if family.includes(address.ip()) && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    addresses
}

/// Alternates the address families, beginning with that of the first address (RFC 8305, section 4); the order within
/// each is kept.
pub(crate) fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().copied() else { return addresses };
    let (same, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first.is_ipv6());
    let mut mixed = Vec::with_capacity(same.len() + other.len());
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    loop {
        match (same.next(), other.next()) {
            (None, None) => return mixed,
            (a, b) => mixed.extend(a.into_iter().chain(b)),
        }
    }
}

/// Starts an attempt every 250 ms, or at once when one has failed; the first to succeed wins and the others are
/// dropped.
async fn race(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Vec<Attempt>> {
    let mut waiting = addresses.iter().copied();
    let mut running = JoinSet::new();
    let mut open: Vec<SocketAddr> = Vec::new();
    let mut failed: Vec<Attempt> = Vec::new();
    let mut next_start = Some(Instant::now());
    loop {
        let start = async {
            match next_start {
                Some(when) => sleep_until(when).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(done) = running.join_next(), if !running.is_empty() => {
                // A task that panicked or was cancelled says nothing about the network.
                let Ok((address, result)): Result<(SocketAddr, io::Result<TcpStream>), _> = done else { continue };
                open.retain(|other| *other != address);
                match result {
                    Ok(stream) => return Ok(stream),
                    Err(error) => failed.push(Attempt { address, error }),
                }
                if next_start.is_some() {
                    next_start = Some(Instant::now());
                } else if running.is_empty() {
                    return Err(failed);
                }
            }
            () = start => match waiting.next() {
                Some(address) => {
                    open.push(address);
                    running.spawn(async move { (address, TcpStream::connect(address).await) });
                    next_start = (waiting.len() > 0).then(|| Instant::now() + ATTEMPT_DELAY);
                }
                None => next_start = None,
            },
            () = sleep_until(deadline) => {
                let late = open.into_iter().chain(waiting);
                failed.extend(late.map(|address| Attempt { address, error: io::ErrorKind::TimedOut.into() }));
                return Err(failed);
            }
        }
    }
}

#[cfg(test)]
mod tests;
