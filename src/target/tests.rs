//! Tests of parsing `[USER@]TARGET[:PORT]`: tables, and properties of arbitrary text.

use crate::aws::instances::Query;
use crate::target::{Error, Selector, Target, bracket_ipv6, split_keyed_port};
use proptest::prelude::*;

fn parse(text: &str) -> Result<Target, Error> {
    text.parse()
}

fn name(text: &str) -> Selector {
    Selector::Name(text.to_owned())
}

#[test]
fn selector_kind_follows_its_form() {
    let table = [
        ("i-0123456789abcdef0", Selector::Id("i-0123456789abcdef0".into())),
        ("i-01234567", Selector::Id("i-01234567".into())),
        ("i-0123456", name("i-0123456")),
        ("i-web-server", name("i-web-server")),
        ("i-0123456789ABCDEF0", name("i-0123456789ABCDEF0")),
        ("i-0123456789abcdef0.ec2.internal", Selector::Id("i-0123456789abcdef0".into())),
        ("i-0123456789abcdef0.eu-west-1.compute.internal", Selector::Id("i-0123456789abcdef0".into())),
        ("10.0.0.7", Selector::Address("10.0.0.7".parse().unwrap())),
        ("54.12.3.4", Selector::Address("54.12.3.4".parse().unwrap())),
        ("2600:1f10::1", Selector::Address("2600:1f10::1".parse().unwrap())),
        (
            "ec2-54-1-2-3.eu-west-1.compute.amazonaws.com",
            Selector::PublicDns("ec2-54-1-2-3.eu-west-1.compute.amazonaws.com".into()),
        ),
        ("EC2-54-1-2-3.compute-1.amazonaws.com.", Selector::PublicDns("ec2-54-1-2-3.compute-1.amazonaws.com".into())),
        ("ip-10-0-0-7.ec2.internal", Selector::PrivateDns("ip-10-0-0-7.ec2.internal".into())),
        ("ip-10-0-0-7", Selector::PrivateDns("ip-10-0-0-7".into())),
        // A domain of the user's own: an instance may bear it as its name.
        ("ip-10-0-0-7.example.com", Selector::Name("ip-10-0-0-7.example.com".into())),
        ("ec2-54-1-2-3.example.com", Selector::Name("ec2-54-1-2-3.example.com".into())),
        ("ip-camera", name("ip-camera")),
        ("tag:Env=prod", Selector::Tag { key: "Env".into(), value: "prod".into() }),
        ("tag:Expr=a=b", Selector::Tag { key: "Expr".into(), value: "a=b".into() }),
        (
            "tag:aws:cloudformation:stack-name=x",
            Selector::Tag { key: "aws:cloudformation:stack-name".into(), value: "x".into() },
        ),
        ("tag:Release=shop:42", Selector::Tag { key: "Release".into(), value: "shop:42".into() }),
        ("tag:Release=42:", Selector::Tag { key: "Release".into(), value: "42:".into() }),
        ("asg:web", Selector::AutoScalingGroup("web".into())),
        ("asg:web:8080", Selector::AutoScalingGroup("web:8080".into())),
        ("web-*", name("web-*")),
        ("my instance", name("my instance")),
        ("web.example.com", name("web.example.com")),
    ];
    for (text, selector) in table {
        assert_eq!(parse(text), Ok(Target { user: None, selector, port: None }), "{text}");
    }
}

#[test]
fn user_and_port_are_split_off() {
    let table = [
        ("ubuntu@web", Some("ubuntu"), "web", None),
        ("web:2222", None, "web", Some(2222)),
        ("a.b-c_d@web:1", Some("a.b-c_d"), "web", Some(1)),
        ("user@domain@web", Some("user@domain"), "web", None),
        ("[2600:1f10::1]:2222", None, "2600:1f10::1", Some(2222)),
        ("[2600:1f10::1]", None, "2600:1f10::1", None),
        ("10.0.0.7:65535", None, "10.0.0.7", Some(65535)),
        ("web:blue", None, "web:blue", None),
    ];
    for (text, user, instance, port) in table {
        let target = parse(text).unwrap();
        assert_eq!((target.user.as_deref(), target.selector.to_string().as_str(), target.port), (user, instance, port));
    }
}

#[test]
fn a_tags_value_may_have_an_at_sign() {
    let tag = |value: &str| Selector::Tag { key: "Owner".into(), value: value.into() };
    assert_eq!(parse("tag:Owner=me@corp.com").unwrap().selector, tag("me@corp.com"));
    let target = parse("ubuntu@tag:Owner=me@corp.com").unwrap();
    assert_eq!((target.user.as_deref(), target.selector), (Some("ubuntu"), tag("me@corp.com")));
}

