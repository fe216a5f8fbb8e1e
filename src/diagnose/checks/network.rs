//! The subnet's side of the way: route table, VPC Block Public Access, network ACL.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::aws::model::network::{BlockPublicAccess, RouteTable};
use crate::diagnose::admission::{Admission, Other, acl_admits};
use crate::diagnose::cause::Cause;
use crate::diagnose::check::{Problem, Verdict};
use crate::facts::{Fact, Facts};

/// The ports that answers go to: those that systems take for connections of their own
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html>, ephemeral ports).
const EPHEMERAL: std::ops::RangeInclusive<u16> = 1024..=65_535;

/// Returns the verdict where packets get through, whatever the rules say.
fn seen(facts: &Facts) -> Option<Verdict> {
    facts.gets_through().then(|| Verdict::Passed("packets get through".to_owned()))
}

/// Whether the way is by IPv6.
pub(super) fn is_ipv6(facts: &Facts) -> bool {
    let planned = || facts.plan.instance.public_ip.is_none() && !facts.plan.instance.ipv6.is_empty();
    facts.reach.address().map_or_else(planned, |address| address.is_ipv6())
}

/// Returns the caller's address, if it is of the family of the way.
pub(crate) fn caller(facts: &Facts) -> Option<IpAddr> {
    facts.caller.address.filter(|address| address.is_ipv6() == is_ipv6(facts))
}

/// Returns the other side of the way as rules see it.
pub(super) fn other_side(facts: &Facts) -> Other<'static> {
    caller(facts).map_or(Other::SomeAddress { v6: is_ipv6(facts) }, Other::Address)
}

pub(super) fn route_table(facts: &Facts) -> Verdict {
    if let Some(seen) = seen(facts) {
        return seen;
    }
    let Some(tables) = facts.route_tables.known() else { return Verdict::unknown(&facts.route_tables) };
    let subnet = facts.subnet_id();
    let Some(table) = table_of(tables, subnet) else {
        return Verdict::Unknown(format!("no route table is shown{}", shared(facts)));
    };
    let anywhere: IpAddr = if is_ipv6(facts) { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let to = caller(facts).unwrap_or(anywhere);
    let whose = if table.is_main { ", the main one of the VPC" } else { "" };
    let shown = format!("{}{whose}", table.id);
    let is_private_way = facts.is_private_way();
    // The networks of a prefix list are not looked at.
    let has_lists = table.routes.iter().any(|route| route.destination.is_none());
    let Some(route) = table.route_to(to) else {
        if has_lists {
            return Verdict::Unknown(format!("{shown} has routes to prefix lists"));
        }
        let cause = Cause::NoRoute { table: table.id.clone(), subnet: subnet.map(str::to_owned) };
        return Verdict::failed(cause, [format!("{shown} has no route to {}", name(to))]);
    };
    let destination = route.destination.map_or(String::new(), |network| network.to_string());
    let line = format!("{shown}: {destination} -> {}", route.target);
    let (table, target) = (table.id.clone(), route.target.clone());
    if route.is_blackhole {
        let because = [format!("{line} (blackhole: {target} is gone)")];
        return Verdict::failed(Cause::Blackhole { table, target, destination }, because);
    }
    let is_outbound = target.starts_with("nat-") || target.starts_with("eigw-");
    if is_outbound && has_lists {
        return Verdict::Unknown(format!("{line}, beside routes to prefix lists"));
    }
    if !is_private_way && ["tgw-", "vgw-", "pcx-", "eni-"].iter().any(|kind| target.starts_with(kind)) {
        return Verdict::Unknown(format!("{line}: what lies behind it is not known"));
    }
    if is_outbound {
        return Verdict::failed(Cause::OutboundOnly { table, target, destination }, [line]);
    }
    Verdict::Passed(line)
}

fn name(to: IpAddr) -> String {
    if to.is_unspecified() { "the internet".to_owned() } else { to.to_string() }
}

/// Returns the subnet's own table, else the main one.
fn table_of<'a>(tables: &'a [RouteTable], subnet: Option<&str>) -> Option<&'a RouteTable> {
    let own = tables.iter().find(|table| subnet.is_some_and(|id| table.subnet_ids.iter().any(|own| own == id)));
    own.or_else(|| tables.iter().find(|table| table.is_main))
}

/// Says that a VPC belongs to another account, whose tables and ACLs a participant may not see.
fn shared(facts: &Facts) -> String {
    let subnets = facts.subnets.known().map(Vec::as_slice).unwrap_or_default();
    let owner =
        subnets.iter().find(|one| Some(one.id.as_str()) == facts.subnet_id()).and_then(|one| one.owner_id.as_ref());
    match (owner, facts.identity.known()) {
        (Some(owner), Some(identity)) if *owner != identity.account => {
            format!(": the subnet belongs to the account {owner}")
        }
        _ => String::new(),
    }
}

