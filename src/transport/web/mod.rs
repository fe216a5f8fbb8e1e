//! Connections to web services: through the proxy that the environment names, or directly, then TLS. The SDK's calls
//! and the websockets both use this, so that they behave the same.
//!
//! `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (names, suffixes, addresses, CIDR) have the same meaning as
//! in curl; user and password of a proxy are part of its URL. Link-local addresses, and loopback addresses without TLS,
//! never go through a proxy, because the services there hand out credentials.

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

/// Timeout for the TCP connection, and again for each step after it (proxy tunnel, TLS handshake).
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// Size of the read buffer below TLS, in bytes.
const READ_BUFFER_SIZE: usize = 64 * 1024;

/// A byte stream over any transport.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The reason why a web service cannot be reached.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The URL cannot be used for a web service.
    #[error("'{0}' is not a valid service URL")]
    Address(String),
    /// The certificate authorities cannot be read.
    #[error("cannot read the CA certificates in {}: {detail}", path.display())]
    Bundle {
        /// The file that AWS_CA_BUNDLE or the profile names.
        path: PathBuf,
        /// The reason why it cannot be read.
        detail: String,
    },
    /// The system has no certificate authorities.
    #[error("this system has no CA certificates: {0}")]
    NoRoots(String),
    /// The TCP connection to the service or its proxy failed.
    #[error("cannot connect to {host}: {source}")]
    Connect {
        /// The host and port.
        host: String,
        /// The error of the TCP connection.
        source: Arc<tcp::Error>,
    },
    /// The connection was accepted, but no response arrived in time.
    #[error("timed out waiting for a response from {0}")]
    Silent(String),
    /// The proxy requires authentication, or rejected the credentials.
    #[error("proxy {0} requires authentication (HTTP 407)")]
    ProxyAuthentication(String),
    /// The proxy refused to connect to the service.
    #[error("proxy {proxy} refused the connection to {host}: HTTP {status}")]
    ProxyRefused {
        /// The host and port of the proxy.
        proxy: String,
        /// The host and port of the service.
        host: String,
        /// The HTTP status of the proxy's response.
        status: String,
    },
    /// The scheme of the proxy is not supported.
    #[error("proxy {0} has an unsupported scheme: use http:// or https://")]
    ProxyKind(String),
    /// The certificate of the host is not trusted.
    #[error("the certificate of {host} is not trusted: {detail}")]
    Certificate {
        /// The host and port.
        host: String,
        /// The reason why it is not trusted.
        detail: String,
        /// Whether the certificate's issuer is unknown.
        unknown_issuer: bool,
    },
    /// The connection broke before it was ready for use.
    #[error("the connection to {host} failed: {source}")]
    Broken {
        /// The host and port.
        host: String,
        /// The underlying I/O error.
        source: Arc<io::Error>,
    },
}

/// A proxy, and the value of its `Proxy-Authorization` header.
type Proxy = (Endpoint, Option<http::HeaderValue>);

/// Opens connections to web services.
#[derive(Clone)]
pub struct Connector {
    inner: Arc<Inner>,
}

struct Inner {
    proxies: Matcher,
    bundle: Option<PathBuf>,
    tls: OnceCell<TlsConnector>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The proxies are left out, because their URLs contain passwords.
        f.debug_struct("Dialler").field("bundle", &self.inner.bundle).finish_non_exhaustive()
    }
}

impl Connector {
    /// Uses the proxies of the environment, and trusts only the authorities in `bundle` (PEM), or those of the system
    /// without a bundle.
    pub fn new(bundle: Option<PathBuf>) -> Self {
        Self::with(Matcher::from_env(), bundle)
    }

    /// Uses these proxies instead of those of the environment.
    pub fn with(proxies: Matcher, bundle: Option<PathBuf>) -> Self {
        Self { inner: Arc::new(Inner { proxies, bundle, tls: OnceCell::new() }) }
    }

    /// Opens a byte stream to the service at `uri`: with TLS for `https` and `wss`, without TLS for `http` and `ws`.
    ///
    /// # Errors
    /// Fails if the service or its proxy cannot be reached, or if a certificate is not trusted.
    pub async fn dial(&self, uri: &Uri) -> Result<Box<dyn Stream>, Error> {
        let endpoint = Endpoint::of(uri)?;
        let proxy = self.proxy_for(&endpoint)?;
        // The authorities are loaded while the connection is made; an error in them is reported when they are used.
        let authorities = async {
            if endpoint.tls {
                let _ = self.tls().await;
            }
        };
        let (stream, ()) = tokio::join!(self.tunnel(&endpoint, proxy), authorities);
        if endpoint.tls { self.encrypt(stream?, &endpoint).await } else { stream }
    }

