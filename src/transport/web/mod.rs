//! The way to a web service: through the proxy that the environment names or straight, then TLS. The SDK's calls and the
//! websockets both go this way, so that what holds for one holds for the other.
//!
//! `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (names, suffixes, addresses, CIDR) mean what they mean to curl;
//! user and password of a proxy stand in its URL. Link-local addresses, and this machine where nothing is encrypted, are never
//! asked of a proxy: who answers there hands out credentials.

mod proxy;
mod roots;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::tcp::{self, Family, Host};

/// For the TCP connection, and again for all that follows until bytes can flow.
const PATIENCE: Duration = Duration::from_secs(5);

/// Read at once from the network, below TLS.
const READ_AT_ONCE: usize = 64 * 1024;

/// A byte stream, whatever lies below it.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why a web service cannot be reached.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The address is none that we can use.
    #[error("'{0}' is not an address of a web service")]
    Address(String),
    /// The certificate authorities cannot be read.
    #[error("cannot read the certificate authorities in {}: {detail}", path.display())]
    Bundle {
        /// What AWS_CA_BUNDLE or the profile names.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The system has no certificate authorities.
    #[error("this system has no certificate authorities: {0}")]
    NoRoots(String),
    /// No connection to the service or to the proxy before it.
    #[error("cannot connect to {host}: {source}")]
    Connect {
        /// Host and port.
        host: String,
        /// Why not.
        source: Arc<tcp::Error>,
    },
    /// There is a connection, and then nothing.
    #[error("{0} does not answer")]
    Silent(String),
    /// The proxy wants to know who we are.
    #[error("the proxy {0} wants a user and a password, or others")]
    ProxyAuthentication(String),
    /// The proxy will not let us through.
    #[error("the proxy {proxy} does not let us through to {host}: {status}")]
    ProxyRefused {
        /// Its host and port.
        proxy: String,
        /// Where we wanted to go.
        host: String,
        /// Its status, with its words.
        status: String,
    },
    /// A proxy of a kind that is not supported.
    #[error("the proxy {0} is of a kind that ec2ssh cannot use: http:// and https:// it can")]
    ProxyKind(String),
    /// The certificate is not one that we trust.
    #[error("the certificate of {host} is not trusted: {detail}")]
    Certificate {
        /// The host.
        host: String,
        /// What is wrong with it.
        detail: String,
        /// Its authority is not known here.
        is_unknown: bool,
    },
    /// The connection broke before bytes could flow.
    #[error("the connection to {host} broke: {source}")]
    Broken {
        /// The host.
        host: String,
        /// How.
        source: Arc<io::Error>,
    },
}

/// A proxy, and what it is told of who we are.
type Proxy = (Place, Option<http::HeaderValue>);

/// Connects to web services.
#[derive(Clone)]
pub struct Dialler {
    inner: Arc<Inner>,
}

struct Inner {
    proxies: Matcher,
    bundle: Option<PathBuf>,
    tls: OnceCell<TlsConnector>,
}

impl fmt::Debug for Dialler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A proxy's URL has its password in it.
        f.debug_struct("Dialler").field("bundle", &self.inner.bundle).finish_non_exhaustive()
    }
}

impl Dialler {
    /// One that trusts the authorities in `bundle` (PEM) alone, else those of the system; proxies are taken from the
    /// environment.
    pub fn new(bundle: Option<PathBuf>) -> Self {
        Self::with(Matcher::from_env(), bundle)
    }

    /// One with these proxies.
    pub fn with(proxies: Matcher, bundle: Option<PathBuf>) -> Self {
        Self { inner: Arc::new(Inner { proxies, bundle, tls: OnceCell::new() }) }
    }

    /// Opens a byte stream to the service at `uri`: `https` and `wss` in TLS, `http` and `ws` as they are.
    ///
    /// # Errors
    /// Whatever stands in the way.
    pub async fn dial(&self, uri: &Uri) -> Result<Box<dyn Stream>, Error> {
        let place = Place::of(uri)?;
        let proxy = self.proxy_for(&place)?;
        // The authorities are read while the network is waited for; what is wrong with them is told when they are used.
        let authorities = async {
            if place.tls {
                let _ = self.tls().await;
            }
        };
        let (stream, ()) = tokio::join!(self.tunnel(&place, proxy), authorities);
        if place.tls { self.encrypt(stream?, &place).await } else { stream }
    }

