//! The network around instances, and what else is asked by a diagnosis: security group rules, prefix lists, subnets, route tables,
//! network ACLs, Block Public Access, status checks, key pairs. A VPC that is new has a public subnet that lets everything pass.

use std::collections::HashMap;

use axum::body::Body;
use axum::http::Response;

use crate::ec2::{filters, numbered, parameter, parameters, xml};
use crate::fault::{error, escape};
use crate::state::{Instance, State};

/// The number of the account.
pub(crate) const ACCOUNT: &str = "111122223333";

/// The network of all VPCs, and the health of the instances.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names are EC2's own")]
pub struct Network {
    pub rules: Vec<GroupRule>,
    pub prefix_lists: HashMap<String, Vec<String>>,
    pub subnets: Vec<Subnet>,
    pub route_tables: Vec<RouteTable>,
    pub acls: Vec<Acl>,
    /// The mode of VPC Block Public Access.
    pub block_mode: &'static str,
    /// Exclusions from it: the id of a VPC or subnet, and the mode.
    pub exclusions: Vec<(String, &'static str)>,
    /// The status checks by instance id: system, instance, EBS.
    pub status: HashMap<String, [&'static str; 3]>,
    /// Key pairs: name and fingerprint.
    pub key_pairs: Vec<(String, String)>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            prefix_lists: HashMap::new(),
            subnets: Vec::new(),
            route_tables: Vec::new(),
            acls: Vec::new(),
            block_mode: "off",
            exclusions: Vec::new(),
            status: HashMap::new(),
            key_pairs: Vec::new(),
        }
    }
}

/// A rule of a security group.
#[derive(Clone, Debug)]
pub struct GroupRule {
    /// The group that has the rule.
    pub group: String,
    /// Whether it is for traffic that leaves.
    pub egress: bool,
    /// The protocol: `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    pub protocol: String,
    /// The first and the last port.
    pub ports: (i32, i32),
    /// The other side: a network, `pl-…` or `sg-…`.
    pub peer: String,
}

impl GroupRule {
    /// Returns a rule that lets TCP to these ports in from the peer.
    pub fn ingress(group: &str, ports: (i32, i32), peer: &str) -> Self {
        Self { group: group.to_owned(), egress: false, protocol: "tcp".to_owned(), ports, peer: peer.to_owned() }
    }

    /// Returns a rule that lets everything out to the peer.
    pub fn egress(group: &str, peer: &str) -> Self {
        Self {
            group: group.to_owned(),
            egress: true,
            protocol: "-1".to_owned(),
            ports: (-1, -1),
            peer: peer.to_owned(),
        }
    }
}

/// A subnet of a VPC.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names are EC2's own")]
pub struct Subnet {
    pub id: String,
    pub vpc_id: String,
    pub cidr: String,
    pub owner: String,
}

/// A route table of a VPC.
#[derive(Clone, Debug)]
pub struct RouteTable {
    /// The id of the table.
    pub id: String,
    /// The VPC that it is in.
    pub vpc_id: String,
    /// Whether it is the main one of its VPC.
    pub main: bool,
    /// The subnets that have it as their own.
    pub subnets: Vec<String>,
    /// The routes: destination, target, and whether it is active.
    pub routes: Vec<(String, String, bool)>,
}

/// A network ACL of a VPC.
#[derive(Clone, Debug)]
pub struct Acl {
    /// The id of the ACL.
    pub id: String,
    /// The VPC that it is in.
    pub vpc_id: String,
    /// The subnets that it guards.
    pub subnets: Vec<String>,
    /// The rules, both ways.
    pub entries: Vec<AclEntry>,
}

/// A rule of a network ACL.
#[derive(Clone, Debug)]
pub struct AclEntry {
    /// The number, by which rules are ordered.
    pub number: i32,
    /// Whether it is for traffic that leaves the subnet.
    pub egress: bool,
    /// Whether it allows what it matches.
    pub allow: bool,
    /// The number of the protocol, or `-1` for all.
    pub protocol: String,
    /// The first and the last port, for TCP and UDP.
    pub ports: Option<(u16, u16)>,
    /// The network of the other side.
    pub cidr: String,
}

