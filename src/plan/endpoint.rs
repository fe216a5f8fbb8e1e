//! The choice of an EC2 Instance Connect Endpoint. Pure.

use std::fmt;
use std::net::IpAddr;

use crate::aws::model::{AddressType, Endpoint, Instance};
use crate::config::AddressKind;
use crate::text::sanitize;

/// The remote ports that an endpoint connects to.
pub(crate) const ENDPOINT_PORTS: [u16; 2] = [22, 3389];

/// The nearness of an endpoint to the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are self-explanatory")]
pub(crate) enum Nearness {
    Subnet,
    Zone,
    Vpc,
    /// The endpoint was requested by id. Its location does not matter, because VPCs can be peered.
    Named,
}

impl fmt::Display for Nearness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subnet => "in the instance's subnet",
            Self::Zone => "in the instance's zone",
            Self::Vpc => "in the instance's VPC",
            Self::Named => "requested by id",
        })
    }
}

/// The chosen endpoint, and the address that it connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChosenEndpoint {
    /// The endpoint to connect through.
    pub endpoint: Endpoint,
    /// The private IPv4 address or the IPv6 address of the instance that the endpoint reaches.
    pub address: IpAddr,
    /// The nearness for which it was chosen.
    pub nearness: Nearness,
}

impl fmt::Display for ChosenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) to {}", sanitize(&self.endpoint.id), self.nearness, self.address)
    }
}

/// The error if no endpoint can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EndpointError {
    /// No endpoint exists in the VPC, if the VPC is known.
    #[error("no EC2 Instance Connect Endpoint found{}", in_vpc(.0.as_ref()))]
    NotFound(Option<String>),
    /// The existing endpoints are in a state in which they cannot be used.
    #[error("{} is in state {state}", sanitize(id))]
    Unusable {
        /// The id of one of them.
        id: String,
        /// The state of that endpoint; untrusted text.
        state: String,
    },
    /// The usable endpoints cannot reach any address of the instance.
    #[error("{} cannot reach any address of {instance_id}", sanitize(id))]
    NoReachableAddress {
        /// The id of one of them.
        id: String,
        /// The id of the instance.
        instance_id: String,
    },
}

fn in_vpc(vpc: Option<&String>) -> String {
    vpc.map_or(String::new(), |vpc| format!(" in {}", sanitize(vpc)))
}

/// Whether an endpoint in this state carries tunnels
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Ec2InstanceConnectEndpoint.html>).
fn is_usable(state: &str) -> bool {
    matches!(state, "create-complete" | "update-in-progress" | "update-complete" | "update-failed")
}

/// Chooses the nearest endpoint that is usable and reaches the instance. `is_named` means that the caller requested the
/// endpoint by id.
///
/// # Errors
/// [`EndpointError`] with the reason.
pub(crate) fn choose(
    endpoints: &[Endpoint],
    instance: &Instance,
    kind: AddressKind,
    typed: Option<IpAddr>,
    is_named: bool,
) -> Result<ChosenEndpoint, EndpointError> {
    let usable: Vec<&Endpoint> = endpoints.iter().filter(|endpoint| is_usable(&endpoint.state)).collect();
    let reaching = usable.iter().filter_map(|endpoint| {
        let address = tunnel_address(endpoint.address_type, instance, kind, typed)?;
        let nearness = if is_named { Nearness::Named } else { nearness(endpoint, instance) };
        Some(ChosenEndpoint { endpoint: (*endpoint).clone(), address, nearness })
    });
    // Break ties by id, so that the choice is the same each time.
    let nearest = reaching.min_by(|a, b| (a.nearness, &a.endpoint.id).cmp(&(b.nearness, &b.endpoint.id)));
    nearest.ok_or_else(|| match (usable.first(), endpoints.first()) {
        (Some(one), _) => EndpointError::NoReachableAddress { id: one.id.clone(), instance_id: instance.id.clone() },
        (None, Some(one)) => EndpointError::Unusable { id: one.id.clone(), state: sanitize(&one.state) },
        (None, None) => EndpointError::NotFound(instance.vpc_id.clone().filter(|_| !is_named)),
    })
}

fn nearness(endpoint: &Endpoint, instance: &Instance) -> Nearness {
    let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
    if same(&endpoint.subnet_id, &instance.subnet_id) {
        Nearness::Subnet
    } else if same(&endpoint.zone, &instance.zone) {
        Nearness::Zone
    } else {
        Nearness::Vpc
    }
}

/// Returns the address of the instance that an endpoint of this type connects to, IPv4 first, like AWS's own client.
/// An address that was typed goes before the first of its kind.
fn tunnel_address(
    reaches: AddressType,
    instance: &Instance,
    kind: AddressKind,
    typed: Option<IpAddr>,
) -> Option<IpAddr> {
    let private = typed.filter(|ip| matches!(ip, IpAddr::V4(ip) if instance.other_private_ips.contains(ip)));
    let ipv4 = private.or(instance.private_ip.map(IpAddr::V4)).filter(|_| kind != AddressKind::Ipv6);
    let ipv6 = typed.filter(IpAddr::is_ipv6).or(instance.ipv6.first().copied().map(IpAddr::V6));
    let ipv6 = ipv6.filter(|_| matches!(kind, AddressKind::Ipv6 | AddressKind::Auto));
    match reaches {
        AddressType::Ipv4 => ipv4,
        AddressType::Ipv6 => ipv6,
        AddressType::DualStack if typed.is_some_and(|typed| typed.is_ipv6()) => ipv6.or(ipv4),
        AddressType::DualStack => ipv4.or(ipv6),
    }
}

#[cfg(test)]
mod tests;
