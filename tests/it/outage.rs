//! When AWS cannot be asked: `--offline`, and the offer after a look-up that failed. An answer that says no is never overridden.

use ec2ssh_lab::Fault;

use crate::support::agent::SshAgent;
use crate::support::place::Place;
use crate::support::pty::Terminal;
use crate::support::{ID, Run, World, keygen};

/// Creates a world whose instance has been connected to, and a key file that it knows.
fn world() -> (World, String) {
    let (world, port) = World::trusted();
    keygen(world.home.path(), "k", &["-t", "ed25519", "-N", ""]);
    world.cloud.authorize(ID, "ec2-user", &std::fs::read_to_string(world.path("k.pub")).unwrap());
    (world, format!("-p {port} my-instance"))
}

fn unavailable() -> Fault {
    Fault::error(503, "Unavailable", "The service is unavailable")
}

#[test]
fn offline_asks_aws_nothing() {
    let (world, line) = world();
    let before = world.cloud.calls().len();
    let run = world.run(&format!("-v --offline -i k {line} echo in")).expect(0);
    assert_eq!(run.out(), "in\n");
    // By id and by address, and without a key file by the key that was pushed a moment ago.
    for target in [ID, "127.0.0.1", "my-instance"] {
        let line = line.replace("my-instance", target);
        world.run(&format!("--offline -i k {line} true")).expect(0);
        world.run(&format!("--offline {line} true")).expect(0);
    }
    let plan = world.run(&format!("--offline --dry-run {line}")).expect(0).out();
    assert!(plan.contains("direct to 127.0.0.1") && plan.contains("host key   strict"), "{plan}");
    assert_eq!(world.cloud.calls().len(), before, "a call was made");
    // Not even credentials are needed.
    let mut command = world.ec2ssh(&format!("--offline -i k {line} true"));
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
        command.env_remove(name);
    }
    Run::of(command.output().unwrap()).expect(0);
}

#[test]
fn offline_uses_keys_of_the_callers_agent() {
    let (world, line) = world();
    world.forget_key();
    let run = world.run(&format!("--offline {line} true")).expect(255);
    assert!(run.stderr.contains("none can be pushed without AWS") && run.stderr.contains("SSH_AUTH_SOCK"), "{run}");
    // The first key is a stranger's.
    keygen(world.home.path(), "stranger", &["-t", "ecdsa", "-N", ""]);
    let agent = SshAgent::start(&world, &["stranger", "k"]);
    let mut command = world.ec2ssh(&format!("--offline {line} echo in"));
    let run = Run::of(command.env("SSH_AUTH_SOCK", &agent.socket).output().unwrap()).expect(0);
    assert_eq!(run.out(), "in\n");
}

/// The address may be another machine's by now: only the host key shows whose it is.
#[test]
fn offline_needs_a_known_host_key() {
    let (world, line) = world();
    std::fs::remove_file(world.known_hosts()).unwrap();
    let run = world.run(&format!("--offline -i k {line} true")).expect(255);
    assert!(run.stderr.contains("host key") && !world.known_hosts().exists(), "{run}");
    // Even where new keys are accepted otherwise.
    world.run(&format!("--offline --host-keys accept-new -i k {line} true")).expect(255);
    let run = world.run("--offline nobody true").expect(255);
    assert!(run.stderr.starts_with("Error: nothing is remembered of 'nobody'\n"), "{run}");
    let run = world.run("--offline --via ssm my-instance").expect(255);
    assert!(run.stderr.contains("--via ssm needs AWS"), "{run}");
    world.run("--offline --start my-instance").expect(255);
}

