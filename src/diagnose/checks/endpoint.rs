//! The way through an EC2 Instance Connect Endpoint: its state, its way out, and the instance's way in
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/eice-security-groups.html>).

use std::net::IpAddr;

use crate::config::Via;
use crate::diagnose::admission::{Admission, Other, groups_admit};
use crate::diagnose::cause::Cause;
use crate::diagnose::check::{Problem, Verdict};
use crate::facts::{Fact, Facts, is_private};
use crate::plan::endpoint::{ChosenEndpoint, ENDPOINT_PORTS, EndpointError, choose};

fn chosen(facts: &Facts) -> Option<Result<ChosenEndpoint, EndpointError>> {
    let plan = &facts.plan;
    let is_named = plan.tunnel.endpoint_id.is_some();
    let all = facts.endpoints.known()?;
    Some(choose(all, &plan.instance, plan.address_kind, plan.typed_address, is_named))
}

pub(super) fn endpoint(facts: &Facts) -> Verdict {
    let plan = &facts.plan;
    let is_wanted = plan.via == Via::Eice;
    if !is_wanted && plan.via != Via::Auto {
        return Verdict::Irrelevant(format!("the way is set: {}", plan.via));
    }
    if !ENDPOINT_PORTS.contains(&plan.port) {
        let why = format!("endpoints reach ports 22 and 3389, not {}", plan.port);
        let cause = Cause::EndpointPort { port: plan.port };
        return if is_wanted { Verdict::failed(cause, [why]) } else { Verdict::Irrelevant(why) };
    }
    match chosen(facts) {
        None => Verdict::unknown(&facts.endpoints),
        Some(Ok(chosen)) => Verdict::Passed(chosen.to_string()),
        Some(Err(error)) => {
            let because = [error.to_string()];
            match error {
                EndpointError::NotFound(_) if !is_wanted => Verdict::Irrelevant(because.concat()),
                EndpointError::NotFound(_) => {
                    Verdict::failed(Cause::NoEndpoint { subnet: plan.instance.subnet_id.clone() }, because)
                }
                EndpointError::Unusable { id, state } => {
                    Verdict::failed(Cause::EndpointState { endpoint: id, state }, because)
                }
                EndpointError::NoReachableAddress { id, .. } => {
                    Verdict::failed(Cause::EndpointFamily { endpoint: id }, because)
                }
            }
        }
    }
}

/// Judges the endpoint's groups: their rules for traffic that leaves count, those for traffic that enters do not.
pub(super) fn egress(facts: &Facts) -> Verdict {
    let (Some(Ok(chosen)), port) = (chosen(facts), facts.plan.port) else {
        return Verdict::Irrelevant("there is no endpoint".to_owned());
    };
    let groups = chosen.endpoint.group_ids;
    if groups.is_empty() {
        return Verdict::Unknown(format!("the security groups of {} are not shown", chosen.endpoint.id));
    }
    let Some(rules) = facts.group_rules.known() else { return Verdict::unknown(&facts.group_rules) };
    let own = groups_of(facts, chosen.address);
    let networks = [ipnet::IpNet::from(chosen.address)];
    let verdict = groups_admit(rules, &groups, (true, port), Other::Member(&own, &networks), &facts.prefix_lists);
    match verdict {
        Admission::Allowed(rule) => Verdict::Passed(format!("port {port} is open to {rule}")),
        Admission::Denied(_) => {
            let because =
                [format!("no outbound rule of {} leads to {} on port {port}", groups.join(", "), chosen.address)];
            Verdict::failed(Cause::EndpointEgress { groups, address: chosen.address, port }, because)
        }
        Admission::Partial(what) | Admission::Unknown(what) => Verdict::Unknown(what),
    }
}

pub(super) fn ingress(facts: &Facts) -> Verdict {
    let (Some(Ok(chosen)), port) = (chosen(facts), facts.plan.port) else {
        return Verdict::Irrelevant("there is no endpoint".to_owned());
    };
    let (endpoint, address) = (chosen.endpoint, chosen.address);
    let Some(rules) = facts.group_rules.known() else { return Verdict::unknown(&facts.group_rules) };
    let groups = groups_of(facts, address);
    if groups.is_empty() {
        return Verdict::unknown(&facts.details);
    }
    let subnets = facts.subnets.known().map(Vec::as_slice).unwrap_or_default();
    let subnet = subnets.iter().find(|subnet| Some(&subnet.id) == endpoint.subnet_id.as_ref());
    let networks = subnet.map(|subnet| subnet.networks.clone()).unwrap_or_default();
    let other = match (endpoint.preserves_client_ip, facts.caller.address) {
        (false, _) => Other::Member(&endpoint.group_ids, &networks),
        // The endpoint sees the address that its own connection comes from, which is none of a private network.
        (true, Some(caller)) if caller.is_ipv4() && !is_private(caller) => Other::Address(caller),
        (true, _) => Other::SomeAddress { v6: false },
    };
    match groups_admit(rules, &groups, (false, port), other, &facts.prefix_lists) {
        Admission::Allowed(rule) => Verdict::Passed(format!("port {port} is open to {rule}")),
        Admission::Denied(_) if !endpoint.preserves_client_ip && networks.is_empty() => match &facts.subnets {
            Fact::Known(_) => Verdict::Unknown("the network of the endpoint's subnet is not shown".to_owned()),
            gap => Verdict::unknown(gap),
        },
        Admission::Denied(_) => {
            let because = if endpoint.preserves_client_ip {
                format!(
                    "{} keeps the client's address, and no rule of {} admits it on port {port}",
                    endpoint.id,
                    groups.join(", ")
                )
            } else {
                format!("no rule of {} admits {} on port {port}", groups.join(", "), endpoint.id)
            };
            let peer_group = endpoint.group_ids.first().filter(|_| !endpoint.preserves_client_ip).cloned();
            let cause = Cause::EndpointNotAdmitted {
                groups,
                endpoint: endpoint.id,
                peer_group,
                preserves_client_ip: endpoint.preserves_client_ip,
                port,
            };
            Verdict::Failed(Problem { cause, because: vec![because] })
        }
        Admission::Partial(what) | Admission::Unknown(what) => Verdict::Unknown(what),
    }
}

/// Returns the groups of the interface with this address.
fn groups_of(facts: &Facts, address: IpAddr) -> Vec<String> {
    let interfaces = facts.details.known().map(|details| details.interfaces.as_slice()).unwrap_or_default();
    let carrier = interfaces.iter().find(|interface| interface.addresses.contains(&address));
    let groups = carrier.or(interfaces.first()).map(|interface| interface.groups.as_slice()).unwrap_or_default();
    groups.iter().map(|group| group.id.clone()).collect()
}
