//! Tests of look-ups: every kind of selector, all pages, no guessing, and untrusted text from AWS.

use ec2ssh_lab::{Instance, Sshd};

use crate::support::{ID, World};

const ACCEPT_NEW: &str = "--host-keys accept-new";

#[test]
fn names_from_aws_cannot_write_to_the_terminal() {
    let world = World::empty();
    for (id, name) in [(ID, "evil\u{9b}31m\nname"), ("i-0123456789abcde02", "evil\u{202e}eman")] {
        world.cloud.add(Instance::named(id, name));
    }
    for line in ["evil true", "list", "vil true"] {
        let run = world.run(line);
        let all = run.out() + &run.stderr;
        assert!(all.contains(r"evil\u{"), "{all}");
        assert!(!all.contains(['\u{9b}', '\u{202e}']), "{all}");
    }
    // JSON escapes these characters: a program reads the same text, and the output is plain ASCII.
    let json = world.run("list --json").expect(0).out();
    assert!(json.is_ascii(), "{json}");
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read[0]["name"], "evil\u{9b}31m\nname");
}

#[test]
fn nameless_instance_is_found_by_id() {
    let world = World::empty();
    let mut instance = Instance::named(ID, "");
    instance.tags.clear();
    world.cloud.add(instance);
    let run = world.run(&format!("--dry-run {ID}")).expect(0);
    assert!(run.out().starts_with(&format!("instance   {ID}, running")), "{run}");
    world.run("--dry-run nameless").expect(255);
}

#[test]
fn terminated_instances_do_not_match() {
    let world = World::empty();
    world.cloud.add(Instance::named(ID, "gone").state("terminated"));
    world.cloud.add(Instance::named("i-0123456789abcde02", "going").state("shutting-down"));
    for name in ["gone", "going", ID] {
        assert!(world.run(&format!("{name} true")).expect(255).stderr.contains("no instance matches"), "{name}");
    }
    assert_eq!(world.run("list").expect(0).out(), "");
}

/// If the instance lacks the requested kind of address, the error lists the addresses that it has.
#[test]
fn missing_address_lists_those_that_exist() {
    let world = World::empty();
    let mut instance = Instance::named(ID, "db");
    instance.public_ip = None;
    world.cloud.add(instance);
    insta::assert_snapshot!(world.snapshot("--address public db true"));
    insta::assert_snapshot!(world.snapshot("--address ipv6 db true"));
}

#[test]
fn every_selector_finds_the_instance() {
    let (world, port) = World::with_instance();
    let mut instance = Instance::named(ID, "my-instance").tag("Env", "prod").tag("aws:autoscaling:groupName", "web");
    instance.public_dns = Some("ec2-127-0-0-1.eu-west-1.compute.amazonaws.com".to_owned());
    instance.ipv6 = Some("2600:1f10::1".to_owned());
    world.cloud.add(instance);
    let names = [
        ID,
        "127.0.0.1",
        "10.0.222.1",
        "2600:1f10::1",
        "ip-10-0-222-1.eu-west-1.compute.internal",
        "ip-10-0-222-1",
        "ec2-127-0-0-1.eu-west-1.compute.amazonaws.com",
        "i-0123456789abcde01.eu-west-1.compute.internal",
        "tag:Env=prod",
        "tag:Env=pr*",
        "asg:web",
        "my-instance",
        "my-inst",
        "my-*",
        "m?-instance",
    ];
    for name in names {
        let before = world.cloud.count("DescribeInstances");
        let run = world.run(&format!("--dry-run --json -p {port} {name}")).expect(0);
        assert!(run.out().contains(&format!("\"id\": \"{ID}\"")), "{name}: {run}");
        assert_eq!(world.cloud.count("DescribeInstances") - before, 1, "{name} took more than one call");
    }
    // A DNS name that does not resolve falls back to the IP address.
    world.run(&format!("-4 {ACCEPT_NEW} -p {port} my-instance true")).expect(0);
}

/// An address outside the private ranges may still be an instance's private address. A second call looks for it there.
#[test]
fn public_looking_address_may_be_private() {
    let (world, _) = World::with_instance();
    let mut instance = Instance::named("i-0123456789abcde02", "odd");
    instance.private_ip = Some("198.18.0.7".to_owned());
    world.cloud.add(instance);
    let run = world.run("--dry-run --json 198.18.0.7").expect(0);
    assert!(run.out().contains("i-0123456789abcde02"));
    assert_eq!(world.cloud.count("DescribeInstances"), 3);
}

#[test]
fn two_matches_are_listed_without_guessing() {
    let (world, port) = World::with_instance();
    let mut second = Instance::named("i-0123456789abcde02", "my-instance");
    second.launched = "2026-11-22T10:00:00.000Z".to_owned();
    world.cloud.add(second);
    insta::assert_snapshot!(world.snapshot("my-instance true"));
    let id = |flag: &str| {
        let out = world.run(&format!("--dry-run {flag} -p {port} my-instance")).expect(0).out();
        out.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!((id("--oldest"), id("--newest")), (ID.to_owned(), "i-0123456789abcde02".to_owned()));
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 0);
}

#[test]
fn all_pages_are_read_whatever_their_size() {
    let (world, port) = World::with_instance();
    for number in 2..30 {
        world.cloud.add(Instance::named(&format!("i-0123456789abcd{number:03x}"), &format!("my-other-{number}")));
    }
    world.cloud.add(Instance::named("i-0123456789abcdff9", "my-last"));
    world.cloud.page_limit(7);
    world.cloud.sshd("i-0123456789abcdff9", Sshd::default());
    let run = world.run(&format!("--dry-run -p {port} my-last")).expect(0);
    assert!(run.out().contains("i-0123456789abcdff9"));
    let run = world.run("my-o true").expect(255);
    assert_eq!(run.stderr.lines().filter(|line| line.starts_with("i-")).count(), 28, "{run}");
}

/// The error names the region and the credentials of the search, and similar names.
#[test]
fn no_match_names_scope_and_similar_names() {
    let (world, _) = World::with_instance();
    world.cloud.add(Instance::named("i-0123456789abcde02", "web-prod-1"));
    insta::assert_snapshot!(world.snapshot("my-instanec true"));
    insta::assert_snapshot!(world.snapshot("--region us-east-1 nothing-like-it true"));
    insta::assert_snapshot!(world.snapshot("i-0fffffffffffffff0 true"));
}