#[test]
fn failed_lookup_offers_the_instance_as_it_was() {
    let (world, line) = world();
    world.cloud.fail("DescribeInstances", unavailable(), usize::MAX);
    let command = format!("\"$EC2SSH\" -i k {line} 'sleep 1; echo in'; echo \"status $?\"");
    let mut terminal = Terminal::run(&world, &command);
    terminal.wait_for("Connect to my-instance as it was ");
    let screen = terminal.text().replace('\n', " ");
    assert!(screen.contains("AWS cannot be asked: DescribeInstances failed: Unavailable."), "{screen}");
    assert!(screen.contains(&format!("({ID}, eu-west-1, host key known)? (yes/no)")), "{screen}");
    terminal.type_in("yes\r");
    terminal.wait_for("status 0");
    let mut terminal = Terminal::run(&world, &command);
    terminal.wait_for("(yes/no)");
    terminal.type_in("no\r");
    terminal.wait_for("status 255");
    // Elsewhere the hint names it.
    let run = world.run(&format!("-i k {line} true")).expect(255);
    assert!(run.stderr.contains("ago, without AWS: ec2ssh --offline my-instance\n"), "{run}");
    // Without a network to AWS it is the same.
    let mut command = world.ec2ssh(&format!("-i k {line} true"));
    let run = Run::of(command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1").output().unwrap()).expect(255);
    assert!(run.stderr.contains("ec2ssh --offline my-instance"), "{run}");
}

#[test]
fn answer_that_says_no_is_not_overridden() {
    for (status, code) in [(403, "UnauthorizedOperation"), (400, "RequestExpired"), (401, "AuthFailure")] {
        let (world, line) = world();
        world.cloud.fail("DescribeInstances", Fault::error(status, code, "no"), usize::MAX);
        let run = world.run(&format!("-i k {line} true")).expect(255);
        assert!(run.stderr.contains(code) && !run.stderr.contains("--offline"), "{run}");
    }
    let (world, line) = world();
    world.cloud.add(ec2ssh_lab::Instance::named(ID, "renamed"));
    let run = world.run(&format!("-i k {line} true")).expect(255);
    assert!(run.stderr.contains("no instance matches") && !run.stderr.contains("--offline"), "{run}");
    // An unknown host key proves nothing, so nothing is offered.
    world.cloud.add(ec2ssh_lab::Instance::named(ID, "my-instance"));
    world.cloud.fail("DescribeInstances", unavailable(), usize::MAX);
    std::fs::remove_file(world.known_hosts()).unwrap();
    let run = world.run(&format!("-i k {line} true")).expect(255);
    assert!(run.stderr.contains("Unavailable") && !run.stderr.contains("--offline"), "{run}");
}

#[test]
fn plain_ssh_reaches_the_instance_without_aws() {
    for place in [Place::new(), Place::new_without_fdpass()] {
        place.ssh(&["my-instance", "true"]).expect(0);
        place.world.cloud.fail("DescribeInstances", unavailable(), usize::MAX);
        let pushes = place.world.cloud.count("SendSSHPublicKey");
        let line = format!("{} my-instance 'sleep 1; echo in'; echo \"status $?\"", place.ssh_command());
        let mut terminal = Terminal::run(&place.world, &line);
        terminal.wait_for("(yes/no)");
        terminal.type_in("yes\r");
        terminal.wait_for("status 0");
        assert_eq!(place.world.cloud.count("SendSSHPublicKey"), pushes, "the key was still good");
        let run = place.ssh(&["my-instance", "true"]).expect(255);
        assert!(run.stderr.contains("ec2ssh --offline my-instance"), "{run}");
    }
}

/// A known host key does not make another account's or region's instance the one that is asked for.
#[test]
fn other_account_or_region_is_not_offered() {
    let (world, line) = world();
    let line = format!("--offline -i k {line} true");
    for (name, value) in [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "AKIAOTHER")] {
        let run = Run::of(world.ec2ssh(&line).env(name, value).output().unwrap()).expect(255);
        assert!(run.stderr.starts_with("Error: nothing is remembered of 'my-instance'\n"), "{name}: {run}");
    }
    world.run(&line).expect(0);
}

/// An ssh that judges by itself gets the connection only where the host key proves whose it is.
#[test]
fn proxy_proves_the_host_key_first() {
    let (world, line) = world();
    let port = line.split(' ').nth(1).unwrap().to_owned();
    let proxy = format!("proxy --offline my-instance:{port}");
    let run = world.run_with_input(world.ec2ssh(&proxy), b"");
    assert!(run.out().starts_with("SSH-2.0-"), "{run}");
    std::fs::remove_file(world.known_hosts()).unwrap();
    let run = world.run_with_input(world.ec2ssh(&proxy), b"");
    assert_eq!((run.code, run.out().as_str()), (255, ""), "{run}");
    assert!(run.stderr.contains("nothing proves that") && run.stderr.contains("is not known"), "{run}");
}

/// The block keeps the caller's agent from ssh, so ec2ssh's own agent offers its keys.
#[test]
fn plain_ssh_uses_the_callers_agent_without_aws() {
    let place = Place::new();
    place.ssh(&["my-instance", "true"]).expect(0);
    keygen(place.world.home.path(), "k", &["-t", "ed25519", "-N", ""]);
    let public = std::fs::read_to_string(place.world.path("k.pub")).unwrap();
    place.sshd.authorize(&public);
    place.world.forget_key();
    place.world.cloud.fail("DescribeInstances", unavailable(), usize::MAX);
    let agent = SshAgent::start(&place.world, &["k"]);
    let line = format!(
        "SSH_AUTH_SOCK='{}' {} my-instance 'echo in'; echo \"status $?\"",
        agent.socket.display(),
        place.ssh_command()
    );
    let mut terminal = Terminal::run(&place.world, &line);
    terminal.wait_for("(yes/no)");
    terminal.type_in("yes\r");
    terminal.wait_for("status 0");
}
