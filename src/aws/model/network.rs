//! The network around an instance: security group rules, network ACLs, routes, subnets, Block Public Access. Text is untrusted.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;
use serde::Serialize;

/// The transport that a rule is for. A rule for all protocols is for every port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Transport {
    /// All protocols and ports.
    All,
    /// TCP, for these ports.
    Tcp(RangeInclusive<u16>),
    /// A protocol that is not TCP.
    Other,
}

impl Transport {
    /// Reads a protocol, by name or IANA's number, and its ports. Ports of -1, or none, mean all.
    pub(crate) fn of(protocol: Option<&str>, ports: [Option<i32>; 2]) -> Self {
        match protocol {
            Some("-1") => Self::All,
            Some("tcp" | "6") => match ports.map(|port| port.and_then(|port| u16::try_from(port).ok())) {
                [Some(first), Some(last)] => Self::Tcp(first..=last),
                _ => Self::Tcp(0..=u16::MAX),
            },
            _ => Self::Other,
        }
    }

    /// Whether TCP to this port is meant.
    pub(crate) fn has(&self, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::Tcp(ports) => ports.contains(&port),
            Self::Other => false,
        }
    }
}

/// A rule of a security group (SecurityGroupRule in the EC2 API).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupRule {
    /// The id of the rule, `sgr-…`.
    pub id: String,
    /// The group that has the rule.
    pub group_id: String,
    /// Whether the rule is for traffic that leaves.
    pub is_egress: bool,
    /// The protocol and ports.
    pub transport: Transport,
    /// The other side of the traffic.
    pub peer: Peer,
}

/// The other side that a rule admits: exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Peer {
    /// The addresses of a network.
    Network(IpNet),
    /// The networks of a prefix list, `pl-…`.
    PrefixList(String),
    /// The private addresses of a security group's members.
    Group(String),
    /// A kind that this version does not know.
    Unknown,
}

/// A subnet of a VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subnet {
    /// The id of the subnet, `subnet-…`.
    pub id: String,
    /// The account that owns it; in a shared VPC not the instance's.
    pub owner_id: Option<String>,
    /// The networks of its addresses.
    pub networks: Vec<IpNet>,
    /// Whether instances get a public IPv4 address at their launch.
    pub assigns_public_ip: bool,
    /// Whether it has IPv6 only.
    pub is_ipv6_only: bool,
    /// The mode of VPC Block Public Access here, for example `block-ingress`.
    pub block_mode: Option<String>,
}

/// A route table of a VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RouteTable {
    /// The id of the table, `rtb-…`.
    pub id: String,
    /// Whether it is the one of subnets without a table of their own.
    pub is_main: bool,
    /// The subnets that have it as their own.
    pub subnet_ids: Vec<String>,
    /// The routes, in no order.
    pub routes: Vec<Route>,
}

/// A route of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Route {
    /// The destination; `None` for a prefix list.
    pub destination: Option<IpNet>,
    /// The id of the gateway or interface: `igw-…`, `nat-…`, `local`.
    pub target: String,
    /// Whether its target is gone.
    pub is_blackhole: bool,
}

impl RouteTable {
    /// Returns the route of packets to this address: the most specific one.
    pub(crate) fn route_to(&self, address: IpAddr) -> Option<&Route> {
        let matching = self.routes.iter().filter_map(|route| Some((route.destination?, route)));
        let matching = matching.filter(|(destination, _)| destination.contains(&address));
        matching.max_by_key(|(destination, _)| destination.prefix_len()).map(|(_, route)| route)
    }
}

/// A network ACL: stateless rules of a subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkAcl {
    /// The id of the ACL, `acl-…`.
    pub id: String,
    /// The subnets that it guards.
    pub subnet_ids: Vec<String>,
    /// The rules, both ways.
    pub entries: Vec<AclEntry>,
}

/// A rule of a network ACL. The rule with the lowest number that matches decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AclEntry {
    /// The number of the rule; 32767 denies the rest.
    pub number: i32,
    /// Whether the rule is for traffic that leaves the subnet.
    pub is_egress: bool,
    /// Whether it allows what it matches.
    pub allows: bool,
    /// The protocol and ports.
    pub transport: Transport,
    /// The network of the other side.
    pub network: IpNet,
}

/// VPC Block Public Access of the account in this region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockPublicAccess {
    /// The mode: `off`, `block-bidirectional` or `block-ingress`.
    pub mode: String,
    /// The VPCs and subnets that are excluded; `None` where they are not shown.
    pub exclusions: Option<Vec<Exclusion>>,
}

/// An exclusion from VPC Block Public Access.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Exclusion {
    /// The VPC or subnet, the end of its ARN: `vpc-…` or `subnet-…`.
    pub resource: String,
    /// The traffic that it allows: `allow-bidirectional` or `allow-egress`.
    pub mode: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_have_names_numbers_and_ports() {
        let of = |protocol, from, to| Transport::of(Some(protocol), [from, to]);
        let table = [
            (of("-1", None, None), true),
            (of("-1", Some(-1), Some(-1)), true),
            (of("tcp", Some(22), Some(22)), true),
            (of("6", Some(0), Some(65_535)), true),
            (of("tcp", Some(-1), Some(-1)), true),
            (of("6", None, None), true),
            (of("tcp", Some(80), Some(443)), false),
            (of("udp", Some(22), Some(22)), false),
            (of("icmp", Some(-1), Some(-1)), false),
            (of("1", Some(8), Some(-1)), false),
            (Transport::of(None, [None, None]), false),
        ];
        for (transport, has) in table {
            assert_eq!(transport.has(22), has, "{transport:?}");
        }
    }

    #[test]
    fn most_specific_route_is_taken() {
        let route = |destination: &str, target: &str| Route {
            destination: Some(destination.parse().unwrap()),
            target: target.to_owned(),
            is_blackhole: false,
        };
        let routes = ["0.0.0.0/0 igw-1", "10.0.0.0/8 pcx-1", "10.0.0.0/16 local", "::/0 eigw-1"];
        let routes = routes.map(|line| line.split_once(' ').unwrap()).map(|(to, via)| route(to, via));
        let table = RouteTable { routes: routes.to_vec(), ..RouteTable::default() };
        let target = |to: &str| table.route_to(to.parse().unwrap()).map(|route| route.target.as_str());
        assert_eq!(target("203.0.113.7"), Some("igw-1"));
        assert_eq!(target("10.1.2.3"), Some("pcx-1"));
        assert_eq!(target("10.0.2.3"), Some("local"));
        assert_eq!(target("2001:db8::1"), Some("eigw-1"));
    }
}
