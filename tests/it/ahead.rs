//! What is remembered of an instance, and gone ahead with while AWS is asked again: never further than the look-up allows.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use ec2ssh::confirmation::Confirmation;
use ec2ssh_lab::{Fault, HostKey, Instance, Sshd};

use crate::support::pty::Terminal;
use crate::support::{ID, RealSshd, Run, World, wait_until};

const OTHER: &str = "i-0123456789abcde02";
const NEW: &str = "--host-keys accept-new";

/// Long enough for all that goes ahead to have come as far as it may.
const SLOW: Fault = Fault::Delay(Duration::from_secs(2));

/// A real sshd that answers at two addresses and tells of each step of a login.
fn at_two_addresses() -> (World, RealSshd) {
    let (world, _) = World::with_instance();
    let sshd = RealSshd::start(&world.cloud, ID, "ListenAddress 127.0.0.2\nLogLevel DEBUG1");
    let line = |kind: &str| fs::read_to_string(sshd.host_key(kind)).unwrap().trim().to_owned();
    world.cloud.print_host_keys(ID, &[line("ed25519"), line("ecdsa")]);
    (world, sshd)
}

/// The instance is at the second of them from now on.
fn moved(world: &World) {
    world.cloud.add(Instance { public_ip: Some("127.0.0.2".to_owned()), ..Instance::named(ID, "my-instance") });
}

fn position(run: &Run, step: &str) -> usize {
    run.stderr.lines().position(|line| line.contains(step)).unwrap_or_else(|| panic!("{step}: {run}"))
}

#[test]
fn a_known_instance_is_pushed_to_and_dialled_beside_the_look_up() {
    let (world, sshd) = at_two_addresses();
    let target = format!("-p {} -l {} my-instance", sshd.port, sshd.user);
    world.run(&format!("-q {target} true")).expect(0);
    world.cloud.fail("DescribeInstances", SLOW, 1);
    let run = world.run(&format!("-v {target} exit 3")).expect(3);
    assert!(position(&run, "pushed the public key") < position(&run, "found i-"), "{run}");
    assert!(position(&run, "SSH key exchange done") < position(&run, "found i-"), "{run}");
    assert!(position(&run, "found i-") < position(&run, "logged in"), "{run}");
    assert_eq!(world.cloud.count("DescribeInstances"), 2);
    // No more than that is asked for.
    assert_eq!(["DescribeImages", "GetConsoleOutput"].map(|call| world.cloud.count(call)), [0, 1]);
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 2);
}

#[test]
fn nobody_logs_in_at_an_address_that_the_look_up_does_not_confirm() {
    let (world, sshd) = at_two_addresses();
    let target = format!("-p {} -l {} my-instance", sshd.port, sshd.user);
    world.run(&format!("-q {target} true")).expect(0);
    // A query and a signature for each login.
    let logins = || sshd.log().matches("userauth-request for user").count();
    let before = logins();
    moved(&world);
    world.cloud.fail("DescribeInstances", SLOW, 1);
    let run = world.run(&format!("-v {target} exit 3")).expect(3);
    assert!(position(&run, "SSH key exchange done") < position(&run, "is not what it was last time"), "{run}");
    assert!(run.stderr.contains("connected to 127.0.0.2"), "{run}");
    assert_eq!(logins(), 2 * before, "{}", sshd.log());
    // It is remembered where it is now.
    let run = world.run(&format!("-v {target} exit 3")).expect(3);
    assert!(!run.stderr.contains("is not what it was") && !run.stderr.contains("127.0.0.1:"), "{run}");
}

#[test]
fn plain_ssh_is_handed_no_connection_that_the_look_up_does_not_confirm() {
    let (world, sshd) = at_two_addresses();
    let config = world.run("config print --match my-*").expect(0).out() + &format!("Port {}\n", sshd.port);
    let config = world.file("ssh_config", &config, 0o600);
    let ssh = |more: &[&str]| {
        let mut command = world.command(crate::support::tool("ssh"));
        command.arg("-F").arg(&config).args(["-o", "BatchMode=yes", "-o", "UserKnownHostsFile=/dev/null"]).args(more);
        Run::of(command.args(["-l", &sshd.user, "my-instance", "exit 3"]).output().unwrap())
    };
    ssh(&[]).expect(3);
    moved(&world);
    // Whatever ssh sends over the old connection, its identification above all, comes after the answer.
    let spoken = |log: String| log.matches("Remote protocol version").count();
    let before = spoken(sshd.log());
    world.cloud.fail("DescribeInstances", SLOW, 1);
    ssh(&[]).expect(3);
    assert_eq!(spoken(sshd.log()), before + 1, "{}", sshd.log());
    let last = sshd.log().lines().filter(|line| line.contains("Accepted publickey")).count();
    assert_eq!(last, 2, "{}", sshd.log());
}

