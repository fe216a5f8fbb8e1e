//! Reports about what a target means.

use ec2ssh_lab::Instance;

use crate::support::{ID, RealSshd, World};

/// Creates a world with the instance of these addresses.
fn world(public: Option<&str>, private: &str, interfaces: &[(&str, Option<&str>)]) -> World {
    let world = World::empty();
    world.add_amazon_linux();
    let mut instance = Instance::named(ID, "edge-1");
    instance.public_ip = public.map(str::to_owned);
    instance.private_ip = Some(private.to_owned());
    let owned = |(private, public): &(&str, Option<&str>)| ((*private).to_owned(), public.map(str::to_owned));
    instance.interfaces = interfaces.iter().map(owned).collect();
    world.cloud.add(instance);
    world
}

/// A private address was typed, and the public one was dialed.
#[test]
fn typed_address_is_the_one_that_is_dialed() {
    let world = world(Some("127.0.0.9"), "10.99.0.7", &[("10.99.1.7", None)]);
    for address in ["10.99.0.7", "10.99.1.7", "127.0.0.9"] {
        let plan = world.run(&format!("--dry-run {address}")).expect(0).out();
        assert!(
            plan.contains(&format!("route      direct to {address} (the address that was typed), else ")),
            "{plan}"
        );
        let json = world.run(&format!("--dry-run --json {address}")).expect(0).out();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["addresses"], serde_json::json!([address]));
    }
    // An option that asks for another kind of address is honored.
    let plan = world.run("--dry-run --address public 10.99.0.7").expect(0).out();
    assert!(plan.contains("direct to 127.0.0.9"), "{plan}");
    let plan = world.run("--dry-run edge-1").expect(0).out();
    assert!(plan.contains("direct to 127.0.0.9,"), "{plan}");
}

/// An Elastic IP on the second interface was neither found nor dialed nor listed.
#[test]
fn elastic_ip_of_any_interface_is_found() {
    for first in [None, Some("127.0.0.9")] {
        let world = world(first, "10.0.0.8", &[("10.0.1.8", Some("127.0.0.2"))]);
        let sshd = RealSshd::start(&world.cloud, ID, "ListenAddress 127.0.0.2");
        let line = format!("--host-keys accept-new -p {} {}@127.0.0.2 true", sshd.port, sshd.user);
        world.run(&line).expect(0);
        let list = world.run("list").expect(0).out();
        assert!(list.contains("127.0.0.2"), "{list}");
        if first.is_none() {
            world.run(&format!("-p {} {}@edge-1 true", sshd.port, sshd.user)).expect(0);
        }
    }
}

/// The end of a tag's value was taken for a port, and a name with a colon could not be reached.
#[test]
fn values_with_colons_are_whole() {
    let world = World::empty();
    world.cloud.add(Instance::named(ID, "web-1").tag("Release", "shop:42"));
    world.cloud.add(Instance::named("i-0123456789abcde02", "redis:6379"));
    world.cloud.add(Instance::named("i-0123456789abcde03", "redis"));
    world.cloud.add(Instance::named("i-0123456789abcde04", "cache"));
    let table = [
        ("tag:Release=shop:42", ID, 22),
        ("tag:Name=redis:6379", "i-0123456789abcde02", 22),
        ("redis:6379", "i-0123456789abcde02", 22),
        ("redis:22", "i-0123456789abcde03", 22),
        ("redis", "i-0123456789abcde03", 22),
        ("cache:6379", "i-0123456789abcde04", 6379),
        ("-p 2222 redis:6379", "i-0123456789abcde02", 2222),
    ];
    // Twice: the second time from the cached look-up.
    for (target, id, port) in table.iter().chain(&table) {
        let plan = world.run(&format!("--dry-run {target}")).expect(0).out();
        assert!(plan.starts_with(&format!("instance   {id}")), "{target}: {plan}");
        assert!(plan.contains(&format!(", port {port}\n")), "{target}: {plan}");
    }
}

/// An id of Systems Manager's managed nodes was looked for as a name.
#[test]
fn managed_node_is_named() {
    let world = World::empty();
    let run = world.run("mi-0123456789abcdef0 uptime").expect(255);
    assert!(run.stderr.starts_with("Error: mi-0123456789abcdef0 is a managed node outside EC2\n"), "{run}");
    assert!(run.stderr.contains("ec2ssh ssm mi-0123456789abcdef0"), "{run}");
    assert!(world.cloud.calls().is_empty());
}

/// An option of ssh that is not there ended in "unexpected argument", with a list of usage lines.
#[test]
fn lacking_ssh_option_is_explained() {
    let world = World::empty();
    for (line, letter) in [("-X web-1", "X"), ("ssh -c aes128-ctr web-1", "c"), ("-M web-1", "M")] {
        let run = world.run(line).expect(255);
        let expected =
            format!("Error: ec2ssh does not have ssh's option -{letter}\nHint: use ssh, which connects through ec2ssh");
        assert!(run.stderr.starts_with(&expected), "{run}");
        assert!(run.stderr.contains(&format!("ssh -o ProxyCommand='ec2ssh proxy %r@%h:%p' -{letter} … NAME")), "{run}");
    }
    // Others are left to the usual words.
    let run = world.run("--nonsense web-1").expect(255);
    assert!(run.stderr.contains("unexpected argument '--nonsense'"), "{run}");
}
