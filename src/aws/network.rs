//! The network around an instance: security group rules, prefix lists, subnets, route tables, network ACLs, Block Public Access.

use std::net::IpAddr;

use aws_sdk_ec2::types::{self, Filter};
use ipnet::IpNet;

use super::call::Call;
use super::clients::Aws;
use super::error::Error;
use super::model::network::{
    AclEntry, BlockPublicAccess, Exclusion, GroupRule, NetworkAcl, Peer, Route, RouteTable, Subnet, Transport,
};
use super::pages::read_all;

/// The page sizes: the largest that the calls allow.
const RULES_PER_PAGE: i32 = 1000;
const PREFIXES_PER_PAGE: i32 = 100;

impl Aws {
    /// Returns the rules of these security groups, both ways.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn group_rules(&self, group_ids: &[String]) -> Result<Vec<GroupRule>, Error> {
        let call = Call::DescribeSecurityGroupRules;
        if group_ids.is_empty() {
            return Ok(Vec::new());
        }
        let filter = Filter::builder().name("group-id").set_values(Some(group_ids.to_vec())).build();
        read_all(call, async |token| {
            let request = self.ec2.describe_security_group_rules().filters(filter.clone());
            let request = request.max_results(RULES_PER_PAGE).set_next_token(token);
            let page = request.send().await.map_err(|error| self.classify(call, "*", error))?;
            Ok((page.security_group_rules().iter().map(to_rule).collect(), page.next_token().map(str::to_owned)))
        })
        .await
    }

    /// Admits one address to a TCP port of the group, and returns the id of the rule.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn admit(&self, group_id: &str, address: IpAddr, port: u16) -> Result<String, Error> {
        let network = IpNet::from(address).to_string();
        let note = "ec2ssh doctor --fix";
        let permission = types::IpPermission::builder().ip_protocol("tcp").from_port(port.into()).to_port(port.into());
        let permission = match address {
            IpAddr::V4(_) => permission.ip_ranges(types::IpRange::builder().cidr_ip(network).description(note).build()),
            IpAddr::V6(_) => {
                permission.ipv6_ranges(types::Ipv6Range::builder().cidr_ipv6(network).description(note).build())
            }
        };
        let request = self.ec2.authorize_security_group_ingress().group_id(group_id).ip_permissions(permission.build());
        let call = Call::AuthorizeSecurityGroupIngress;
        let answer = request.send().await.map_err(|error| self.classify(call, group_id, error))?;
        let rule = answer.security_group_rules().first().and_then(types::SecurityGroupRule::security_group_rule_id);
        Ok(rule.unwrap_or("RULE").to_owned())
    }

    /// Returns the networks of a prefix list.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn prefix_list(&self, id: &str) -> Result<Vec<IpNet>, Error> {
        let call = Call::GetManagedPrefixListEntries;
        read_all(call, async |token| {
            let request = self.ec2.get_managed_prefix_list_entries().prefix_list_id(id);
            let request = request.max_results(PREFIXES_PER_PAGE).set_next_token(token);
            let page = request.send().await.map_err(|error| self.classify(call, id, error))?;
            Ok((
                page.entries().iter().filter_map(|entry| network(entry.cidr())).collect(),
                page.next_token().map(str::to_owned),
            ))
        })
        .await
    }

    /// Returns the subnets of a VPC.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn subnets(&self, vpc_id: &str) -> Result<Vec<Subnet>, Error> {
        let call = Call::DescribeSubnets;
        read_all(call, async |token| {
            let request = self.ec2.describe_subnets().filters(of_vpc(vpc_id)).set_next_token(token);
            let page = request.send().await.map_err(|error| self.classify(call, vpc_id, error))?;
            Ok((page.subnets().iter().map(to_subnet).collect(), page.next_token().map(str::to_owned)))
        })
        .await
    }

    /// Returns the route tables of a VPC.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn route_tables(&self, vpc_id: &str) -> Result<Vec<RouteTable>, Error> {
        let call = Call::DescribeRouteTables;
        read_all(call, async |token| {
            let request = self.ec2.describe_route_tables().filters(of_vpc(vpc_id)).set_next_token(token);
            let page = request.send().await.map_err(|error| self.classify(call, vpc_id, error))?;
            Ok((page.route_tables().iter().map(to_route_table).collect(), page.next_token().map(str::to_owned)))
        })
        .await
    }

    /// Returns the network ACLs of a VPC.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn network_acls(&self, vpc_id: &str) -> Result<Vec<NetworkAcl>, Error> {
        let call = Call::DescribeNetworkAcls;
        read_all(call, async |token| {
            let request = self.ec2.describe_network_acls().filters(of_vpc(vpc_id)).set_next_token(token);
            let page = request.send().await.map_err(|error| self.classify(call, vpc_id, error))?;
            Ok((page.network_acls().iter().map(to_acl).collect(), page.next_token().map(str::to_owned)))
        })
        .await
    }

    /// Returns VPC Block Public Access of the account, with its exclusions where it is on.
    ///
    /// # Errors
    /// Any error of the API calls.
    pub(crate) async fn block_public_access(&self) -> Result<BlockPublicAccess, Error> {
        let call = Call::DescribeVpcBlockPublicAccessOptions;
        let answer = self.ec2.describe_vpc_block_public_access_options().send().await;
        let answer = answer.map_err(|error| self.classify(call, "*", error))?;
        let options = answer.vpc_block_public_access_options();
        let mode = options.and_then(types::VpcBlockPublicAccessOptions::internet_gateway_block_mode);
        let mode = mode.map_or("off", types::InternetGatewayBlockMode::as_str).to_owned();
        let exclusions = if mode == "off" { Ok(Vec::new()) } else { self.exclusions().await };
        let exclusions = match exclusions {
            Ok(exclusions) => Some(exclusions),
            Err(error) if error.is_denial() => None,
            Err(error) => return Err(error),
        };
        Ok(BlockPublicAccess { mode, exclusions })
    }

    async fn exclusions(&self) -> Result<Vec<Exclusion>, Error> {
        let call = Call::DescribeVpcBlockPublicAccessExclusions;
        read_all(call, async |token| {
            let request = self.ec2.describe_vpc_block_public_access_exclusions().set_next_token(token);
            let page = request.send().await.map_err(|error| self.classify(call, "*", error))?;
            Ok((
                page.vpc_block_public_access_exclusions().iter().filter_map(to_exclusion).collect(),
                page.next_token().map(str::to_owned),
            ))
        })
        .await
    }
}

