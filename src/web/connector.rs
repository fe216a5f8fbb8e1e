//! [`Connector`]: dials web services, through the proxy that the environment names or directly, then TLS.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::ServerName;
use tokio::io::BufReader;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::endpoint::Endpoint;
use super::error::Error;
use super::proxy::{self, STEP_TIMEOUT};
use super::roots;
use crate::io::Stream;
use crate::transport::tcp::{self, Host, IpFamily};

/// Size of the read buffer below TLS, in bytes.
const READ_BUFFER_SIZE: usize = 64 * 1024;

/// A proxy, and the value of its `Proxy-Authorization` header.
type Proxy = (Endpoint, Option<http::HeaderValue>);

/// Opens connections to web services.
#[derive(Clone)]
pub(crate) struct Connector {
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
        f.debug_struct("Connector").field("bundle", &self.inner.bundle).finish_non_exhaustive()
    }
}

impl Connector {
    /// Uses the proxies of the environment, and trusts only the authorities in `bundle` (PEM), or those of the system
    /// without a bundle.
    pub(crate) fn new(bundle: Option<PathBuf>) -> Self {
        Self::with_proxies(Matcher::from_env(), bundle)
    }

    /// Uses these proxies instead of those of the environment.
    pub(crate) fn with_proxies(proxies: Matcher, bundle: Option<PathBuf>) -> Self {
        Self { inner: Arc::new(Inner { proxies, bundle, tls: OnceCell::new() }) }
    }

    /// Opens a byte stream to the service at `uri`: with TLS for `https` and `wss`, without TLS for `http` and `ws`.
    ///
    /// # Errors
    /// Fails if the service or its proxy cannot be reached, or if a certificate is not trusted.
    pub(crate) async fn dial(&self, uri: &Uri) -> Result<Box<dyn Stream>, Error> {
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

    /// Whether connections to this URL go through a proxy.
    pub(crate) fn uses_proxy(&self, url: &str) -> bool {
        let endpoint = url.parse().ok().and_then(|uri: Uri| Endpoint::of(&uri).ok());
        endpoint.is_some_and(|endpoint| matches!(self.proxy_for(&endpoint), Ok(Some(_))))
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
    match tcp::connect(&[host], endpoint.port, IpFamily::Any, STEP_TIMEOUT).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(source) => Err(Error::Connect { host: endpoint.to_string(), source: Arc::new(source) }),
    }
}

#[cfg(test)]
mod tests;
