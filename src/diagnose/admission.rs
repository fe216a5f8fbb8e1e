//! Judges what security groups and network ACLs let through. Pure.
//!
//! Groups are lists of what is allowed, and stateful: answers always pass. ACLs are lists whose first match decides, and stateless: the
//! answers need a rule of their own.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;

use crate::aws::model::network::{AclEntry, GroupRule, Peer, Transport};
use crate::facts::Fact;

/// Whether traffic is let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The rule with this name allows it.
    Allowed(String),
    /// No rule allows it, or the one with this number denies it.
    Denied(i32),
    /// A part of it is allowed: the text says which.
    Partial(String),
    /// The facts do not tell; the text says which are missing.
    Unknown(String),
}

/// The other side of the traffic.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Other<'a> {
    /// An address that is known.
    Address(IpAddr),
    /// An address of this family that is not known.
    SomeAddress {
        /// Whether the family is IPv6.
        v6: bool,
    },
    /// A member of these groups, with an address in one of these networks.
    Member(&'a [String], &'a [IpNet]),
}

/// The networks of the prefix lists that rules name.
pub(crate) type PrefixLists = BTreeMap<String, Fact<Vec<IpNet>>>;

/// Judges one rule of a group by what it names; `None` where it is not about the other side.
fn matches_rule(rule: &GroupRule, other: Other<'_>, lists: &PrefixLists) -> Option<Admission> {
    let allowed = || Some(Admission::Allowed(format!("{} of {}", describe(&rule.peer), rule.group_id)));
    match &rule.peer {
        Peer::Network(network) => match in_network(*network, other) {
            Some(true) => allowed(),
            Some(false) => None,
            None => Some(Admission::Partial(format!("{network} of {}", rule.group_id))),
        },
        Peer::PrefixList(id) => match lists.get(id).unwrap_or(&Fact::NotAsked) {
            Fact::Known(networks) => {
                let all: Vec<Option<bool>> = networks.iter().map(|network| in_network(*network, other)).collect();
                match (all.contains(&Some(true)), all.contains(&None)) {
                    (true, _) => allowed(),
                    (false, true) => Some(Admission::Partial(format!("{id} of {}", rule.group_id))),
                    (false, false) => None,
                }
            }
            gap => Some(Admission::Unknown(format!("the entries of {id} ({})", gap.gap().unwrap_or_default()))),
        },
        // A group stands for the private addresses of its members.
        Peer::Group(id) => match other {
            Other::Member(groups, _) if groups.contains(id) => allowed(),
            Other::Address(address) if is_private(address) => {
                Some(Admission::Unknown(format!("whether this machine is a member of {id}")))
            }
            _ => None,
        },
        Peer::Unknown => Some(Admission::Unknown(format!("the rule {} of {}", rule.id, rule.group_id))),
    }
}

/// Whether the other side is in the network; `None` if only a part of it is.
fn in_network(network: IpNet, other: Other<'_>) -> Option<bool> {
    match other {
        Other::Address(address) => Some(network.contains(&address)),
        Other::SomeAddress { v6 } if matches!(network, IpNet::V6(_)) != v6 => Some(false),
        Other::SomeAddress { .. } => (network.prefix_len() == 0).then_some(true),
        Other::Member(_, theirs) => {
            let touches = |one: &IpNet| one.contains(&network) || network.contains(one);
            if theirs.iter().any(|one| network.contains(one)) {
                Some(true)
            } else if theirs.iter().any(touches) {
                None
            } else {
                Some(false)
            }
        }
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => crate::target::Selector::is_private(address),
        IpAddr::V6(_) => false,
    }
}

/// Returns the other side that a rule admits, for the user.
pub(crate) fn describe(peer: &Peer) -> String {
    match peer {
        Peer::Network(network) => network.to_string(),
        Peer::PrefixList(id) | Peer::Group(id) => id.clone(),
        Peer::Unknown => "a rule".to_owned(),
    }
}

/// Whether these groups let TCP to the port through, in this direction. Their rules are a union.
pub(crate) fn groups_admit(
    rules: &[GroupRule],
    groups: &[String],
    (is_egress, port): (bool, u16),
    other: Other<'_>,
    lists: &PrefixLists,
) -> Admission {
    let of_the_port = rules
        .iter()
        .filter(|rule| rule.is_egress == is_egress && rule.transport.has(port) && groups.contains(&rule.group_id));
    let found: Vec<Admission> = of_the_port.filter_map(|rule| matches_rule(rule, other, lists)).collect();
    let rank = |admission: &Admission| match admission {
        Admission::Allowed(_) => 0,
        Admission::Partial(_) => 1,
        Admission::Unknown(_) => 2,
        Admission::Denied(_) => 3,
    };
    found.into_iter().min_by_key(rank).unwrap_or(Admission::Denied(0))
}

/// Whether the ACL lets TCP between these ports and the address through, in this direction. An address that is not known is of this
/// family, and only rules for all addresses decide.
pub(crate) fn acl_admits(
    entries: &[AclEntry],
    is_egress: bool,
    ports: RangeInclusive<u16>,
    other: Other<'_>,
) -> Admission {
    let mut entries: Vec<&AclEntry> = entries.iter().filter(|entry| entry.is_egress == is_egress).collect();
    entries.sort_by_key(|entry| entry.number);
    let mut open = vec![ports.clone()];
    let mut allowed: Vec<RangeInclusive<u16>> = Vec::new();
    let (mut allowing, mut denying) = (None, None);
    for entry in entries {
        let theirs = match &entry.transport {
            Transport::All => 0..=u16::MAX,
            Transport::Tcp(ports) => ports.clone(),
            Transport::Other => continue,
        };
        let touched: Vec<_> = open.iter().filter_map(|ports| both(ports, &theirs)).collect();
        if touched.is_empty() {
            continue;
        }
        match in_network(entry.network, other) {
            Some(true) => {}
            Some(false) => continue,
            None => return Admission::Unknown(format!("rule {} is for {}", entry.number, entry.network)),
        }
        open = open.iter().flat_map(|ports| without(ports, &theirs)).collect();
        if entry.allows {
            allowing = allowing.or(Some(entry.number));
            allowed.extend(touched);
        } else {
            denying = denying.or(Some(entry.number));
        }
    }
    // What no rule matches is denied by the last one, which has no number of its own here.
    let denying = denying.or((!open.is_empty()).then_some(i32::from(i16::MAX)));
    match (allowing, denying) {
        (Some(rule), None) => Admission::Allowed(format!("rule {rule}")),
        (Some(_), Some(_)) => {
            let ranges = allowed.iter().map(|ports| format!("{}-{}", ports.start(), ports.end()));
            Admission::Partial(format!("ports {}", ranges.collect::<Vec<_>>().join(", ")))
        }
        (None, rule) => Admission::Denied(rule.unwrap_or(i32::from(i16::MAX))),
    }
}

fn both(a: &RangeInclusive<u16>, b: &RangeInclusive<u16>) -> Option<RangeInclusive<u16>> {
    let (start, end) = (*a.start().max(b.start()), *a.end().min(b.end()));
    (start <= end).then_some(start..=end)
}

fn without(from: &RangeInclusive<u16>, cut: &RangeInclusive<u16>) -> Vec<RangeInclusive<u16>> {
    let below = cut.start().checked_sub(1).and_then(|end| both(from, &(0..=end)));
    let above = cut.end().checked_add(1).and_then(|start| both(from, &(start..=u16::MAX)));
    if both(from, cut).is_none() { vec![from.clone()] } else { below.into_iter().chain(above).collect() }
}

#[cfg(test)]
mod tests;
