//! Reports about what was said, and about options that did not do what their words promise.

use std::time::Duration;

use ec2ssh_lab::{Instance, Sshd};

use crate::support::place::Place;
use crate::support::pty::Terminal;
use crate::support::{ID, World, comes_true, wait_until};

/// Without any credentials the SDK's chain of providers was shown.
#[test]
fn missing_credentials_are_said_in_plain_words() {
    let (world, _) = World::with_instance();
    let mut command = world.ec2ssh("list");
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let run = crate::support::Run::of(command.output().unwrap()).expect(1);
    insta::assert_snapshot!(world.redact(&run.to_string()));
}

/// A hint with the id led around the table for the name, and with it around `host-keys = "strict"`.
#[test]
fn strict_table_holds_for_the_id_too() {
    let (world, port) = World::with_instance();
    world.config("[[host]]\nmatch = \"my-*\"\nhost-keys = \"strict\"\n");
    for target in [ID, "my-instance", "54.1.2.3"] {
        let plan = world.run(&format!("--dry-run --json -p {port} my-instance")).expect(0).out();
        assert!(plan.contains("\"hostKeys\": \"strict\""), "{target}: {plan}");
    }
    let run = world.run(&format!("-p {port} {ID} true")).expect(255);
    assert!(run.stderr.contains("strict"), "{run}");
    // What is typed goes before it.
    world.run(&format!("--host-keys accept-new -p {port} {ID} true")).expect(0);
}

/// A key file of a table for the name was not used where the id was typed.
#[test]
fn key_file_of_the_found_instance_is_used() {
    let (world, port) = World::with_instance();
    let key = crate::support::keygen(world.home.path(), "k", &["-t", "ed25519", "-N", ""]);
    world.cloud.authorize(ID, "ec2-user", &std::fs::read_to_string(world.path("k.pub")).unwrap());
    world.config(&format!("[[host]]\nmatch = \"my-*\"\nidentity = \"{}\"\nport = {port}\n", key.display()));
    world.run(&format!("--host-keys accept-new {ID} true")).expect(0);
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 0);
}

