//! The caller's address as the instance's security groups see it: given, the local one where it is public, else what a service
//! answers.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;

use crate::target::Selector;
use crate::transport::tcp::local_address;
use crate::web::{Connector, get};

/// The service of AWS that answers with the caller's address.
const CHECKIP_URL: &str = "https://checkip.amazonaws.com";
/// The time limit for its answer.
const LIMIT: Duration = Duration::from_secs(1);

/// How the caller's address may be found.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallerQuery {
    /// The address that the caller gave.
    pub given: Option<IpAddr>,
    /// The URL of a service that answers with the address, in place of AWS's.
    pub url: Option<String>,
    /// Whether no service is asked.
    pub no_service: bool,
}

/// The caller's address, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Caller {
    /// The address, if it is known.
    pub address: Option<IpAddr>,
    /// Where the address is from, or why there is none.
    pub source: CallerSource,
}

/// The source of the caller's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CallerSource {
    /// The caller gave it.
    Given,
    /// The local address of connections to the instance.
    Local,
    /// A service answered with it.
    Service {
        /// The URL of the service.
        url: String,
        /// Whether it was asked through a proxy, which may have another address than direct connections.
        by_proxy: bool,
    },
    /// No source had it, for this reason.
    Unknown(String),
}

/// Finds the address that a connection to `destination` comes from.
pub(super) async fn find(query: &CallerQuery, destination: Option<SocketAddr>, connector: &Connector) -> Caller {
    if let Some(address) = query.given {
        return Caller { address: Some(address), source: CallerSource::Given };
    }
    let local = destination.and_then(local_address);
    // Within a VPC, or over a VPN, the private address is the one that counts.
    let is_seen = |local: IpAddr| is_public(local) || destination.is_some_and(|to| is_private(to.ip()));
    if let Some(address) = local.filter(|local| is_seen(*local)) {
        return Caller { address: Some(address), source: CallerSource::Local };
    }
    if query.no_service {
        return unknown("no service was asked (--no-checkip)".to_owned());
    }
    let url = query.url.as_deref().unwrap_or(CHECKIP_URL);
    match timeout(LIMIT, get(connector, url)).await {
        Ok(Ok(text)) => match text.trim().parse() {
            Ok(address) => {
                let source = CallerSource::Service { url: url.to_owned(), by_proxy: connector.uses_proxy(url) };
                Caller { address: Some(address), source }
            }
            Err(_) => unknown(format!("{url} answered with something else than an address")),
        },
        Ok(Err(error)) => unknown(format!("{url} did not answer: {error}")),
        Err(_) => unknown(format!("{url} did not answer within {} s", LIMIT.as_secs())),
    }
}

impl Caller {
    /// Returns the caller for the address that was dialed in the end: a DNS name may lead to a private address, which the caller's
    /// own network reaches from this machine's address.
    pub(super) fn towards(self, dialed: Option<SocketAddr>) -> Self {
        let is_given = self.source == CallerSource::Given;
        let private = dialed.filter(|dialed| !is_given && is_private(dialed.ip()));
        match private.and_then(local_address) {
            Some(address) => Self { address: Some(address), source: CallerSource::Local },
            None => self,
        }
    }

    /// Whether direct connections surely come from this address.
    pub(crate) fn is_certain(&self) -> bool {
        !matches!(self.source, CallerSource::Service { by_proxy: true, .. })
    }
}

fn unknown(why: String) -> Caller {
    Caller { address: None, source: CallerSource::Unknown(why) }
}

/// Whether an address is of a network of its own: RFC 1918, RFC 4193, link-local, carrier-grade NAT.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => Selector::is_private(address),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

fn is_public(address: IpAddr) -> bool {
    !is_private(address) && !address.is_loopback() && !address.is_unspecified()
}
