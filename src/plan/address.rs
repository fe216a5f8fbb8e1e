//! The addresses that a direct connection dials. Pure.

use std::fmt;
use std::net::IpAddr;

use crate::aws::model::Instance;
use crate::config::AddressKind;
use crate::text::sanitize;

/// An address to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A DNS name, and the IP address to use if it does not resolve.
    Name(String, Option<IpAddr>),
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
}

impl Address {
    /// Returns the address as AWS gave it, for programs.
    pub(crate) fn raw(&self) -> String {
        match self {
            Self::Name(name, _) => name.clone(),
            Self::Ip(ip) => ip.to_string(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name, _) => f.write_str(&sanitize(name)),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

/// Returns the addresses in the order in which they are tried. The public DNS name goes first because it resolves to the
/// private address inside the VPC.
pub(crate) fn addresses(instance: &Instance, kind: AddressKind) -> Vec<Address> {
    let public_ip = instance.public_ip.map(IpAddr::V4);
    let name = instance.public_dns.clone().map(|name| Address::Name(name, public_ip));
    let public = || name.clone().or(public_ip.map(Address::Ip)).into_iter();
    let ipv6 = || instance.ipv6.iter().map(|ip| Address::Ip(IpAddr::V6(*ip)));
    let private = || instance.private_ip.map(|ip| Address::Ip(IpAddr::V4(ip))).into_iter();
    match kind {
        AddressKind::Public => public().collect(),
        AddressKind::Private => private().collect(),
        AddressKind::Ipv6 => ipv6().collect(),
        AddressKind::Auto => {
            let outside: Vec<_> = public().chain(ipv6()).collect();
            // In the caller's own network a private address may belong to another machine, so it is the last resort.
            if outside.is_empty() { private().collect() } else { outside }
        }
    }
}

#[cfg(test)]
mod tests;
