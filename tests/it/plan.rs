//! From what was typed and found to the plan.

use std::path::PathBuf;

use ec2ssh::aws::model::{Account, Image, Instance};
use ec2ssh::config::{AddressKind, HostKeys, Options, Via};
use ec2ssh::plan::{Authorization, Error, LoginSource, Plan, Request, addresses, login_by_image, plan};

fn request(typed: &str, options: Options, configured: Options) -> Request {
    Request { target: typed.parse().unwrap(), typed: options, configured }
}

fn full() -> Instance {
    Instance {
        id: "i-0123456789abcdef0".into(),
        public_ip: Some("54.1.2.3".parse().unwrap()),
        private_ip: Some("10.0.0.7".parse().unwrap()),
        ipv6: vec!["2600:1f10::1".parse().unwrap()],
        public_dns: Some("ec2-54-1-2-3.compute-1.amazonaws.com".into()),
        ..Instance::default()
    }
}

fn text(instance: &Instance, kind: AddressKind) -> Vec<String> {
    addresses(instance, kind).iter().map(ToString::to_string).collect()
}

#[test]
fn addresses_are_in_the_order_of_the_way_there() {
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

fn planned(request: &Request, instance: Instance) -> Result<Plan, Error> {
    let login = request.user().unwrap_or_else(|| login_by_image(None));
    plan(request, Account::default(), instance, login)
}

#[test]
fn what_is_typed_wins_over_the_config_and_the_config_over_the_image() {
    let options = |user: &str| Options { user: Some(user.into()), ..Options::default() };
    let none = Options::default;
    let table = [
        ("alice@web", options("bob"), options("carol"), "alice", LoginSource::Typed),
        ("web", options("bob"), options("carol"), "bob", LoginSource::Typed),
        ("web", none(), options("carol"), "carol", LoginSource::Config),
        ("web", none(), none(), "ec2-user", LoginSource::Fallback),
    ];
    for (typed, options, configured, user, source) in table {
        let plan = planned(&request(typed, options, configured), full()).unwrap();
        assert_eq!((plan.login.user.as_str(), plan.login.source), (user, source));
    }
}

#[test]
fn the_port_is_the_targets_then_the_options_then_22() {
    let with = |port| Options { port, ..Options::default() };
    let port = |typed: &str, options, configured| {
        planned(&request(typed, with(options), with(configured)), full()).unwrap().port
    };
    assert_eq!(port("web:1", Some(2), Some(3)), 1);
    assert_eq!(port("web", Some(2), Some(3)), 2);
    assert_eq!(port("web", None, Some(3)), 3);
    assert_eq!(port("web", None, None), 22);
}

#[test]
fn an_identity_means_that_nothing_is_pushed() {
    let identity = Options { identity: Some("k.pem".into()), host_keys: Some(HostKeys::Strict), ..Options::default() };
    let plan = planned(&request("web", identity, Options::default()), full()).unwrap();
    assert_eq!(plan.authorization, Authorization::KeyFile(PathBuf::from("k.pem")));
    assert_eq!(plan.host_keys, HostKeys::Strict);
    let plan = planned(&request("web", Options::default(), Options::default()), full()).unwrap();
    assert_eq!(plan.authorization, Authorization::Push);
}

#[test]
fn without_an_address_there_is_no_direct_plan() {
    let with = |via, address| {
        let options = Options { via, address, ..Options::default() };
        planned(&request("web", options, Options::default()), Instance::default())
    };
    let error = with(Some(Via::Direct), None).unwrap_err();
    assert!(matches!(error, Error::NoAddress(_, AddressKind::Auto)));
    let error = with(None, Some(AddressKind::Public)).unwrap_err();
    assert!(matches!(error, Error::NoAddress(_, AddressKind::Public)));
    // Session Manager needs none.
    assert_eq!(with(None, None).unwrap().addresses, []);
    with(Some(Via::Eice), Some(AddressKind::Private)).unwrap();
}

#[test]
fn the_routes_are_tried_in_an_order_that_begins_with_what_worked() {
    use ec2ssh::plan::route::Route::{self, Direct, Eice, Ssm};
    let one = [ec2ssh::plan::Address::Ip("10.0.0.1".parse().unwrap())];
    let table: &[(Via, bool, Option<Route>, &[Route])] = &[
        (Via::Auto, true, None, &[Direct, Eice, Ssm]),
        (Via::Auto, false, None, &[Eice, Ssm]),
        (Via::Auto, true, Some(Ssm), &[Ssm, Direct, Eice]),
        (Via::Auto, true, Some(Direct), &[Direct, Eice, Ssm]),
        // It had an address then.
        (Via::Auto, false, Some(Direct), &[Eice, Ssm]),
        (Via::Direct, true, Some(Ssm), &[Direct]),
        (Via::Eice, true, None, &[Eice]),
        (Via::Ssm, false, Some(Eice), &[Ssm]),
    ];
    for (via, has_address, last, expected) in table {
        let addresses = if *has_address { &one[..] } else { &[] };
        assert_eq!(ec2ssh::plan::route::order(*via, addresses, *last), *expected, "{via} {has_address} {last:?}");
    }
}

#[test]
fn the_printed_plan_says_everything_and_hides_control_characters() {
    let image = Image { name: "ubuntu/images/hvm\u{1b}[31m".into(), ..Image::default() };
    let instance = Instance { name: Some("evil\u{1b}]0;pwned\u{7}".into()), ..full() };
    let account = Account { region: "eu-west-1".into(), profile: Some("prod".into()) };
    let made =
        plan(&request("web", Options::default(), Options::default()), account, instance, login_by_image(Some(&image)));
    insta::assert_snapshot!(made.unwrap());
}