impl AclEntry {
    /// Returns a rule for TCP to these ports.
    pub fn tcp(number: i32, egress: bool, allow: bool, ports: (u16, u16), cidr: &str) -> Self {
        Self { number, egress, allow, protocol: "6".to_owned(), ports: Some(ports), cidr: cidr.to_owned() }
    }

    /// Returns a rule for all protocols and ports.
    pub fn all(number: i32, egress: bool, allow: bool, cidr: &str) -> Self {
        Self { number, egress, allow, protocol: "-1".to_owned(), ports: None, cidr: cidr.to_owned() }
    }
}

impl Network {
    /// Makes what the instance needs to be reached, unless it is there: a public subnet, and rules of its groups for port 22.
    pub(crate) fn add_for(&mut self, instance: &Instance) {
        for (group, _) in &instance.groups {
            if !self.rules.iter().any(|rule| rule.group == *group) {
                self.rules.push(GroupRule::ingress(group, (22, 22), "0.0.0.0/0"));
                self.rules.push(GroupRule::egress(group, "0.0.0.0/0"));
            }
        }
        let (vpc_id, subnet) = (&instance.vpc_id, &instance.subnet_id);
        if self.subnets.iter().any(|other| other.id == *subnet && other.vpc_id == *vpc_id) {
            return;
        }
        self.subnets.push(Subnet {
            id: subnet.clone(),
            vpc_id: vpc_id.clone(),
            cidr: "10.0.0.0/16".to_owned(),
            owner: ACCOUNT.to_owned(),
        });
        let end = vpc_id.trim_start_matches("vpc-");
        let routes = [("10.0.0.0/16", "local"), ("0.0.0.0/0", "igw-0123456789abcdef0")];
        self.route_tables.push(RouteTable {
            id: format!("rtb-{end}"),
            vpc_id: vpc_id.clone(),
            main: true,
            subnets: Vec::new(),
            routes: routes.map(|(to, via)| (to.to_owned(), via.to_owned(), true)).to_vec(),
        });
        let both = |number, allow| [false, true].map(|egress| AclEntry::all(number, egress, allow, "0.0.0.0/0"));
        self.acls.push(Acl {
            id: format!("acl-{end}"),
            vpc_id: vpc_id.clone(),
            subnets: vec![subnet.clone()],
            entries: [both(100, true), both(32_767, false)].concat(),
        });
    }
}

fn element(name: &str, value: &str) -> String {
    format!("<{name}>{}</{name}>", escape(value))
}

fn items<T>(set: &str, all: impl IntoIterator<Item = T>, item: impl Fn(T) -> String) -> String {
    let all: String = all.into_iter().map(|one| format!("<item>{}</item>", item(one))).collect();
    format!("<{set}>{all}</{set}>")
}

/// Answers DescribeSecurityGroupRules for the groups of the filter.
pub(crate) fn describe_rules(state: &State, body: &str) -> Response<Body> {
    let wanted = filter(body, "group-id");
    let found = state.network.rules.iter().enumerate().filter(|(_, rule)| wanted.contains(&rule.group));
    let rule = |(index, rule): (usize, &GroupRule)| {
        let peer = match &rule.peer {
            list if list.starts_with("pl-") => element("prefixListId", list),
            group if group.starts_with("sg-") => {
                format!("<referencedGroupInfo>{}</referencedGroupInfo>", element("groupId", group))
            }
            cidr if cidr.contains(':') => element("cidrIpv6", cidr),
            cidr => element("cidrIpv4", cidr),
        };
        [
            element("securityGroupRuleId", &format!("sgr-{index:017}")),
            element("groupId", &rule.group),
            element("isEgress", &rule.egress.to_string()),
            element("ipProtocol", &rule.protocol),
            element("fromPort", &rule.ports.0.to_string()),
            element("toPort", &rule.ports.1.to_string()),
            peer,
        ]
        .concat()
    };
    xml("DescribeSecurityGroupRules", &items("securityGroupRuleSet", found, rule))
}