pub(super) fn public_access(facts: &Facts) -> Verdict {
    if let Some(seen) = seen(facts) {
        return seen;
    }
    if facts.is_private_way() {
        return Verdict::Irrelevant("the way does not lead over an internet gateway".to_owned());
    }
    let subnet = facts.subnet_id();
    let subnets = facts.subnets.known().map(Vec::as_slice).unwrap_or_default();
    let of_subnet =
        subnets.iter().find(|one| Some(one.id.as_str()) == subnet).and_then(|one| one.block_mode.as_deref());
    if of_subnet == Some("off") {
        return Verdict::Passed("off".to_owned());
    }
    let shared = shared(facts);
    if !shared.is_empty() {
        return Verdict::Unknown(format!("only its owner sees it{shared}"));
    }
    let (mode, exclusions) = match &facts.block_public_access {
        Fact::Known(access) if access.mode == "off" => return Verdict::Passed("off".to_owned()),
        Fact::Known(BlockPublicAccess { mode, exclusions: Some(exclusions) }) => (mode.as_str(), exclusions),
        Fact::Known(BlockPublicAccess { mode, exclusions: None }) => {
            let action = "ec2:DescribeVpcBlockPublicAccessExclusions";
            return Verdict::Unknown(format!(
                "its mode is {mode}, and its exclusions are not shown (not allowed: {action})"
            ));
        }
        gap => return Verdict::unknown(gap),
    };
    let is_own = |resource: &str| Some(resource) == subnet || Some(resource) == facts.plan.instance.vpc_id.as_deref();
    let excluded = exclusions.iter().find(|one| is_own(&one.resource) && one.mode == "allow-bidirectional");
    if let Some(exclusion) = excluded {
        return Verdict::Passed(format!("{mode}, and {} is excluded", exclusion.resource));
    }
    let cause = Cause::PublicAccessBlocked { mode: mode.to_owned(), subnet: subnet.map(str::to_owned) };
    let because = [format!(
        "its mode in {} is {mode}, and no exclusion lets this subnet's traffic in",
        facts.plan.account.region
    )];
    Verdict::failed(cause, because)
}

fn is_in_subnet(facts: &Facts, subnet: Option<&str>) -> bool {
    let subnets = facts.subnets.known().map(Vec::as_slice).unwrap_or_default();
    let own = subnets.iter().find(|one| Some(one.id.as_str()) == subnet);
    let networks = own.map(|subnet| subnet.networks.as_slice()).unwrap_or_default();
    caller(facts).is_some_and(|address| networks.iter().any(|network| network.contains(&address)))
}

pub(super) fn acl(facts: &Facts) -> Verdict {
    if let Some(seen) = seen(facts) {
        return seen;
    }
    let Some(acls) = facts.network_acls.known() else { return Verdict::unknown(&facts.network_acls) };
    let subnet = facts.subnet_id();
    let of_subnet = |ids: &[String]| subnet.is_some_and(|subnet| ids.iter().any(|id| id == subnet));
    let Some(acl) = acls.iter().find(|acl| of_subnet(&acl.subnet_ids)) else {
        return Verdict::Unknown(format!("no network ACL is shown{}", shared(facts)));
    };
    if is_in_subnet(facts, subnet) {
        return Verdict::Irrelevant("the caller is in the same subnet, within which no ACL counts".to_owned());
    }
    let (port, other) = (facts.plan.port, other_side(facts));
    let inbound = acl_admits(&acl.entries, false, port..=port, other);
    let outbound = acl_admits(&acl.entries, true, EPHEMERAL, other);
    let id = acl.id.clone();
    match (inbound, outbound) {
        (Admission::Denied(rule), _) => {
            let because = [format!("rule {rule} of {id} denies port {port} inbound")];
            Verdict::failed(Cause::AclInbound { acl: id, rule, port }, because)
        }
        (_, Admission::Denied(rule)) => {
            let because = [format!("rule {rule} of {id} denies the answers, which go to a port above 1023")];
            Verdict::failed(Cause::AclOutbound { acl: id, rule, allowed: None }, because)
        }
        (Admission::Unknown(why), _) | (_, Admission::Unknown(why)) => {
            Verdict::Unknown(format!("{why}, and the caller's address is not known"))
        }
        (_, Admission::Partial(ports)) => {
            let because = vec![format!("{id} lets answers out to {ports} only, and they go to a port above 1023")];
            Verdict::Suspect(Problem { cause: Cause::AclOutbound { acl: id, rule: 0, allowed: Some(ports) }, because })
        }
        (Admission::Allowed(inward), Admission::Allowed(outward)) => {
            Verdict::Passed(format!("{id}: {inward} inbound, {outward} outbound"))
        }
        (Admission::Partial(ports), _) => Verdict::Unknown(format!("{id} lets {ports} in")),
    }
}