#[test]
fn a_name_that_went_to_another_instance_leads_there() {
    let (world, port) = World::with_instance();
    world.run(&format!("-q {NEW} -p {port} my-instance true")).expect(0);
    world.cloud.add(Instance::named(ID, "gone-from-here"));
    world.cloud.add(Instance::named(OTHER, "my-instance"));
    let key = HostKey::fresh();
    let elsewhere = world.cloud.sshd(OTHER, Sshd { host_key: key, ..Sshd::default() });
    // The same port at both: what answers is not who is meant until AWS has said so.
    world.config(&format!("[[host]]\nmatch = \"{OTHER}\"\nport = {elsewhere}\n"));
    world.cloud.fail("DescribeInstances", SLOW, 1);
    let run = world.run(&format!("-v {NEW} -p {elsewhere} my-instance exit 3")).expect(3);
    assert!(run.stderr.contains(&format!("{ID} is not what it was last time: beginning anew with {OTHER}")), "{run}");
    let kept = fs::read_to_string(world.known_hosts()).unwrap();
    let of = |id: &str| kept.lines().filter(|line| line.contains(id)).count();
    assert_eq!((of(ID), of(OTHER)), (1, 1), "a host key was learned before it was known whose: {kept}");
}

#[test]
fn a_stopped_one_is_still_said_to_be_stopped() {
    let (world, port) = World::with_instance();
    world.run(&format!("-q {NEW} -p {port} my-instance true")).expect(0);
    world.cloud.add(Instance::named(ID, "my-instance").state("stopped"));
    let run = world.run(&format!("-p {port} my-instance true")).expect(255);
    assert!(run.stderr.contains("is stopped") && run.stderr.contains("--start"), "{run}");
    // And where it cannot be looked up, nobody logs in.
    world.cloud.add(Instance::named(ID, "my-instance"));
    world.cloud.fail("DescribeInstances", Fault::error(403, "UnauthorizedOperation", "no"), 9);
    let run = world.run(&format!("-v -p {port} my-instance true")).expect(255);
    assert!(!run.stderr.contains("logged in") && run.stderr.contains("ec2:DescribeInstances"), "{run}");
}

/// A question before the answer might be about a machine that nobody means.
#[test]
fn nobody_is_asked_anything_before_the_look_up_agrees() {
    let (world, port) = World::with_instance();
    world.run(&format!("-q {NEW} -p {port} my-instance true")).expect(0);
    fs::remove_file(world.known_hosts()).unwrap();
    world.cloud.fail("DescribeInstances", SLOW, 1);
    let mut terminal =
        Terminal::run(&world, &format!("\"$EC2SSH\" -v -p {port} my-instance exit 3; echo \"status $?\""));
    terminal.wait_for("Is it the instance's?");
    let screen = terminal.text();
    let at = |text: &str| screen.find(text).unwrap_or_else(|| panic!("{text}: {screen}"));
    assert!(at("found i-") < at("Is it the instance's?"), "{screen}");
    terminal.type_in("yes\r");
    terminal.wait_for("status 3");
}

/// A server gives nobody for ever to log in, and a person thinks.
#[test]
fn what_has_gone_ahead_is_begun_anew_where_a_person_had_to_choose() {
    let (world, _) = World::with_instance();
    let sshd = RealSshd::start(&world.cloud, ID, "LoginGraceTime 4");
    let line = |kind: &str| fs::read_to_string(sshd.host_key(kind)).unwrap().trim().to_owned();
    world.cloud.print_host_keys(ID, &[line("ed25519"), line("ecdsa")]);
    let target = format!("-p {} -l {} my-inst", sshd.port, sshd.user);
    world.run(&format!("-q {target} true")).expect(0);
    world.cloud.add(Instance::named(OTHER, "my-instant"));
    world.cloud.fail("DescribeInstances", SLOW, 1);
    let mut terminal = Terminal::run(&world, &format!("\"$EC2SSH\" -v {target} exit 3; echo \"status $?\""));
    terminal.wait_for("SSH key exchange done");
    terminal.wait_for("Which one");
    std::thread::sleep(Duration::from_secs(3));
    terminal.type_in("1\r");
    terminal.wait_for("status 3");
    // What went ahead is gone with all that it had to say.
    assert_eq!(terminal.text().matches("Route: ").count(), 1, "{}", terminal.text());
}

