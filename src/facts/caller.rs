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
    Service(String),
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
            Ok(address) => Caller { address: Some(address), source: CallerSource::Service(url.to_owned()) },
            Err(_) => unknown(format!("{url} answered with something else than an address")),
        },
        Ok(Err(error)) => unknown(format!("{url} did not answer: {error}")),
        Err(_) => unknown(format!("{url} did not answer within {} s", LIMIT.as_secs())),
    }
}

fn unknown(why: String) -> Caller {
    Caller { address: None, source: CallerSource::Unknown(why) }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => Selector::is_private(address),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

fn is_public(address: IpAddr) -> bool {
    !is_private(address) && !address.is_loopback() && !address.is_unspecified()
}
