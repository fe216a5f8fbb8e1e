//! The host and port of a web service, and whether a proxy may stand before it.

use std::fmt;
use std::net::IpAddr;

use http::Uri;

use super::error::Error;

/// The host and port of a service, and whether it uses TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// A DNS name, or an IP address without brackets.
    pub host: String,
    /// The TCP port of the host.
    pub port: u16,
    /// Set if the service is reached by TLS.
    pub tls: bool,
}

impl Endpoint {
    /// Returns the endpoint of an `http`, `https`, `ws` or `wss` URL.
    pub(super) fn of(uri: &Uri) -> Result<Self, Error> {
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
    pub(super) fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// Whether the host is an instance metadata service or another link-local address, for which no proxy is used.
    pub(super) fn is_link_local(&self) -> bool {
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
