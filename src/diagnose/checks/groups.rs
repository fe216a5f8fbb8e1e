//! The security groups of the interface that has the address.

use super::network::{caller, other_side};
use super::unknown;
use crate::diagnose::admission::{Admission, groups_admit};
use crate::diagnose::cause::Cause;
use crate::diagnose::check::{Problem, Verdict};
use crate::facts::{CallerSource, Facts};

pub(super) fn admitted(facts: &Facts) -> Verdict {
    if facts.gets_through() {
        return Verdict::Passed("packets get through".to_owned());
    }
    let (Some(details), Some(rules)) = (facts.details.known(), facts.group_rules.known()) else {
        return if facts.details.known().is_none() { unknown(&facts.details) } else { unknown(&facts.group_rules) };
    };
    let groups: Vec<String> = match facts.interface() {
        Some(interface) => interface.groups.iter().map(|group| group.id.clone()).collect(),
        None => return Verdict::Unknown(format!("{} interfaces are shown", details.interfaces.len())),
    };
    let port = facts.plan.port;
    let listed = groups.join(", ");
    let cause = |caller| Cause::GroupsClosed { groups: groups.clone(), caller, port };
    match groups_admit(rules, &groups, (false, port), other_side(facts), &facts.prefix_lists) {
        Admission::Allowed(rule) => Verdict::Passed(format!("port {port} is open to {rule}")),
        Admission::Denied(_) => match caller(facts) {
            Some(address) => {
                let because = vec![format!("no rule of {listed} admits {address} on port {port}"), source(facts)];
                Verdict::Failed(Problem { cause: cause(Some(address)), because })
            }
            None => Verdict::failed(cause(None), [format!("no rule of {listed} admits anybody on port {port}")]),
        },
        Admission::Partial(what) => {
            Verdict::Unknown(format!("unknown from here: port {port} is open to {what}; {}", source(facts)))
        }
        Admission::Unknown(what) => Verdict::Unknown(format!("unknown: {what}")),
    }
}

/// Says where the caller's address is from.
pub(crate) fn source(facts: &Facts) -> String {
    let address = facts.caller.address.map_or("your address".to_owned(), |address| address.to_string());
    match &facts.caller.source {
        CallerSource::Given => format!("{address} is the address that was given"),
        CallerSource::Local => format!("{address} is this machine's address"),
        CallerSource::Service(url) => format!("{address} is your address according to {url}"),
        CallerSource::Unknown(why) => format!("your address is not known: {why}"),
    }
}