fn of_vpc(vpc_id: &str) -> Filter {
    Filter::builder().name("vpc-id").values(vpc_id).build()
}

fn network(text: Option<&str>) -> Option<IpNet> {
    text?.parse().ok()
}

fn text(value: Option<&str>) -> String {
    value.unwrap_or_default().to_owned()
}

fn to_rule(from: &types::SecurityGroupRule) -> GroupRule {
    let group = from.referenced_group_info().and_then(types::ReferencedSecurityGroup::group_id);
    let network = network(from.cidr_ipv4()).or(network(from.cidr_ipv6()));
    let peer = match (network, from.prefix_list_id(), group) {
        (Some(network), ..) => Peer::Network(network),
        (None, Some(list), _) => Peer::PrefixList(list.to_owned()),
        (None, None, Some(group)) => Peer::Group(group.to_owned()),
        (None, None, None) => Peer::Unknown,
    };
    GroupRule {
        id: text(from.security_group_rule_id()),
        group_id: text(from.group_id()),
        is_egress: from.is_egress().unwrap_or_default(),
        transport: Transport::of(from.ip_protocol(), [from.from_port(), from.to_port()]),
        peer,
    }
}

fn to_subnet(from: &types::Subnet) -> Subnet {
    let ipv6 =
        from.ipv6_cidr_block_association_set().iter().map(types::SubnetIpv6CidrBlockAssociation::ipv6_cidr_block);
    let mode = from.block_public_access_states().and_then(types::BlockPublicAccessStates::internet_gateway_block_mode);
    Subnet {
        id: text(from.subnet_id()),
        owner_id: from.owner_id().map(str::to_owned),
        networks: std::iter::once(from.cidr_block()).chain(ipv6).filter_map(network).collect(),
        assigns_public_ip: from.map_public_ip_on_launch().unwrap_or_default(),
        is_ipv6_only: from.ipv6_native().unwrap_or_default(),
        block_mode: mode.map(|mode| mode.as_str().to_owned()),
    }
}

fn to_route_table(from: &types::RouteTable) -> RouteTable {
    let associations = from.associations();
    RouteTable {
        id: text(from.route_table_id()),
        is_main: associations.iter().any(|association| association.main() == Some(true)),
        subnet_ids: associations.iter().filter_map(|own| own.subnet_id().map(str::to_owned)).collect(),
        routes: from.routes().iter().map(to_route).collect(),
    }
}

fn to_route(from: &types::Route) -> Route {
    let targets = [
        from.gateway_id(),
        from.nat_gateway_id(),
        from.egress_only_internet_gateway_id(),
        from.transit_gateway_id(),
        from.vpc_peering_connection_id(),
        from.local_gateway_id(),
        from.carrier_gateway_id(),
        from.core_network_arn(),
        from.network_interface_id(),
        from.instance_id(),
    ];
    Route {
        destination: network(from.destination_cidr_block()).or(network(from.destination_ipv6_cidr_block())),
        target: text(targets.into_iter().flatten().next()),
        // The state `filtered` means that the gateway takes none of its packets.
        is_blackhole: from.state().is_some_and(|state| state.as_str() != "active"),
    }
}

fn to_acl(from: &types::NetworkAcl) -> NetworkAcl {
    let subnets = from.associations().iter().filter_map(|own| own.subnet_id().map(str::to_owned));
    NetworkAcl {
        id: text(from.network_acl_id()),
        subnet_ids: subnets.collect(),
        entries: from.entries().iter().filter_map(to_entry).collect(),
    }
}

fn to_entry(from: &types::NetworkAclEntry) -> Option<AclEntry> {
    let ports = from.port_range().map_or([None, None], |range| [range.from(), range.to()]);
    Some(AclEntry {
        number: from.rule_number()?,
        is_egress: from.egress().unwrap_or_default(),
        allows: from.rule_action() == Some(&types::RuleAction::Allow),
        transport: Transport::of(from.protocol(), ports),
        network: network(from.cidr_block()).or(network(from.ipv6_cidr_block()))?,
    })
}

fn to_exclusion(from: &types::VpcBlockPublicAccessExclusion) -> Option<Exclusion> {
    // One that is being made or deleted has no effect yet, or no more.
    let state = from.state().map(types::VpcBlockPublicAccessExclusionState::as_str);
    if !matches!(state, Some("create-complete" | "update-complete" | "update-in-progress")) {
        return None;
    }
    let resource = from.resource_arn()?.rsplit('/').next()?.to_owned();
    let mode = from.internet_gateway_exclusion_mode()?.as_str().to_owned();
    Some(Exclusion { resource, mode })
}