    /// Opens the stream to the service, before TLS.
    async fn tunnel(&self, endpoint: &Endpoint, proxy: Option<Proxy>) -> Result<Box<dyn Stream>, Error> {
        match proxy {
            Some((proxy, authorization)) => {
                let stream = self.to(&proxy).await?;
                proxy::tunnel(stream, &proxy, endpoint, authorization).await
            }
            None => connect(endpoint).await,
        }
    }

    /// Connects to the proxy itself, over TLS if its scheme is https.
    async fn to(&self, proxy: &Endpoint) -> Result<Box<dyn Stream>, Error> {
        let stream = connect(proxy).await?;
        if proxy.tls { self.encrypt(stream, proxy).await } else { Ok(stream) }
    }

    fn proxy_for(&self, endpoint: &Endpoint) -> Result<Option<Proxy>, Error> {
        if endpoint.is_link_local() || (!endpoint.tls && endpoint.is_loopback()) {
            return Ok(None);
        }
        // The matcher only knows the schemes of HTTP.
        let scheme = if endpoint.tls { "https" } else { "http" };
        let asked = format!("{scheme}://{endpoint}/").parse().map_err(|_| Error::Address(endpoint.to_string()))?;
        let Some(found) = self.inner.proxies.intercept(&asked) else { return Ok(None) };
        if !matches!(found.uri().scheme_str(), Some("http" | "https")) {
            // The authority is not used, because it would contain part of a password that has an at sign.
            let port = found.uri().port_u16().map_or(String::new(), |port| format!(":{port}"));
            return Err(Error::ProxyKind(format!("{}{port}", found.uri().host().unwrap_or_default())));
        }
        Ok(Some((Endpoint::of(found.uri())?, found.basic_auth().cloned())))
    }

    /// Returns the TLS configuration, which is built at its first use, on a blocking thread, because files are read and
    /// parsed.
    async fn tls(&self) -> Result<&TlsConnector, Error> {
        let make = || async {
            let bundle = self.inner.bundle.clone();
            let made = tokio::task::spawn_blocking(move || roots::connector(bundle.as_deref())).await;
            made.unwrap_or_else(|error| Err(Error::NoRoots(error.to_string())))
        };
        self.inner.tls.get_or_try_init(make).await
    }

    async fn encrypt(&self, stream: Box<dyn Stream>, endpoint: &Endpoint) -> Result<Box<dyn Stream>, Error> {
        let connector = self.tls().await?;
        let name = ServerName::try_from(endpoint.host.clone()).map_err(|_| Error::Address(endpoint.to_string()))?;
        // rustls reads only 4 kB at a time.
        let stream = BufReader::with_capacity(READ_BUFFER_SIZE, stream);
        match timeout(STEP_TIMEOUT, connector.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(roots::classify(error, endpoint)),
            Err(_) => Err(Error::Silent(endpoint.to_string())),
        }
    }
}

async fn connect(endpoint: &Endpoint) -> Result<Box<dyn Stream>, Error> {
    let host = match endpoint.host.parse::<IpAddr>() {
        Ok(ip) => Host::Ip(ip),
        Err(_) => Host::Name(endpoint.host.clone(), None),
    };
    match tcp::connect(&[host], endpoint.port, Family::Any, STEP_TIMEOUT).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(source) => Err(Error::Connect { host: endpoint.to_string(), source: Arc::new(source) }),
    }
}

/// The host and port of a service, and whether it uses TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Endpoint {
    /// A DNS name, or an IP address without brackets.
    host: String,
    port: u16,
    tls: bool,
}

impl Endpoint {
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

    /// Whether the host is this machine. Without TLS no proxy is used for it, because local helpers hand out
    /// credentials.
    fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// Whether the host is an instance metadata service or another link-local address, for which no proxy is used.
    fn is_link_local(&self) -> bool {
        match self.host.parse() {
            Ok(IpAddr::V4(ip)) => ip.is_link_local(),
            Ok(IpAddr::V6(ip)) => ip.segments()[..2] == [0xfd00, 0x0ec2],
            Err(_) => false,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let brackets = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}{}{}:{}", brackets.0, self.host, brackets.1, self.port)
    }
}
