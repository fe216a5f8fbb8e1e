//! Tests of the plan that follows from the target, the options, the config file and the instance.

use std::path::PathBuf;

use ec2ssh::aws::model::{Account, Image, Instance};
use ec2ssh::config::{AddressKind, HostKeyPolicy, Options, Via};
use ec2ssh::plan::{Authorization, Error, LoginSource, Plan, Request, addresses, default_login_user, plan};

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

fn planned(request: &Request, instance: Instance) -> Result<Plan, Error> {
    let login = request.user().unwrap_or_else(|| default_login_user(None));
    plan(request, Account::default(), instance, login)
}

/// The user of the target wins over the option, the option over the config file, and the config file over the image.
#[test]
fn user_precedence_is_typed_config_image() {
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

/// The port of the target wins over the option, and the option over the config file. The default is 22.
#[test]
fn port_precedence_is_target_option_config_default() {
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
fn identity_file_disables_the_push() {
    let identity =
        Options { identity: Some("k.pem".into()), host_keys: Some(HostKeyPolicy::Strict), ..Options::default() };
    let plan = planned(&request("web", identity, Options::default()), full()).unwrap();
    assert_eq!(plan.authorization, Authorization::KeyFile(PathBuf::from("k.pem")));
    assert_eq!(plan.host_keys, HostKeyPolicy::Strict);
    let plan = planned(&request("web", Options::default(), Options::default()), full()).unwrap();
    assert_eq!(plan.authorization, Authorization::Push);
}

#[test]
fn direct_route_requires_an_address() {
    let with = |via, address| {
        let options = Options { via, address, ..Options::default() };
        planned(&request("web", options, Options::default()), Instance::default())
    };
    let error = with(Some(Via::Direct), None).unwrap_err();
    assert!(matches!(error, Error::NoAddress(_, AddressKind::Auto)));
    let error = with(None, Some(AddressKind::Public)).unwrap_err();
    assert!(matches!(error, Error::NoAddress(_, AddressKind::Public)));
    // Session Manager needs no address.
    assert_eq!(with(None, None).unwrap().addresses, []);
    with(Some(Via::Eice), Some(AddressKind::Private)).unwrap();
}

/// The order is direct, EICE, SSM, except that the route that worked last time comes first. The direct route requires
/// an address.
#[test]
fn last_working_route_is_tried_first() {
    use ec2ssh::plan::route::Route::{self, Direct, Eice, Ssm};
    let one = [ec2ssh::plan::Address::Ip("10.0.0.1".parse().unwrap())];
    let table: &[(Via, bool, Option<Route>, &[Route])] = &[
        (Via::Auto, true, None, &[Direct, Eice, Ssm]),
        (Via::Auto, false, None, &[Eice, Ssm]),
        (Via::Auto, true, Some(Ssm), &[Ssm, Direct, Eice]),
        (Via::Auto, true, Some(Direct), &[Direct, Eice, Ssm]),
        // The direct route worked last time, but the instance has no address now.
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
fn printed_plan_is_complete_and_escaped() {
    let image = Image { name: "ubuntu/images/hvm\u{1b}[31m".into(), ..Image::default() };
    let instance = Instance { name: Some("evil\u{1b}]0;pwned\u{7}".into()), ..full() };
    let account = Account { region: "eu-west-1".into(), profile: Some("prod".into()) };
    let made = plan(
        &request("web", Options::default(), Options::default()),
        account,
        instance,
        default_login_user(Some(&image)),
    );
    insta::assert_snapshot!(made.unwrap());
}