/// Answers AuthorizeSecurityGroupIngress: adds the rule.
pub(crate) fn authorize_ingress(state: &mut State, body: &str) -> Response<Body> {
    let of = |name: &str| parameter(body, name).unwrap_or_default();
    let port = |name: &str| of(name).parse().unwrap_or(-1);
    let group = of("GroupId");
    let peers = ["IpPermissions.1.IpRanges.1.CidrIp", "IpPermissions.1.Ipv6Ranges.1.CidrIpv6"].map(of);
    let Some(peer) = peers.into_iter().find(|peer| !peer.is_empty()) else {
        return error(400, "MissingParameter", "The request must contain a source", false);
    };
    let ports = (port("IpPermissions.1.FromPort"), port("IpPermissions.1.ToPort"));
    state.network.rules.push(GroupRule::ingress(&group, ports, &peer));
    let id = format!("sgr-{:017}", state.network.rules.len() - 1);
    let rule = element("securityGroupRuleId", &id);
    let rules = items("securityGroupRuleSet", [rule], |rule| rule);
    xml("AuthorizeSecurityGroupIngress", &format!("<return>true</return>{rules}"))
}

/// Answers GetManagedPrefixListEntries, with paging.
pub(crate) fn prefix_list_entries(state: &State, body: &str) -> Response<Body> {
    let id = parameter(body, "PrefixListId").unwrap_or_default();
    let Some(networks) = state.network.prefix_lists.get(&id) else {
        return error(400, "InvalidPrefixListID.NotFound", "The prefix list does not exist", false);
    };
    let size = if state.page_limit == 0 { networks.len().max(1) } else { state.page_limit };
    let start: usize = parameter(body, "NextToken").and_then(|token| token.parse().ok()).unwrap_or(0);
    let page = items("entrySet", networks.iter().skip(start).take(size), |cidr| element("cidr", cidr));
    let end = start + size;
    let next = if end < networks.len() { element("nextToken", &end.to_string()) } else { String::new() };
    xml("GetManagedPrefixListEntries", &(page + &next))
}

/// Answers DescribeSubnets for a VPC.
pub(crate) fn describe_subnets(state: &State, body: &str) -> Response<Body> {
    let vpcs = filter(body, "vpc-id");
    let found = state.network.subnets.iter().filter(|subnet| vpcs.contains(&subnet.vpc_id));
    let subnet = |subnet: &Subnet| {
        let mode = element("internetGatewayBlockMode", state.network.block_mode);
        [
            element("subnetId", &subnet.id),
            element("vpcId", &subnet.vpc_id),
            element("cidrBlock", &subnet.cidr),
            element("ownerId", &subnet.owner),
            element("mapPublicIpOnLaunch", "true"),
            format!("<blockPublicAccessStates>{mode}</blockPublicAccessStates>"),
        ]
        .concat()
    };
    xml("DescribeSubnets", &items("subnetSet", found, subnet))
}

/// Answers DescribeRouteTables for a VPC.
pub(crate) fn describe_route_tables(state: &State, body: &str) -> Response<Body> {
    let vpcs = filter(body, "vpc-id");
    let found = state.network.route_tables.iter().filter(|table| vpcs.contains(&table.vpc_id));
    let table = |table: &RouteTable| {
        let main = table.main.then(|| element("main", "true"));
        let own = table.subnets.iter().map(|subnet| element("main", "false") + &element("subnetId", subnet));
        [
            element("routeTableId", &table.id),
            element("vpcId", &table.vpc_id),
            items("routeSet", &table.routes, route),
            items("associationSet", main.into_iter().chain(own), |association| association),
        ]
        .concat()
    };
    xml("DescribeRouteTables", &items("routeTableSet", found, table))
}

fn route((destination, target, active): &(String, String, bool)) -> String {
    let destination = match destination {
        list if list.starts_with("pl-") => element("destinationPrefixListId", list),
        cidr if cidr.contains(':') => element("destinationIpv6CidrBlock", cidr),
        cidr => element("destinationCidrBlock", cidr),
    };
    let name = match target.split('-').next() {
        Some("nat") => "natGatewayId",
        Some("eigw") => "egressOnlyInternetGatewayId",
        Some("tgw") => "transitGatewayId",
        Some("pcx") => "vpcPeeringConnectionId",
        Some("eni") => "networkInterfaceId",
        _ => "gatewayId",
    };
    destination + &element(name, target) + &element("state", if *active { "active" } else { "blackhole" })
}