#[test]
fn ipv6_address_from_openssh_keeps_its_port() {
    let table = [
        ("u@2600:1f10::1:22", "u@[2600:1f10::1]:22"),
        ("u@1:2:3:4:5:6:7:8:22", "u@[1:2:3:4:5:6:7:8]:22"),
        ("u@[2600:1f10::1]", "u@[2600:1f10::1]"),
        ("u@web:22", "u@web:22"),
        ("10.0.0.7:22", "10.0.0.7:22"),
    ];
    for (typed, bracketed) in table {
        assert_eq!(bracket_ipv6(typed), bracketed);
    }
}

#[test]
fn openssh_port_behind_a_tag_is_split_off() {
    let table = [
        ("me@tag:Env=prod:22", ("me@tag:Env=prod", Some(22))),
        ("tag:Release=shop:42:2222", ("tag:Release=shop:42", Some(2222))),
        ("me@asg:web:22", ("me@asg:web", Some(22))),
        ("asg:web", ("asg:web", None)),
        ("tag:Env=prod", ("tag:Env=prod", None)),
        ("tag:Env=prod:0", ("tag:Env=prod:0", None)),
        ("me@web:22", ("me@web:22", None)),
    ];
    for (typed, expected) in table {
        assert_eq!(split_keyed_port(typed), expected, "{typed}");
    }
}

#[test]
fn invalid_targets_are_refused() {
    let table = [
        ("", Error::Empty),
        ("  ", Error::Empty),
        ("user@", Error::Empty),
        (":22", Error::Empty),
        ("asg:", Error::Empty),
        ("@web", Error::EmptyUser),
        ("web:0", Error::Port("0".into())),
        ("web:65536", Error::Port("65536".into())),
        ("tag:Env", Error::Tag),
        ("tag:=x", Error::Tag),
        ("mi-0123456789abcdef0", Error::ManagedNode("mi-0123456789abcdef0".into())),
        ("-oProxyCommand=x@web", Error::User("-oProxyCommand=x".into())),
        ("a b@web", Error::User("a b".into())),
        ("$(id)@web", Error::User("$(id)".into())),
    ];
    for (text, error) in table {
        assert_eq!(parse(text), Err(error), "{text}");
    }
}

#[test]
fn each_selector_kind_needs_one_query() {
    let filter = |name: &str, value: &str| Query::Filters(vec![(name.to_owned(), vec![value.to_owned()])]);
    let table = [
        ("i-0123456789abcdef0", Query::Id("i-0123456789abcdef0".into())),
        ("10.0.0.7", filter("network-interface.addresses.private-ip-address", "10.0.0.7")),
        ("100.64.0.1", filter("network-interface.addresses.private-ip-address", "100.64.0.1")),
        ("54.1.2.3", filter("ip-address", "54.1.2.3")),
        ("2600:1f10::1", filter("network-interface.ipv6-addresses.ipv6-address", "2600:1f10::1")),
        ("ip-10-0-0-7", filter("private-dns-name", "ip-10-0-0-7.*")),
        ("tag:Env=pr*", filter("tag:Env", "pr*")),
        ("asg:web", filter("tag:aws:autoscaling:groupName", "web")),
        // The filter of a prefix or of a glob also finds the exact name, so one query is enough.
        ("web", filter("tag:Name", "web*")),
        ("web-?", filter("tag:Name", "web-?")),
        (r"a\b", filter("tag:Name", r"a\\b*")),
    ];
    for (text, query) in table {
        assert_eq!(Query::for_selector(&parse(text).unwrap().selector), query, "{text}");
    }
}

proptest! {
    #[test]
    fn parsing_any_text_never_panics(text in ".*") {
        let _ = parse(&text);
    }

    /// Adding a user and a port to a plain name leaves the selector unchanged.
    #[test]
    fn user_and_port_combine_with_any_name(
        user in "[a-z_][a-z0-9_-]{0,30}", name in "[a-zA-Z][a-zA-Z0-9._-]{0,40}", port in 1u16..
    ) {
        let bare = parse(&name).unwrap();
        let full = parse(&format!("{user}@{name}:{port}")).unwrap();
        prop_assert_eq!(full, Target { user: Some(user), selector: bare.selector, port: Some(port) });
    }
}

#[test]
fn private_ranges_are_told_from_public_ones() {
    let is_private = |address: &str| Selector::is_private(address.parse().unwrap());
    for private in ["10.0.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1", "100.64.0.0", "100.127.255.255"] {
        assert!(is_private(private), "{private}");
    }
    for public in ["100.63.255.255", "100.128.0.0", "99.64.0.1", "172.32.0.1", "54.1.2.3"] {
        assert!(!is_private(public), "{public}");
    }
}
