//! The address that a direct connection dials.

use crate::config::{AddressKind, Via};
use crate::diagnose::cause::Cause;
use crate::diagnose::check::Verdict;
use crate::facts::{Facts, Reach};

pub(super) fn address(facts: &Facts) -> Verdict {
    let plan = &facts.plan;
    match &facts.reach {
        Reach::NoNetwork { peer, detail } => {
            return Verdict::failed(Cause::NoNetworkHere { address: peer.ip() }, [format!("{peer}: {detail}")]);
        }
        Reach::NotTried if !matches!(plan.via, Via::Auto | Via::Direct) => {
            return Verdict::Irrelevant(format!("the way is set: {}", plan.via));
        }
        _ => {}
    }
    let dialed: Vec<String> = plan.addresses.iter().map(ToString::to_string).collect();
    let is_meant = plan.address_kind == AddressKind::Private || plan.typed_address.is_some();
    if !facts.is_private_way() || facts.gets_through() || facts.is_inside() || is_meant {
        return Verdict::Passed(dialed.join(", "));
    }
    let subnet_id = facts.subnet_id();
    let subnet = facts.subnets.known().and_then(|all| all.iter().find(|one| Some(one.id.as_str()) == subnet_id));
    let mut because = vec![match dialed.first() {
        Some(address) => format!("its only address is {address}, which does not answer from here"),
        None => "it has no address".to_owned(),
    }];
    match subnet {
        Some(subnet) if subnet.is_ipv6_only => because.push(format!("{} has IPv6 only", subnet.id)),
        Some(subnet) if !subnet.assigns_public_ip => {
            because.push(format!("{} gives instances no public address at their launch", subnet.id));
        }
        _ => {}
    }
    let cause = Cause::PrivateOnly {
        subnet: subnet_id.map(str::to_owned),
        assigns_public_ip: subnet.map(|subnet| subnet.assigns_public_ip),
    };
    Verdict::failed(cause, because)
}
