//! Look-ups that must not make more of what AWS says than it says: hostile names, empty pages.

use ec2ssh_lab::Instance;

use crate::support::{ID, World};

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
    // JSON has an escape of its own for them: the same text to a program, and nothing to a terminal.
    let json = world.run("list --json").expect(0).out();
    assert!(json.is_ascii(), "{json}");
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read[0]["name"], "evil\u{9b}31m\nname");
}

#[test]
fn an_instance_without_a_name_is_found_and_shown_by_its_id() {
    let world = World::empty();
    let mut instance = Instance::named(ID, "");
    instance.tags.clear();
    world.cloud.add(instance);
    let run = world.run(&format!("--dry-run {ID}")).expect(0);
    assert!(run.out().starts_with(&format!("instance   {ID}, running")), "{run}");
    world.run("--dry-run nameless").expect(255);
}

#[test]
fn terminated_instances_are_no_match() {
    let world = World::empty();
    world.cloud.add(Instance::named(ID, "gone").state("terminated"));
    world.cloud.add(Instance::named("i-0123456789abcde02", "going").state("shutting-down"));
    for name in ["gone", "going", ID] {
        assert!(world.run(&format!("{name} true")).expect(255).stderr.contains("no instance matches"), "{name}");
    }
    assert_eq!(world.run("list").expect(0).out(), "");
}

#[test]
fn an_instance_without_the_address_asked_for_names_those_it_has() {
    let world = World::empty();
    let mut instance = Instance::named(ID, "db");
    instance.public_ip = None;
    world.cloud.add(instance);
    insta::assert_snapshot!(world.snapshot("--address public db true"));
    insta::assert_snapshot!(world.snapshot("--address ipv6 db true"));
}
