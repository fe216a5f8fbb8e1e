//! The security groups of the interface that has the address.

use super::network::{caller, other_side};
use crate::aws::model::network::GroupRule;
use crate::diagnose::admission::{Admission, Other, PrefixLists, describe, groups_admit};
use crate::diagnose::cause::Cause;
use crate::diagnose::check::{Problem, Verdict};
use crate::facts::{Caller, CallerSource, Facts, GroupFacts};
use crate::plan::RoutePlan;

pub(super) fn admitted(facts: &Facts) -> Verdict {
    if facts.gets_through() {
        return Verdict::Passed("packets get through".to_owned());
    }
    let (Some(details), Some(rules)) = (facts.details.known(), facts.group_rules.known()) else {
        return if facts.details.known().is_none() {
            Verdict::unknown(&facts.details)
        } else {
            Verdict::unknown(&facts.group_rules)
        };
    };
    let groups: Vec<String> = match facts.interface() {
        Some(interface) => interface.groups.iter().map(|group| group.id.clone()).collect(),
        None => return Verdict::Unknown(format!("{} interfaces are shown", details.interfaces.len())),
    };
    let port = facts.plan.port;
    let cause = |caller| Cause::GroupsClosed { groups: groups.clone(), caller, port };
    match groups_admit(rules, &groups, (false, port), other_side(facts), &facts.prefix_lists) {
        Admission::Allowed(rule) => Verdict::Passed(format!("port {port} is open to {rule}")),
        Admission::Denied(_) => match caller(facts) {
            Some(address) => {
                let because = vec![open_to(rules, &groups, port), source(facts)];
                let problem = Problem { cause: cause(Some(address)), because };
                if facts.caller.is_certain() { Verdict::Failed(problem) } else { Verdict::Suspect(problem) }
            }
            None => Verdict::failed(cause(None), [open_to(rules, &groups, port)]),
        },
        Admission::Partial(what) => {
            Verdict::Unknown(format!("unknown from here: port {port} is open to {what}; {}", source(facts)))
        }
        Admission::Unknown(what) => Verdict::Unknown(format!("unknown: {what}")),
    }
}

/// Judges the groups behind a connection that got no answer: a problem only where they are known not to admit the caller.
pub(in crate::diagnose) fn closed_groups(plan: &RoutePlan, facts: &GroupFacts) -> Option<Problem> {
    let GroupFacts { details, rules, caller, peer } = facts;
    let address = caller.address.filter(|address| address.is_ipv6() == peer.is_ipv6() && caller.is_certain())?;
    let interface =
        details.interfaces.iter().find(|one| one.addresses.contains(peer)).or(details.interfaces.first())?;
    let groups: Vec<String> = interface.groups.iter().map(|group| group.id.clone()).collect();
    let (port, other) = (plan.port, Other::Address(address));
    match groups_admit(rules, &groups, (false, port), other, &PrefixLists::new()) {
        Admission::Denied(_) => {
            let because = vec![open_to(rules, &groups, port), source_of(caller)];
            Some(Problem { cause: Cause::GroupsClosed { groups, caller: Some(address), port }, because })
        }
        _ => None,
    }
}

/// The number of rules that are listed.
const MAX_LISTED: usize = 5;

/// Says to whom the port is open.
fn open_to(rules: &[GroupRule], groups: &[String], port: u16) -> String {
    let own = |rule: &&GroupRule| !rule.is_egress && rule.transport.has(port) && groups.contains(&rule.group_id);
    let peers: Vec<String> = rules.iter().filter(own).map(|rule| describe(&rule.peer)).collect();
    let more = if peers.len() > MAX_LISTED { " and others" } else { "" };
    match &peers[..] {
        [] => format!("no inbound rule is for TCP port {port}"),
        peers => {
            format!(
                "port {port} is open to {}{more} only",
                peers.iter().take(MAX_LISTED).cloned().collect::<Vec<_>>().join(", ")
            )
        }
    }
}

/// Says where the caller's address is from.
fn source(facts: &Facts) -> String {
    source_of(&facts.caller)
}

fn source_of(caller: &Caller) -> String {
    let address = caller.address.map_or("your address".to_owned(), |address| address.to_string());
    match &caller.source {
        CallerSource::Given => format!("{address} is the address that was given"),
        CallerSource::Local => format!("{address} is this machine's address"),
        CallerSource::Service { url, by_proxy: false } => format!("{address} is your address according to {url}"),
        CallerSource::Service { url, by_proxy: true } => {
            format!(
                "{address} is your address according to {url}, asked through a proxy; SSH may come from another one"
            )
        }
        CallerSource::Unknown(why) => format!("your address is not known: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::model::details::{Details, Group, Interface};
    use crate::testing::route_plan;

    /// An address that a proxy was asked for may not be the one that SSH comes from, so no group is blamed by it.
    #[test]
    fn group_is_blamed_for_a_certain_address_only() {
        let group = Group { id: "sg-1".to_owned(), name: String::new() };
        let interface = Interface { groups: vec![group], ..Interface::default() };
        let facts = |source| GroupFacts {
            details: Details { interfaces: vec![interface.clone()], ..Details::default() },
            rules: Vec::new(),
            caller: Caller { address: Some("203.0.113.7".parse().unwrap()), source },
            peer: "192.0.2.1".parse().unwrap(),
        };
        let blamed = |source| closed_groups(&route_plan(), &facts(source)).is_some();
        let service = |by_proxy| CallerSource::Service { url: "https://checkip.test".to_owned(), by_proxy };
        assert!(blamed(CallerSource::Local) && blamed(service(false)));
        assert!(!blamed(service(true)));
    }
}
