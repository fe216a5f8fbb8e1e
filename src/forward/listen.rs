//! Local listeners: TCP on both families with the same port, and Unix sockets that are removed when they end.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio_util::either::Either;

use crate::forward_spec::{Bind, Listen};

/// The number of connections that wait to be accepted. More are not refused but slow: the system lets them try again.
const BACKLOG: u32 = 1024;
/// The number of free ports that are tried, because the one that is free for IPv4 may be taken for IPv6.
const MAX_PORT_ATTEMPTS: usize = 16;
/// The longest path of a Unix socket in bytes, without its NUL.
const MAX_PATH: usize = if cfg!(target_vendor = "apple") { 103 } else { 107 };
/// The pause after a failure to accept, which has no descriptor left, or no memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A local connection that was accepted.
pub(crate) type Accepted = Either<TcpStream, UnixStream>;

/// How listeners are bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BindOptions {
    /// Whether a listener without an address takes connections from other hosts (`-g`, GatewayPorts).
    pub gateway: bool,
    /// Whether a socket that exists already is replaced (StreamLocalBindUnlink).
    pub unlink: bool,
}

/// Why a listener cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub(crate) struct BindError {
    /// The address or path.
    pub address: String,
    /// The error of the system.
    #[source]
    pub source: io::Error,
}

/// A bound listener: one socket per family.
#[derive(Debug)]
pub(crate) struct Listener {
    sockets: Vec<Socket>,
    /// The addresses that could not be bound beside those that could.
    pub failed: Vec<BindError>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, OwnSocket),
}

impl Listener {
    /// Binds the listener on all its addresses.
    ///
    /// # Errors
    /// No address can be bound.
    pub(crate) async fn bind(listen: &Listen, options: BindOptions) -> Result<Self, BindError> {
        match listen {
            Listen::Unix(path) => {
                let path = Listen::local_path(path);
                let failed = |source| BindError { address: path.display().to_string(), source };
                let (socket, own) = bind_unix(&path, options.unlink).map_err(failed)?;
                Ok(Self { sockets: vec![Socket::Unix(socket, own)], failed: Vec::new() })
            }
            Listen::Tcp { bind, port } => {
                let failed = |source| BindError { address: listen.to_string(), source };
                let addresses = addresses(bind, options.gateway).await.map_err(failed)?;
                bind_tcp(&addresses, *port)
            }
        }
    }

    /// Returns the TCP port, if it is one.
    pub(crate) fn port(&self) -> Option<u16> {
        self.sockets.iter().find_map(|socket| match socket {
            Socket::Tcp(listener) => Some(listener.local_addr().ok()?.port()),
            Socket::Unix(..) => None,
        })
    }

