//! The ways to an instance: which there may be, in which order they are tried, and which endpoint serves. Pure.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Address;
use crate::aws::model::{AddressType, Endpoint, Instance};
use crate::config::{AddressKind, Via};
use crate::text::neutralise;

/// The ports that an endpoint connects to.
pub const ENDPOINT_PORTS: [u16; 2] = [22, 3389];

/// A way to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// TCP to an address of it.
    Direct,
    /// Through an EC2 Instance Connect Endpoint.
    Eice,
    /// Through Session Manager.
    Ssm,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Eice => "endpoint",
            Self::Ssm => "Session Manager",
        })
    }
}

impl From<Route> for Via {
    fn from(route: Route) -> Self {
        match route {
            Route::Direct => Self::Direct,
            Route::Eice => Self::Eice,
            Route::Ssm => Self::Ssm,
        }
    }
}

/// The routes in the order in which they are tried. What worked last goes first; then direct where there is an address, as
/// it is the shortest; then the endpoint, which has no protocol of its own to slow it down.
pub fn order(via: Via, addresses: &[Address], worked_last: Option<Route>) -> Vec<Route> {
    match via {
        Via::Direct => vec![Route::Direct],
        Via::Eice => vec![Route::Eice],
        Via::Ssm => vec![Route::Ssm],
        Via::Auto => {
            let direct = (!addresses.is_empty()).then_some(Route::Direct);
            let all: Vec<Route> = direct.into_iter().chain([Route::Eice, Route::Ssm]).collect();
            let first = worked_last.filter(|route| all.contains(route));
            first.into_iter().chain(all.iter().copied().filter(|route| Some(*route) != first)).collect()
        }
    }
}

/// How near an endpoint is to the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Nearness {
    Subnet,
    Zone,
    Vpc,
    /// It was named; where it is, is not our affair (peering).
    Named,
}

impl fmt::Display for Nearness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subnet => "in the instance's subnet",
            Self::Zone => "in the instance's zone",
            Self::Vpc => "in the instance's VPC",
            Self::Named => "as named",
        })
    }
}

/// The endpoint that serves, and what it connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// It.
    pub endpoint: Endpoint,
    /// A private address of the instance that it reaches.
    pub address: IpAddr,
    /// Why this one.
    pub nearness: Nearness,
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) to {}", neutralise(&self.endpoint.id), self.nearness, self.address)
    }
}

/// Why no endpoint serves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEndpoint {
    /// There is none.
    #[error("there is none{}", place(.0.as_ref()))]
    Absent(Option<String>),
    /// Those that there are cannot be used now.
    #[error("{} is in the state {state}", neutralise(id))]
    State {
        /// One of them.
        id: String,
        /// Its state; untrusted.
        state: String,
    },
    /// Those that there are do not reach an address of the instance.
    #[error("{} reaches no address that {instance_id} has", neutralise(id))]
    Family {
        /// One of them.
        id: String,
        /// The instance.
        instance_id: String,
    },
}

fn place(vpc: Option<&String>) -> String {
    vpc.map_or(String::new(), |vpc| format!(" in {}", neutralise(vpc)))
}

/// States in which an endpoint carries tunnels
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Ec2InstanceConnectEndpoint.html>).
fn is_usable(state: &str) -> bool {
    matches!(state, "create-complete" | "update-in-progress" | "update-complete" | "update-failed")
}

/// Chooses among the endpoints: the nearest that can be used and reaches the instance. `is_named`: the caller named it.
///
/// # Errors
/// Why there is none.
pub fn choose(
    endpoints: &[Endpoint],
    instance: &Instance,
    kind: AddressKind,
    is_named: bool,
) -> Result<Chosen, NoEndpoint> {
    let usable: Vec<&Endpoint> = endpoints.iter().filter(|endpoint| is_usable(&endpoint.state)).collect();
    let reaching = usable.iter().filter_map(|endpoint| {
        let address = target(endpoint.address_type, instance, kind)?;
        let nearness = if is_named { Nearness::Named } else { nearness(endpoint, instance) };
        Some(Chosen { endpoint: (*endpoint).clone(), address, nearness })
    });
    // Of two that are as near the first by id, so that it is the same one each time.
    let nearest = reaching.min_by(|a, b| (a.nearness, &a.endpoint.id).cmp(&(b.nearness, &b.endpoint.id)));
    nearest.ok_or_else(|| match (usable.first(), endpoints.first()) {
        (Some(one), _) => NoEndpoint::Family { id: one.id.clone(), instance_id: instance.id.clone() },
        (None, Some(one)) => NoEndpoint::State { id: one.id.clone(), state: neutralise(&one.state) },
        (None, None) => NoEndpoint::Absent(instance.vpc_id.clone().filter(|_| !is_named)),
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

/// The private address that an endpoint of this type is asked for: IPv4 first, as AWS's client has it.
fn target(reaches: AddressType, instance: &Instance, kind: AddressKind) -> Option<IpAddr> {
    let ipv4 = instance.private_ip.map(IpAddr::V4).filter(|_| kind != AddressKind::Ipv6);
    let ipv6 = instance.ipv6.first().copied().map(IpAddr::V6);
    let ipv6 = ipv6.filter(|_| matches!(kind, AddressKind::Ipv6 | AddressKind::Auto));
    match reaches {
        AddressType::Ipv4 => ipv4,
        AddressType::Ipv6 => ipv6,
        AddressType::DualStack => ipv4.or(ipv6),
    }
}
