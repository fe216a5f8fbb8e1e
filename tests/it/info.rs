//! `ec2ssh info`: the report, its parts that are denied, and the raw texts.

use std::io::Write;
use std::process::{Command, Stdio};

use ec2ssh_lab::{Agent, Fault, Instance};
use serde_json::Value;

use crate::support::pty::Terminal;
use crate::support::{ID, World};

fn world() -> World {
    let world = World::empty();
    world.add_amazon_linux();
    let mut web = Instance::named(ID, "web-1").tag("Env", "prod\nstate        stopped");
    web.iam_profile = Some("arn:aws:iam::111122223333:instance-profile/web".to_owned());
    web.interfaces = vec![("10.0.1.8".to_owned(), Some("54.1.2.3".to_owned()))];
    web.user_data = gzip(b"#cloud-config\nhostname: web\n");
    web.protected = [true, false];
    world.cloud.add(web);
    world.cloud.agent(ID, Agent::recent());
    world
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut child = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(data).unwrap();
    child.wait_with_output().unwrap().stdout
}

/// Replaces what depends on the time of the test.
fn without_ages(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let is_age =
            word.trim_start_matches('(').strip_suffix(['s', 'm', 'h', 'd']).is_some_and(|n| n.parse::<u32>().is_ok());
        if is_age { "AGE" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn report_has_all_that_aws_knows() {
    let world = world();
    insta::assert_snapshot!(without_ages(&world.snapshot("info web-1")));
    let json: Value = serde_json::from_str(&world.run(&format!("info --json {ID}")).expect(0).out()).unwrap();
    assert_eq!(json["id"], ID);
    assert_eq!(json["details"]["interfaces"][0]["groups"][0]["name"], "web");
    assert_eq!(json["details"]["metadata"]["tokens"], "required");
    assert_eq!((&json["terminationProtected"], &json["stopProtected"]), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(json["userDataSize"], 28);
    assert_eq!(json["agent"]["ping"], "Online");
}

/// Each part may be denied: it says which action is missing, and the rest is shown.
#[test]
fn denied_parts_name_their_action() {
    let world = world();
    for (operation, json_code) in
        [("DescribeInstanceAttribute", false), ("DescribeInstanceInformation", true), ("DescribeImages", false)]
    {
        let code = if json_code { "AccessDeniedException" } else { "UnauthorizedOperation" };
        world.cloud.fail(operation, Fault::error(403, code, "no"), usize::MAX);
    }
    let report = world.run("info web-1").expect(0).out();
    assert!(report.contains("agent        not allowed: ssm:DescribeInstanceInformation\n"), "{report}");
    assert!(report.contains("user data    not allowed: ec2:DescribeInstanceAttribute\n"), "{report}");
    assert!(
        report.contains("protection   termination unknown (not allowed: ec2:DescribeInstanceAttribute)"),
        "{report}"
    );
    assert!(report.contains("sg-0123456789abcdef0 (web)"), "{report}");
    let run = world.run("info --user-data web-1").expect(1);
    assert!(run.stderr.contains("ec2:DescribeInstanceAttribute is not allowed"), "{run}");
}

#[test]
fn raw_texts_are_written_as_they_are() {
    let world = world();
    assert_eq!(world.run("info --user-data web-1").expect(0).out(), "#cloud-config\nhostname: web\n");
    world.cloud.console(ID, "posted", "latest \u{1b}[31mred\n");
    assert_eq!(world.run("info --console web-1").expect(0).out(), "latest \u{1b}[31mred\n");
    world.cloud.console(ID, "posted", "");
    assert_eq!(world.run("info --console web-1").expect(0).out(), "posted");
    world.cloud.console(ID, "", "");
    let run = world.run("info --console web-1").expect(0);
    let nothing = "i-0123456789abcde01 has no console output yet; EC2 posts it some minutes after the boot.\n";
    assert_eq!((run.out().as_str(), run.stderr.as_str()), ("", nothing));
    // On a terminal nothing moves the cursor, and colors are left out.
    world.cloud.console(ID, "", "latest \u{1b}[31mred \u{1b}[2J\n");
    let mut terminal = Terminal::run(&world, "\"$EC2SSH\" info --console web-1");
    terminal.wait_for("latest red \\u{1b}[2J");
    let run = world.run("info --screenshot screen.jpg web-1").expect(0);
    assert_eq!(run.stderr, "Wrote screen.jpg (1 kB).\n");
    assert!(std::fs::read(world.path("screen.jpg")).unwrap().starts_with(b"\xff\xd8"));
    world.run("info --console --user-data web-1").expect(2);
    let run = world.run("info nobody").expect(1);
    assert!(run.stderr.contains("no instance matches 'nobody'"), "{run}");
}