/// The look-up fails while the work waits for it with a session of Session Manager and a host key that is not known.
#[test]
fn a_session_that_went_ahead_is_ended_where_it_is_not_wanted() {
    let world = World::private();
    world.run("-q --via ssm db-1 true").expect(0);
    fs::remove_file(world.known_hosts()).unwrap();
    world.cloud.fail("DescribeInstances", SLOW, 1);
    world.cloud.add(Instance::named(ID, "another-name").private());
    let run = world.run("-v --via ssm db-1 true").expect(255);
    assert!(run.stderr.contains("Route: Session Manager"), "{run}");
    assert_eq!(world.cloud.sessions().0, 2, "it did not go ahead");
    wait_until("the session ends", || world.cloud.open_sessions() == 0);
}

#[test]
fn proxy_joins_nobody_to_what_the_look_up_does_not_confirm() {
    let (world, sshd) = at_two_addresses();
    let key = crate::support::keygen(world.home.path(), "key", &["-t", "ed25519", "-N", ""]);
    let proxy = format!("'{}' proxy -i {} -p {} %r@my-instance", crate::support::BINARY, key.display(), sshd.port);
    let ssh = || {
        let mut command = world.command(crate::support::tool("ssh"));
        command.args(["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]);
        command.args(["-o", "UserKnownHostsFile=/dev/null", "-o", &format!("ProxyCommand={proxy}"), "-i"]).arg(&key);
        Run::of(command.args(["-l", &sshd.user, "my-instance", "exit 3"]).output().unwrap())
    };
    ssh().expect(3);
    moved(&world);
    let spoken = |log: String| log.matches("Remote protocol version").count();
    let before = spoken(sshd.log());
    world.cloud.fail("DescribeInstances", SLOW, 1);
    ssh().expect(3);
    assert_eq!(spoken(sshd.log()), before + 1, "{}", sshd.log());
    // The fixture's look, the first connection, what went ahead to the old address, and the second.
    assert_eq!(sshd.log().matches("Connection from").count(), 4, "{}", sshd.log());
}

/// What is damaged or of another version is as good as absent.
#[test]
fn a_memory_that_cannot_be_read_is_no_obstacle() {
    let (world, port) = World::with_instance();
    world.run(&format!("-q {NEW} -p {port} my-instance true")).expect(0);
    let file = world.path("cache/ec2ssh/instances.json");
    assert!(fs::read_to_string(&file).unwrap().contains(ID));
    for damaged in ["", "{", "[1]", "{\"|eu-west-1|Only|my-instance\": {\"at\": 1}}"] {
        fs::write(&file, damaged).unwrap();
        let run = world.run(&format!("-v -p {port} my-instance exit 3")).expect(3);
        assert!(!run.stderr.contains("going ahead"), "{run}");
    }
    let run = world.run(&format!("-v -p {port} my-instance exit 3")).expect(3);
    assert!(run.stderr.contains("going ahead"), "{run}");
}

/// The connection to the service that will be needed is there before the call that needs it is made, and is then used.
#[test]
fn connections_to_the_services_are_opened_before_they_are_needed() {
    let (world, port) = World::with_instance();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = format!("http://{}", listener.local_addr().unwrap());
    world.cloud.fail("DescribeInstances", SLOW, 1);
    let mut command = world.ec2ssh(&format!("-q {NEW} -p {port} my-instance exit 3"));
    let mut child = command.env("AWS_ENDPOINT_URL_EC2_INSTANCE_CONNECT", here).spawn().unwrap();
    let (mut early, _) = listener.accept().unwrap();
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 0);
    let mut request = [0; 65536];
    let count = early.read(&mut request).unwrap();
    assert_eq!(world.cloud.count("DescribeInstances"), 1);
    let request = String::from_utf8_lossy(&request[..count]).into_owned();
    assert!(request.contains("SendSSHPublicKey"), "{request}");
    let answer = "{\"Success\":true,\"RequestId\":\"r\"}";
    write!(early, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len()).unwrap();
    // Nobody pushed it: what the connection was for is seen, and that is all.
    assert_eq!(child.wait().unwrap().code(), Some(255));
}

#[tokio::test]
async fn a_confirmation_that_is_never_given_is_waited_for_for_ever() {
    Confirmation::given().wait().await;
    let (confirmer, confirmation) = Confirmation::awaited();
    let soon = |confirmation: Confirmation| async move {
        tokio::time::timeout(Duration::from_millis(50), confirmation.wait()).await.is_ok()
    };
    assert!(!soon(confirmation.clone()).await);
    confirmer.confirm();
    assert!(soon(confirmation.clone()).await && soon(confirmation).await);
    let (confirmer, confirmation) = Confirmation::awaited();
    drop(confirmer);
    assert!(!soon(confirmation).await);
}