/// Answers DescribeNetworkAcls for a VPC.
pub(crate) fn describe_acls(state: &State, body: &str) -> Response<Body> {
    let vpcs = filter(body, "vpc-id");
    let found = state.network.acls.iter().filter(|acl| vpcs.contains(&acl.vpc_id));
    let entry = |entry: &AclEntry| {
        let ports = entry.ports.map_or(String::new(), |(from, to)| {
            format!("<portRange>{}{}</portRange>", element("from", &from.to_string()), element("to", &to.to_string()))
        });
        let cidr = if entry.cidr.contains(':') { "ipv6CidrBlock" } else { "cidrBlock" };
        [
            element("ruleNumber", &entry.number.to_string()),
            element("egress", &entry.egress.to_string()),
            element("ruleAction", if entry.allow { "allow" } else { "deny" }),
            element("protocol", &entry.protocol),
            ports,
            element(cidr, &entry.cidr),
        ]
        .concat()
    };
    let acl = |acl: &Acl| {
        [
            element("networkAclId", &acl.id),
            element("vpcId", &acl.vpc_id),
            items("entrySet", &acl.entries, entry),
            items("associationSet", &acl.subnets, |subnet| element("subnetId", subnet)),
        ]
        .concat()
    };
    xml("DescribeNetworkAcls", &items("networkAclSet", found, acl))
}

/// Answers DescribeVpcBlockPublicAccessOptions: the account's mode.
pub(crate) fn block_public_access(state: &State) -> Response<Body> {
    let mode = element("internetGatewayBlockMode", state.network.block_mode);
    let options = format!("<vpcBlockPublicAccessOptions>{mode}</vpcBlockPublicAccessOptions>");
    xml("DescribeVpcBlockPublicAccessOptions", &options)
}

/// Answers DescribeVpcBlockPublicAccessExclusions with all of them.
pub(crate) fn exclusions(state: &State) -> Response<Body> {
    let exclusion = |(resource, mode): &(String, &str)| {
        let kind = if resource.starts_with("vpc-") { "vpc" } else { "subnet" };
        let arn = format!("arn:aws:ec2:eu-west-1:{}:{kind}/{resource}", ACCOUNT);
        element("resourceArn", &arn)
            + &element("internetGatewayExclusionMode", mode)
            + &element("state", "create-complete")
    };
    let all = items("vpcBlockPublicAccessExclusionSet", &state.network.exclusions, exclusion);
    xml("DescribeVpcBlockPublicAccessExclusions", &all)
}

/// Answers DescribeInstanceStatus for one instance.
pub(crate) fn instance_status(state: &State, body: &str) -> Response<Body> {
    let ids = numbered(&parameters(body), "InstanceId");
    let found = state.instances.iter().filter(|instance| ids.contains(&instance.id));
    let status = |instance: &Instance| {
        let usual = if instance.state == "running" { ["ok"; 3] } else { ["not-applicable"; 3] };
        let [system, own, ebs] = state.network.status.get(&instance.id).copied().unwrap_or(usual);
        let part = |name: &str, status: &str| format!("<{name}>{}</{name}>", element("status", status));
        element("instanceId", &instance.id)
            + &part("systemStatus", system)
            + &part("instanceStatus", own)
            + &part("attachedEbsStatus", ebs)
    };
    xml("DescribeInstanceStatus", &items("instanceStatusSet", found, status))
}

/// Answers DescribeKeyPairs; as in EC2, an unknown name is an error.
pub(crate) fn describe_key_pairs(state: &State, body: &str) -> Response<Body> {
    let names = numbered(&parameters(body), "KeyName");
    let found: Vec<_> = state.network.key_pairs.iter().filter(|(name, _)| names.contains(name)).collect();
    if found.len() < names.len() {
        return error(400, "InvalidKeyPair.NotFound", "The key pair does not exist", false);
    }
    let pair = |(name, fingerprint): &(String, String)| {
        let kind = if fingerprint.contains(':') { "rsa" } else { "ed25519" };
        element("keyName", name) + &element("keyFingerprint", fingerprint) + &element("keyType", kind)
    };
    xml("DescribeKeyPairs", &items("keySet", found, pair))
}

fn filter(body: &str, name: &str) -> Vec<String> {
    filters(&parameters(body)).into_iter().filter(|(key, _)| key == name).flat_map(|(_, values)| values).collect()
}