    /// Bytes to the service, not encrypted yet.
    async fn tunnel(&self, place: &Place, proxy: Option<Proxy>) -> Result<Box<dyn Stream>, Error> {
        match proxy {
            Some((proxy, authorization)) => {
                let stream = self.to(&proxy).await?;
                proxy::tunnel(stream, &proxy, place, authorization).await
            }
            None => connect(place).await,
        }
    }

    /// The connection to the proxy itself, which may be in TLS, too.
    async fn to(&self, proxy: &Place) -> Result<Box<dyn Stream>, Error> {
        let stream = connect(proxy).await?;
        if proxy.tls { self.encrypt(stream, proxy).await } else { Ok(stream) }
    }

    fn proxy_for(&self, place: &Place) -> Result<Option<Proxy>, Error> {
        if place.is_link_local() || (!place.tls && place.is_loopback()) {
            return Ok(None);
        }
        // The matcher knows the schemes of HTTP alone.
        let scheme = if place.tls { "https" } else { "http" };
        let asked = format!("{scheme}://{place}/").parse().map_err(|_| Error::Address(place.to_string()))?;
        let Some(found) = self.inner.proxies.intercept(&asked) else { return Ok(None) };
        if !matches!(found.uri().scheme_str(), Some("http" | "https")) {
            // Not the authority: a password with an at sign in it would be half in there.
            let port = found.uri().port_u16().map_or(String::new(), |port| format!(":{port}"));
            return Err(Error::ProxyKind(format!("{}{port}", found.uri().host().unwrap_or_default())));
        }
        Ok(Some((Place::of(found.uri())?, found.basic_auth().cloned())))
    }

    /// The one TLS configuration, made at its first use: on a thread of its own, as files are read and parsed.
    async fn tls(&self) -> Result<&TlsConnector, Error> {
        let make = || async {
            let bundle = self.inner.bundle.clone();
            let made = tokio::task::spawn_blocking(move || roots::connector(bundle.as_deref())).await;
            made.unwrap_or_else(|error| Err(Error::NoRoots(error.to_string())))
        };
        self.inner.tls.get_or_try_init(make).await
    }

    async fn encrypt(&self, stream: Box<dyn Stream>, place: &Place) -> Result<Box<dyn Stream>, Error> {
        let connector = self.tls().await?;
        let name = ServerName::try_from(place.host.clone()).map_err(|_| Error::Address(place.to_string()))?;
        // rustls reads 4 kB at a time.
        let stream = BufReader::with_capacity(READ_AT_ONCE, stream);
        match timeout(PATIENCE, connector.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(roots::sort(error, place)),
            Err(_) => Err(Error::Silent(place.to_string())),
        }
    }
}

async fn connect(place: &Place) -> Result<Box<dyn Stream>, Error> {
    let host = match place.host.parse::<IpAddr>() {
        Ok(ip) => Host::Ip(ip),
        Err(_) => Host::Name(place.host.clone(), None),
    };
    match tcp::connect(&[host], place.port, Family::Any, PATIENCE).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(source) => Err(Error::Connect { host: place.to_string(), source: Arc::new(source) }),
    }
}

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// A name, or an address without brackets.
    host: String,
    port: u16,
    tls: bool,
}

impl Place {
    fn of(uri: &Uri) -> Result<Self, Error> {
        let wrong = || Error::Address(uri.authority().map_or_else(String::new, ToString::to_string));
        let tls = match uri.scheme_str() {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            _ => return Err(wrong()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }), tls })
    }

    /// A helper of this machine's that hands out credentials, in clear because it is here: no proxy stands before it either.
    fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// The instance's own metadata service and its like: no proxy stands before them.
    fn is_link_local(&self) -> bool {
        match self.host.parse() {
            Ok(IpAddr::V4(ip)) => ip.is_link_local(),
            Ok(IpAddr::V6(ip)) => ip.segments()[..2] == [0xfd00, 0x0ec2],
            Err(_) => false,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let brackets = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}{}{}:{}", brackets.0, self.host, brackets.1, self.port)
    }
}
