//! Why a web service cannot be reached.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::transport::tcp;

/// The reason why a web service cannot be reached.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
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