/// Somebody who typed `ssh` was told to type `ec2ssh`.
#[test]
fn hints_behind_plain_ssh_begin_with_ssh() {
    let place = Place::with("", "--match my-* --host-keys accept-new");
    let run = place.ssh(&["my-instanec", "true"]).expect(255);
    assert!(run.stderr.contains("Hint: did you mean: ssh my-instance\n"), "{run}");
    let run = place.ssh(&["-p", "1", "my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("ssh -p PORT i-0123456789abcde01") && !run.stderr.contains("ec2ssh -p"), "{run}");
}

/// With `ssh -q` the route was still shown.
#[test]
fn quiet_ssh_shows_no_route() {
    let place = Place::with("", "--match my-* --host-keys accept-new");
    let line = |quiet: &str| format!("{} {quiet} my-instance 'echo done'", place.ssh_command());
    let mut terminal = Terminal::run(&place.world, &line(""));
    terminal.wait_for("done");
    assert!(terminal.text().contains("Route: "), "{}", terminal.text());
    for quiet in ["-q", "-o LogLevel=QUIET"] {
        let mut terminal = Terminal::run(&place.world, &line(quiet));
        terminal.wait_for("done");
        assert!(!terminal.text().contains("Route: "), "{}", terminal.text());
    }
}

/// Ctrl-C during `--start` left an instance that starts, and said nothing of it.
#[test]
fn interrupted_start_says_what_goes_on() {
    let world = World::empty();
    world.add_amazon_linux();
    world.cloud.add(Instance { pending_for: 1000, ..Instance::named(ID, "sleeper").state("stopped") });
    let mut terminal = Terminal::run(&world, "\"$EC2SSH\" --start --yes sleeper; echo \"status $?\"");
    terminal.wait_for("waiting for i-0123456789abcde01 to run");
    terminal.type_in("\u{3}");
    terminal.wait_for("goes on starting. To stop it: aws ec2 stop-instances --instance-ids i-0123456789abcde01");
    assert!(comes_true(|| world.cloud.count("StartInstances") == 1));
}

/// A deployment script had to loop by itself until the instance let it in.
#[test]
fn wait_tries_until_the_instance_lets_us_in() {
    let world = World::empty();
    world.add_amazon_linux();
    world.cloud.add(Instance::named(ID, "fresh").state("pending"));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = world.ec2ssh(&format!("--wait --host-keys accept-new -p {port} fresh echo up"));
    let run = std::thread::scope(|scope| {
        let running = scope.spawn(|| world.run_with_input(child, b""));
        wait_until("it is looked up again", || world.cloud.count("DescribeInstances") >= 2);
        world.cloud.add(Instance::named(ID, "fresh"));
        wait_until("a key is pushed", || world.cloud.count("SendSSHPublicKey") >= 1);
        world.cloud.sshd(ID, Sshd { port, ..Sshd::default() });
        running.join().unwrap()
    });
    assert_eq!(run.out(), "up\n", "{run}");
    assert_eq!(world.cloud.count("StartInstances"), 0, "{run}");
    assert!(run.stderr.contains("waiting for i-0123456789abcde01 to run"), "{run}");
    // The time is limited, and a stopped instance is not waited for.
    let begun = std::time::Instant::now();
    world.run("--wait=3 -p 1 fresh true").expect(255);
    assert!((3..20).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    world.cloud.add(Instance::named(ID, "fresh").state("stopped"));
    let run = world.run("--wait fresh true").expect(255);
    assert!(run.stderr.contains("is stopped") && run.stderr.contains("ec2ssh --start fresh"), "{run}");
}

/// An instance that was launched a moment ago is booting: no security group is to be blamed.
#[test]
fn young_instance_is_said_to_be_booting() {
    let world = World::empty();
    world.add_amazon_linux();
    let young = || Instance::named(ID, "fresh").launched_ago(Duration::from_secs(20));
    world.cloud.add(young());
    let run = world.run("--via direct -p 1 fresh true").expect(255);
    assert!(run.stderr.contains("s ago and may still be booting"), "{run}");
    assert!(
        run.stderr.contains("\nHint: try again until it lets you in: ec2ssh --wait i-0123456789abcde01\n"),
        "{run}"
    );
    world.cloud.add(young().state("pending"));
    let run = world.run("fresh true").expect(255);
    assert!(run.stderr.contains("(fresh) is pending") && run.stderr.contains("ec2ssh --wait fresh"), "{run}");
    world.cloud.add(Instance::named(ID, "fresh"));
    let run = world.run("--via direct -p 1 fresh true").expect(255);
    assert!(!run.stderr.contains("booting"), "{run}");
}

/// `list web-*` without a match said that there were no instances at all.
#[test]
fn list_names_its_pattern() {
    let (world, _) = World::with_instance();
    let run = world.run("list web-*").expect(0);
    assert_eq!(run.stderr, "No instance matches 'web-*' in region eu-west-1.\n");
}

/// A second `config install --match` dropped the patterns of the first.
#[test]
fn install_keeps_earlier_patterns() {
    let world = World::empty();
    let said = |line: &str| world.redact(&world.run(line).expect(0).stderr);
    assert!(said("config remove").contains("has no ec2ssh block: there is nothing to remove"));
    assert!(
        said("config install --match web-*")
            .contains("Added the ec2ssh block to HOME/.ssh/config. It is for: i-*, web-*\n")
    );
    assert!(
        said("config install --match db-*")
            .contains("Updated the ec2ssh block in HOME/.ssh/config. It is for: i-*, web-*, db-*\n")
    );
    assert!(said("config install --match web-*").contains("It is for: i-*, web-*, db-*\n"));
    let removed = said("config remove");
    assert!(
        removed.contains("Removed the ec2ssh block from HOME/.ssh/config. It was for: i-*, web-*, db-*\n"),
        "{removed}"
    );
    // ssh reads the configuration of the account's home, whatever HOME says.
    assert!(removed.contains("Warning: HOME is HOME, but ssh reads "), "{removed}");
}
