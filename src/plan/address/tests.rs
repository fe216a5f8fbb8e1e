//! Tests of the order of the addresses.

use super::addresses;
use crate::aws::model::Instance;
use crate::config::AddressKind;
use crate::testing::instance;

fn full() -> Instance {
    Instance {
        public_ip: Some("54.1.2.3".parse().unwrap()),
        private_ip: Some("10.0.0.7".parse().unwrap()),
        ipv6: vec!["2600:1f10::1".parse().unwrap()],
        public_dns: Some("ec2-54-1-2-3.compute-1.amazonaws.com".into()),
        ..instance()
    }
}

fn text(instance: &Instance, kind: AddressKind) -> Vec<String> {
    addresses(instance, kind).iter().map(ToString::to_string).collect()
}

#[test]
fn addresses_are_ordered_by_preference() {
    use AddressKind::{Auto, Ipv6, Private, Public};
    let name = "ec2-54-1-2-3.compute-1.amazonaws.com";
    let nameless = Instance { public_dns: None, ..full() };
    let ipv6_only = Instance { public_ip: None, public_dns: None, private_ip: None, ..full() };
    let private = Instance { public_ip: None, public_dns: None, ipv6: vec![], ..full() };
    assert_eq!(text(&full(), Auto), [name, "2600:1f10::1"]);
    assert_eq!(text(&nameless, Auto), ["54.1.2.3", "2600:1f10::1"]);
    assert_eq!(text(&ipv6_only, Auto), ["2600:1f10::1"]);
    assert_eq!(text(&private, Auto), ["10.0.0.7"]);
    assert_eq!(text(&full(), Public), [name]);
    assert_eq!(text(&full(), Private), ["10.0.0.7"]);
    assert_eq!(text(&full(), Ipv6), ["2600:1f10::1"]);
    assert!(text(&private, Public).is_empty());
    assert!(text(&Instance::default(), Auto).is_empty());
}
