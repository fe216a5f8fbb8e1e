//! Tests of the choice of an endpoint.

use std::net::IpAddr;

use super::{EndpointError, Nearness, choose};
use crate::aws::model::{AddressType, Endpoint, Instance};
use crate::config::AddressKind;

fn instance() -> Instance {
    Instance {
        id: "i-0123456789abcde01".to_owned(),
        private_ip: Some("10.0.0.5".parse().unwrap()),
        ipv6: vec!["2600::5".parse().unwrap()],
        vpc_id: Some("vpc-1".to_owned()),
        subnet_id: Some("subnet-1".to_owned()),
        zone: Some("eu-west-1a".to_owned()),
        ..Instance::default()
    }
}

fn endpoint(id: &str, state: &str, subnet: &str, zone: &str, address_type: AddressType) -> Endpoint {
    Endpoint {
        id: id.to_owned(),
        state: state.to_owned(),
        host: Some(format!("{id}.test")),
        vpc_id: Some("vpc-1".to_owned()),
        subnet_id: Some(subnet.to_owned()),
        zone: Some(zone.to_owned()),
        address_type,
        ..Endpoint::default()
    }
}

#[test]
fn the_nearest_usable_endpoint_is_chosen() {
    use AddressType::{DualStack, Ipv4, Ipv6};
    let far = endpoint("eice-f", "create-complete", "subnet-9", "eu-west-1c", Ipv4);
    let zone = endpoint("eice-z", "update-failed", "subnet-8", "eu-west-1a", Ipv4);
    let same = endpoint("eice-s", "update-in-progress", "subnet-1", "eu-west-1a", Ipv4);
    let broken = endpoint("eice-b", "create-failed", "subnet-1", "eu-west-1a", Ipv4);
    let coming = endpoint("eice-c", "create-in-progress", "subnet-1", "eu-west-1a", Ipv4);
    let going = endpoint("eice-g", "delete-in-progress", "subnet-1", "eu-west-1a", DualStack);
    let only6 = endpoint("eice-6", "create-complete", "subnet-1", "eu-west-1a", Ipv6);
    let dual = endpoint("eice-d", "update-complete", "subnet-1", "eu-west-1a", DualStack);
    let v4: IpAddr = "10.0.0.5".parse().unwrap();
    let v6: IpAddr = "2600::5".parse().unwrap();
    let table: &[(&[&Endpoint], AddressKind, &str, IpAddr, Nearness)] = &[
        (&[&far, &zone, &same], AddressKind::Auto, "eice-s", v4, Nearness::Subnet),
        (&[&far, &zone, &broken, &coming, &going], AddressKind::Auto, "eice-z", v4, Nearness::Zone),
        (&[&far, &broken], AddressKind::Auto, "eice-f", v4, Nearness::Vpc),
        (&[&only6, &far], AddressKind::Private, "eice-f", v4, Nearness::Vpc),
        (&[&only6, &far], AddressKind::Auto, "eice-6", v6, Nearness::Subnet),
        (&[&dual], AddressKind::Auto, "eice-d", v4, Nearness::Subnet),
        (&[&dual], AddressKind::Ipv6, "eice-d", v6, Nearness::Subnet),
        (&[&same, &only6], AddressKind::Ipv6, "eice-6", v6, Nearness::Subnet),
    ];
    for (endpoints, kind, id, address, nearness) in table {
        let all: Vec<Endpoint> = endpoints.iter().map(|one| (*one).clone()).collect();
        let mut turned = all.clone();
        turned.reverse();
        for all in [all, turned] {
            let chosen = choose(&all, &instance(), *kind, None, false).unwrap();
            assert_eq!((&*chosen.endpoint.id, chosen.address, chosen.nearness), (*id, *address, *nearness), "{all:?}");
        }
    }
    let named = choose(std::slice::from_ref(&far), &instance(), AddressKind::Auto, None, true).unwrap();
    assert_eq!(named.nearness, Nearness::Named);
}

/// Having no endpoint, one in an unusable state, and one of the wrong address type are different errors.
#[test]
fn reasons_for_no_usable_endpoint_differ() {
    let broken = endpoint("eice-b", "delete-in-progress", "subnet-1", "eu-west-1a", AddressType::Ipv4);
    let only6 = endpoint("eice-6", "create-complete", "subnet-1", "eu-west-1a", AddressType::Ipv6);
    let no6 = Instance { ipv6: Vec::new(), ..instance() };
    assert_eq!(
        choose(&[], &no6, AddressKind::Auto, None, false),
        Err(EndpointError::NotFound(Some("vpc-1".to_owned())))
    );
    let state = choose(std::slice::from_ref(&broken), &no6, AddressKind::Auto, None, false).unwrap_err();
    assert_eq!(state.to_string(), "eice-b is in state delete-in-progress");
    let family = choose(&[broken, only6], &no6, AddressKind::Auto, None, false).unwrap_err();
    assert_eq!(family.to_string(), "eice-6 cannot reach any address of i-0123456789abcde01");
}

#[test]
fn choice_and_errors_are_displayed_safely() {
    let far = endpoint("eice-\u{1b}f", "create-complete", "subnet-9", "eu-west-1c", AddressType::Ipv4);
    let shown =
        |named| choose(std::slice::from_ref(&far), &instance(), AddressKind::Auto, None, named).unwrap().to_string();
    assert_eq!(shown(false), r"eice-\u{1b}f (in the instance's VPC) to 10.0.0.5");
    assert_eq!(shown(true), r"eice-\u{1b}f (requested by id) to 10.0.0.5");
    let names = [Nearness::Subnet, Nearness::Zone].map(|nearness| nearness.to_string());
    assert_eq!(names, ["in the instance's subnet", "in the instance's zone"]);
    let none = |vpc: Option<&str>| EndpointError::NotFound(vpc.map(str::to_owned)).to_string();
    assert_eq!(none(Some("vpc-1\u{7}")), r"no EC2 Instance Connect Endpoint found in vpc-1\u{7}");
    assert_eq!(none(None), "no EC2 Instance Connect Endpoint found");
}

/// An address of another interface than the first is reached if it was typed.
#[test]
fn typed_private_address_is_reached() {
    let second: std::net::Ipv4Addr = "10.0.1.5".parse().unwrap();
    let instance = Instance { other_private_ips: vec![second], ..instance() };
    let endpoint =
        Endpoint { state: "create-complete".to_owned(), vpc_id: instance.vpc_id.clone(), ..Endpoint::default() };
    let address = |typed: Option<&str>| {
        let typed = typed.map(|ip| ip.parse().unwrap());
        choose(std::slice::from_ref(&endpoint), &instance, AddressKind::Auto, typed, false).unwrap().address.to_string()
    };
    assert_eq!(address(None), "10.0.0.5");
    assert_eq!(address(Some("10.0.1.5")), "10.0.1.5");
    assert_eq!(address(Some("54.1.2.3")), "10.0.0.5");
    // Over a dual-stack endpoint an IPv6 address is reached as it was typed.
    let dual = Endpoint { address_type: AddressType::DualStack, ..endpoint.clone() };
    let instance = Instance { ipv6: vec!["2600::5".parse().unwrap(), "2600::6".parse().unwrap()], ..instance.clone() };
    let typed = Some("2600::6".parse().unwrap());
    let chosen = choose(&[dual], &instance, AddressKind::Auto, typed, false).unwrap();
    assert_eq!(chosen.address.to_string(), "2600::6");
}
