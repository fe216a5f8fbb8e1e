//! Tests of `ec2ssh list`: table, pages, patterns and JSON.

use std::time::Duration;

use ec2ssh_lab::Instance;

use crate::support::World;
use crate::support::pty::Terminal;

#[test]
fn list_reads_all_pages_and_filters() {
    let world = World::empty();
    for number in 0..25 {
        let name = if number % 2 == 0 { format!("web-{number}") } else { format!("db-{number}") };
        world.cloud.add(Instance::named(&format!("i-0123456789abcd{number:03x}"), &name));
    }
    world.cloud.page_limit(4);
    assert_eq!(world.run("list").expect(0).out().lines().count(), 26);
    assert_eq!(world.run("list db-").expect(0).out().lines().count(), 13);
    assert_eq!(world.run("list web-?").expect(0).out().lines().count(), 6);
    assert_eq!(world.run("list i-0123456789abcd003").expect(0).out().lines().count(), 2);
    let json: serde_json::Value = serde_json::from_str(&world.run("list --json").expect(0).out()).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 25);
    assert_eq!(json[0]["publicIp"], "127.0.0.1");
}

/// An empty result is reported on standard error. With --json it is an empty array and nothing else.
#[test]
fn empty_list_is_reported_on_stderr() {
    let world = World::empty();
    insta::assert_snapshot!(world.snapshot("list"));
    insta::assert_snapshot!(world.snapshot("list --json"));
    insta::assert_snapshot!(world.snapshot("list i-0123456789abcd003"));
}

#[test]
fn options_may_stand_before_the_subcommand() {
    let world = World::empty();
    world.cloud.add(Instance::named("i-0123456789abcde01", "list"));
    let run = world.run("--region eu-west-1 -q list").expect(0);
    assert!(run.out().starts_with("NAME"), "{run}");
    // The long form reaches an instance whose name is also a subcommand.
    let run = world.run("ssh --dry-run list").expect(0);
    assert!(run.out().starts_with("instance   i-0123456789abcde01 (list)"), "{run}");
}

/// An account with many pages takes seconds: the number read so far is shown meanwhile, and nothing of it is left.
#[test]
fn long_reading_shows_its_progress() {
    let world = World::empty();
    for n in 1..=3 {
        world.cloud.add(Instance::named(&format!("i-0123456789abcde0{n}"), &format!("web-{n}")));
    }
    world.cloud.page_limit(1);
    world.cloud.delay_calls(Duration::from_millis(800));
    let mut terminal = Terminal::run(&world, "\"$EC2SSH\" list; echo \"status $?\"");
    terminal.wait_for("reading instances: ");
    terminal.wait_for("status 0");
    let text = terminal.text();
    assert!(text.contains("web-3") && !text.contains("reading"), "{text}");
    for (line, progress) in [("list 'web-*'", "reading instances: "), ("--dry-run 'web-*'", "looking for web-*: ")] {
        let mut terminal = Terminal::run(&world, &format!("\"$EC2SSH\" {line}"));
        terminal.wait_for(progress);
    }
}