    /// Waits for a connection.
    pub(crate) async fn accept(&self) -> (Accepted, Option<SocketAddr>) {
        loop {
            match self.try_accept().await {
                Ok(accepted) => return accepted,
                // The client may have gone already; else the process is short of descriptors, which come back.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    async fn try_accept(&self) -> io::Result<(Accepted, Option<SocketAddr>)> {
        let accepts = self.sockets.iter().map(|socket| Box::pin(accept_on(socket)));
        futures_util::future::select_all(accepts).await.0
    }
}

async fn accept_on(socket: &Socket) -> io::Result<(Accepted, Option<SocketAddr>)> {
    match socket {
        Socket::Tcp(listener) => {
            let (stream, origin) = listener.accept().await?;
            let _ = stream.set_nodelay(true);
            Ok((Either::Left(stream), Some(origin)))
        }
        Socket::Unix(listener, _) => Ok((Either::Right(listener.accept().await?.0), None)),
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sockets.first() {
            Some(Socket::Tcp(listener)) => match listener.local_addr() {
                Ok(address) => write!(f, "{address}"),
                Err(error) => write!(f, "{error}"),
            },
            Some(Socket::Unix(_, own)) => write!(f, "{}", own.path.display()),
            None => Ok(()),
        }
    }
}

async fn addresses(bind: &Bind, gateway: bool) -> io::Result<Vec<IpAddr>> {
    const ALL: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    match bind {
        Bind::All => Ok(ALL.to_vec()),
        Bind::Default if gateway => Ok(ALL.to_vec()),
        Bind::Default => Ok(LOOPBACK.to_vec()),
        Bind::Address(name) if name == "localhost" => Ok(LOOPBACK.to_vec()),
        Bind::Address(name) => {
            if let Ok(address) = name.parse() {
                return Ok(vec![address]);
            }
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            addresses.dedup();
            Ok(addresses)
        }
    }
}

/// Binds one port on all these addresses. A family that this machine lacks is no failure.
fn bind_tcp(addresses: &[IpAddr], port: u16) -> Result<Listener, BindError> {
    let mut attempt = 1;
    loop {
        let listener = bind_once(addresses, port);
        let is_partly_taken = listener.as_ref().is_ok_and(|listener| !listener.failed.is_empty());
        if port != 0 || !is_partly_taken || attempt == MAX_PORT_ATTEMPTS {
            return listener;
        }
        attempt += 1;
    }
}

fn bind_once(addresses: &[IpAddr], mut port: u16) -> Result<Listener, BindError> {
    let mut listener = Listener { sockets: Vec::new(), failed: Vec::new() };
    let mut missing = None;
    for address in addresses {
        let address = SocketAddr::new(*address, port);
        match bind_one(address) {
            Ok(socket) => {
                // The other family has the same number.
                port = socket.local_addr().map_or(port, |bound| bound.port());
                listener.sockets.push(Socket::Tcp(socket));
            }
            Err(source) if is_family_missing(&source) => {
                missing = Some(BindError { address: address.to_string(), source });
            }
            Err(source) => listener.failed.push(BindError { address: address.to_string(), source }),
        }
    }
    if !listener.sockets.is_empty() {
        return Ok(listener);
    }
    let why = listener.failed.drain(..).next().or(missing);
    Err(why.unwrap_or_else(|| BindError {
        address: format!("port {port}"),
        source: io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address"),
    }))
}

fn is_family_missing(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let code = error.raw_os_error();
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL, Errno::PROTONOSUPPORT]
        .iter()
        .any(|errno| code == Some(errno.raw_os_error()))
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    if address.is_ipv6() {
        // IPv4 has a socket of its own.
        rustix::net::sockopt::set_ipv6_v6only(&socket, true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The file of a Unix socket, which is removed when this is dropped, if it is still the same one.
#[derive(Debug)]
struct OwnSocket {
    path: PathBuf,
    /// The device and the inode.
    identity: Option<(u64, u64)>,
}

impl OwnSocket {
    fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), identity: identity(path) }
    }
}

impl Drop for OwnSocket {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn bind_unix(path: &Path, unlink: bool) -> io::Result<(UnixListener, OwnSocket)> {
    check_path(path)?;
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if unlink && metadata.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(metadata) => {
            let what = if metadata.file_type().is_socket() {
                "the socket exists already; -o StreamLocalBindUnlink=yes replaces it"
            } else {
                "the file exists already, and is no socket"
            };
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
        Err(_) => {}
    }
    // Nobody else may connect, as in OpenSSH (StreamLocalBindMask 0177).
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    rustix::process::umask(before);
    Ok((bound?, OwnSocket::of(path)))
}

/// Checks the length of a Unix socket's path, which the system would cut or refuse without saying why.
///
/// # Errors
/// The path is too long.
pub(crate) fn check_path(path: &Path) -> io::Result<()> {
    let length = path.as_os_str().len();
    if length <= MAX_PATH {
        return Ok(());
    }
    let problem = format!("the path has {length} bytes; a Unix socket's has {MAX_PATH} at most");
    Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
}

#[cfg(test)]
mod tests;
