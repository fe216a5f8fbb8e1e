//! Speculative connections from the cached look-up: how far they go before AWS has confirmed it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use ec2ssh_lab::{Fault, HostKey, Instance, Sshd};

use crate::support::pty::Terminal;
use crate::support::{ID, RealSshd, Run, World, wait_until};

const OTHER: &str = "i-0123456789abcde02";
const ACCEPT_NEW: &str = "--host-keys accept-new";

/// Long enough for the speculative work to go as far as it may.
const SLOW_LOOKUP: Fault = Fault::Delay(Duration::from_secs(4));

/// Starts a real sshd that listens on two addresses and logs each step of a login.
fn sshd_at_two_addresses() -> (World, RealSshd) {
    let (world, _) = World::with_instance();
    let sshd = RealSshd::start(&world.cloud, ID, "ListenAddress 127.0.0.2\nLogLevel DEBUG1");
    let line = |kind: &str| fs::read_to_string(sshd.host_key(kind)).unwrap().trim().to_owned();
    world.cloud.print_host_keys(ID, &[line("ed25519"), line("ecdsa")]);
    (world, sshd)
}

/// Moves the instance to the second of these addresses.
fn move_to_second_address(world: &World) {
    world.cloud.add(Instance { public_ip: Some("127.0.0.2".to_owned()), ..Instance::named(ID, "my-instance") });
}

fn position(run: &Run, step: &str) -> usize {
    run.stderr.lines().position(|line| line.contains(step)).unwrap_or_else(|| panic!("{step}: {run}"))
}

/// With a cached look-up the key is pushed and the SSH key exchange done before DescribeInstances answers. Only the
/// login waits.
#[test]
fn cached_instance_is_dialed_during_the_lookup() {
    let (world, sshd) = sshd_at_two_addresses();
    let target = format!("-p {} -l {} my-instance", sshd.port, sshd.user);
    world.run(&format!("-q {target} true")).expect(0);
    world.forget_key();
    world.cloud.fail("DescribeInstances", SLOW_LOOKUP, 1);
    let run = world.run(&format!("-v {target} exit 3")).expect(3);
    assert!(position(&run, "pushed the public key") < position(&run, "found i-"), "{run}");
    assert!(position(&run, "SSH key exchange done") < position(&run, "found i-"), "{run}");
    assert!(position(&run, "found i-") < position(&run, "logged in"), "{run}");
    assert_eq!(world.cloud.count("DescribeInstances"), 2);
    // No further calls are made.
    assert_eq!(["DescribeImages", "GetConsoleOutput"].map(|call| world.cloud.count(call)), [0, 1]);
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 2);
}

/// The instance has moved: the connection to the cached address is dropped before authentication.
#[test]
fn login_waits_for_confirmed_lookup() {
    let (world, sshd) = sshd_at_two_addresses();
    let target = format!("-p {} -l {} my-instance", sshd.port, sshd.user);
    world.run(&format!("-q {target} true")).expect(0);
    // Each login is logged twice: the query and the signature.
    let logins = || sshd.log().matches("userauth-request for user").count();
    let before = logins();
    move_to_second_address(&world);
    world.cloud.fail("DescribeInstances", SLOW_LOOKUP, 1);
    let run = world.run(&format!("-v {target} exit 3")).expect(3);
    assert!(position(&run, "SSH key exchange done") < position(&run, "is stale: connecting to"), "{run}");
    assert!(run.stderr.contains("connected to 127.0.0.2"), "{run}");
    assert_eq!(logins(), 2 * before, "{}", sshd.log());
    // The new address is cached now.
    let run = world.run(&format!("-v {target} exit 3")).expect(3);
    assert!(!run.stderr.contains("is stale") && !run.stderr.contains("127.0.0.1:"), "{run}");
}

/// With the ssh_config block, ssh gets a connection only after the look-up has confirmed its address.
#[test]
fn ssh_gets_no_unconfirmed_connection() {
    let (world, sshd) = sshd_at_two_addresses();
    let config = world.run("config print --match my-*").expect(0).out() + &format!("Port {}\n", sshd.port);
    let config = world.file("ssh_config", &config, 0o600);
    let ssh = |more: &[&str]| {
        let mut command = world.command(crate::support::tool("ssh"));
        command.arg("-F").arg(&config).args(["-o", "BatchMode=yes", "-o", "UserKnownHostsFile=/dev/null"]).args(more);
        Run::of(command.args(["-l", &sshd.user, "my-instance", "exit 3"]).output().unwrap())
    };
    ssh(&[]).expect(3);
    move_to_second_address(&world);
    // Everything that ssh sends over the old connection, first of all its identification string, waits for the look-up.
    let identifications = |log: String| log.matches("Remote protocol version").count();
    let before = identifications(sshd.log());
    world.cloud.fail("DescribeInstances", SLOW_LOOKUP, 1);
    ssh(&[]).expect(3);
    assert_eq!(identifications(sshd.log()), before + 1, "{}", sshd.log());
    let last = sshd.log().lines().filter(|line| line.contains("Accepted publickey")).count();
    assert_eq!(last, 2, "{}", sshd.log());
}

/// The push to a cached instance that has gone fails. Nothing is said of it, because the look-up then finds the new one.
#[test]
fn stale_instance_causes_no_error_in_ssh() {
    let (world, sshd) = sshd_at_two_addresses();
    let config = world.run("config print --match my-*").expect(0).out() + &format!("Port {}\n", sshd.port);
    let config = world.file("ssh_config", &config, 0o600);
    let ssh = || {
        let mut command = world.command(crate::support::tool("ssh"));
        command.arg("-F").arg(&config).args(["-q", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=/dev/null"]);
        Run::of(command.args(["-l", &sshd.user, "my-instance", "exit 3"]).output().unwrap()).expect(3)
    };
    ssh();
    move_to_second_address(&world);
    world.forget_key();
    world.cloud.fail("DescribeInstances", SLOW_LOOKUP, 1);
    world.cloud.fail("SendSSHPublicKey", Fault::error(400, "EC2InstanceNotFoundException", "gone"), 1);
    let run = ssh();
    assert!(!run.stderr.contains("Error:"), "{run}");
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 3);
}

/// A host key is stored only after the look-up has confirmed which instance it belongs to.
#[test]
fn reassigned_name_leads_to_its_new_instance() {
    let (world, _port) = World::trusted();
    world.cloud.add(Instance::named(ID, "gone-from-here"));
    world.cloud.add(Instance::named(OTHER, "my-instance"));
    let key = HostKey::fresh();
    let elsewhere = world.cloud.sshd(OTHER, Sshd { host_key: key, ..Sshd::default() });
    // Both instances use the same port: what answers there is not the intended instance until AWS has confirmed it.
    world.config(&format!("[[host]]\nmatch = \"{OTHER}\"\nport = {elsewhere}\n"));
    world.cloud.fail("DescribeInstances", SLOW_LOOKUP, 1);
    let run = world.run(&format!("-v {ACCEPT_NEW} -p {elsewhere} my-instance exit 3")).expect(3);
    assert!(run.stderr.contains(&format!("the cached look-up of {ID} is stale: connecting to {OTHER}")), "{run}");
    let kept = fs::read_to_string(world.known_hosts()).unwrap();
    let of = |id: &str| kept.lines().filter(|line| line.contains(id)).count();
    assert_eq!((of(ID), of(OTHER)), (1, 1), "a host key was learned before it was known whose: {kept}");
}

/// The cache hides neither that an instance was stopped nor that the look-up failed.
#[test]
fn cached_instance_that_stopped_is_reported() {
    let (world, port) = World::trusted();
    world.cloud.add(Instance::named(ID, "my-instance").state("stopped"));
    let run = world.run(&format!("-p {port} my-instance true")).expect(255);
    assert!(run.stderr.contains("is stopped") && run.stderr.contains("--start"), "{run}");
    // Without a successful look-up there is no login.
    world.cloud.add(Instance::named(ID, "my-instance"));
    world.cloud.fail("DescribeInstances", Fault::error(403, "UnauthorizedOperation", "no"), 9);
    let run = world.run(&format!("-v -p {port} my-instance true")).expect(255);
    assert!(!run.stderr.contains("logged in") && run.stderr.contains("ec2:DescribeInstances"), "{run}");
}

/// A prompt before the look-up has answered might be about the wrong instance.
#[test]
fn prompts_wait_for_confirmed_lookup() {
    let (world, port) = World::trusted();
    fs::remove_file(world.known_hosts()).unwrap();
    world.cloud.fail("DescribeInstances", SLOW_LOOKUP, 1);
    let mut terminal =
        Terminal::run(&world, &format!("\"$EC2SSH\" -v -p {port} my-instance exit 3; echo \"status $?\""));
    terminal.wait_for("Is this the key of the instance?");
    let screen = terminal.text();
    let at = |text: &str| screen.find(text).unwrap_or_else(|| panic!("{text}: {screen}"));
    assert!(at("found i-") < at("Is this the key of the instance?"), "{screen}");
    terminal.type_in("yes\r");
    terminal.wait_for("status 3");
}

/// A prompt can outlast the server's LoginGraceTime, so the speculative connection is dropped and made again.
#[test]
fn speculative_connection_is_replaced_after_a_prompt() {
    let (world, _) = World::with_instance();
    let sshd = RealSshd::start(&world.cloud, ID, "LoginGraceTime 4");
    let line = |kind: &str| fs::read_to_string(sshd.host_key(kind)).unwrap().trim().to_owned();
    world.cloud.print_host_keys(ID, &[line("ed25519"), line("ecdsa")]);
    let target = format!("-p {} -l {} my-inst", sshd.port, sshd.user);
    world.run(&format!("-q {target} true")).expect(0);
    world.cloud.add(Instance::named(OTHER, "my-instant"));
    world.cloud.fail("DescribeInstances", SLOW_LOOKUP, 1);
    let mut terminal = Terminal::run(&world, &format!("\"$EC2SSH\" -v {target} exit 3; echo \"status $?\""));
    terminal.wait_for("SSH key exchange done");
    terminal.wait_for("Which one");
    wait_until("sshd gives up", || sshd.sessions().is_empty());
    terminal.type_in("1\r");
    terminal.wait_for("status 3");
    // The speculative attempt was dropped together with its buffered events.
    assert_eq!(terminal.text().matches("Route: ").count(), 1, "{}", terminal.text());
}

/// The look-up fails while the speculative connection, with a Session Manager session and an unknown host key, waits
/// for it.
#[test]
fn speculative_session_ends_when_lookup_fails() {
    let world = World::private();
    world.run("-q --via ssm db-1 true").expect(0);
    fs::remove_file(world.known_hosts()).unwrap();
    world.cloud.fail("DescribeInstances", SLOW_LOOKUP, 1);
    world.cloud.add(Instance::named(ID, "another-name").private());
    let run = world.run("-v --via ssm db-1 true").expect(255);
    assert!(run.stderr.contains("Route: Session Manager"), "{run}");
    assert_eq!(world.cloud.sessions().0, 2, "it did not go ahead");
    wait_until("the session ends", || world.cloud.open_sessions() == 0);
}

/// As a ProxyCommand, `ec2ssh proxy` sends no byte of ssh's to an address that the look-up has not confirmed.
#[test]
fn proxy_relays_nothing_before_confirmed_lookup() {
    let (world, sshd) = sshd_at_two_addresses();
    let key = crate::support::keygen(world.home.path(), "key", &["-t", "ed25519", "-N", ""]);
    let proxy = format!("'{}' proxy -i {} -p {} %r@my-instance", crate::support::BINARY, key.display(), sshd.port);
    let ssh = || {
        let mut command = world.command(crate::support::tool("ssh"));
        command.args(["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]);
        command.args(["-o", "UserKnownHostsFile=/dev/null", "-o", &format!("ProxyCommand={proxy}"), "-i"]).arg(&key);
        Run::of(command.args(["-l", &sshd.user, "my-instance", "exit 3"]).output().unwrap())
    };
    ssh().expect(3);
    move_to_second_address(&world);
    let identifications = |log: String| log.matches("Remote protocol version").count();
    let before = identifications(sshd.log());
    world.cloud.fail("DescribeInstances", SLOW_LOOKUP, 1);
    ssh().expect(3);
    assert_eq!(identifications(sshd.log()), before + 1, "{}", sshd.log());
    // The connections are the fixture's probe, the first login, the speculative one to the old address, and the one to
    // the new address.
    assert_eq!(sshd.log().matches("Connection from").count(), 4, "{}", sshd.log());
}

/// A cache file that is damaged or of another version counts as absent.
#[test]
fn damaged_lookup_cache_is_ignored() {
    let (world, port) = World::trusted();
    let file = world.path("cache/ec2ssh/instances.json");
    assert!(fs::read_to_string(&file).unwrap().contains(ID));
    for damaged in ["", "{", "[1]", "{\"|eu-west-1|Only|my-instance\": {\"at\": 1}}"] {
        fs::write(&file, damaged).unwrap();
        let run = world.run(&format!("-v -p {port} my-instance exit 3")).expect(3);
        assert!(!run.stderr.contains("using the cached look-up"), "{run}");
    }
    let run = world.run(&format!("-v -p {port} my-instance exit 3")).expect(3);
    assert!(run.stderr.contains("using the cached look-up"), "{run}");
}

/// A connection to the next service is opened before the first call to it, and the call then uses it.
#[test]
fn service_connections_are_opened_early() {
    let (world, port) = World::with_instance();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = format!("http://{}", listener.local_addr().unwrap());
    world.cloud.fail("DescribeInstances", SLOW_LOOKUP, 1);
    let mut command = world.ec2ssh(&format!("-q {ACCEPT_NEW} -p {port} my-instance exit 3"));
    let mut child = command.env("AWS_ENDPOINT_URL_EC2_INSTANCE_CONNECT", here).spawn().unwrap();
    let (mut early, _) = listener.accept().unwrap();
    // Nothing is asked over it yet: the look-up is still under way.
    early.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    assert_eq!(early.peek(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    early.set_read_timeout(None).unwrap();
    let mut request = [0; 65536];
    let count = early.read(&mut request).unwrap();
    assert_eq!(world.cloud.count("DescribeInstances"), 1);
    let request = String::from_utf8_lossy(&request[..count]).into_owned();
    assert!(request.contains("SendSSHPublicKey"), "{request}");
    let answer = "{\"Success\":true,\"RequestId\":\"r\"}";
    write!(early, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len()).unwrap();
    // The key was never really pushed, so the login fails; only the early connection matters here.
    assert_eq!(child.wait().unwrap().code(), Some(255));
}

/// Two accounts may have an instance of one name. The look-up that is cached for one account is not used for the other.
#[test]
fn cached_lookup_belongs_to_its_account() {
    let (world, port) = World::trusted();
    let line = format!("-v {ACCEPT_NEW} -p {port} my-instance true");
    let run = world.run(&line).expect(0);
    assert!(run.stderr.contains("using the cached look-up"), "{run}");
    let other = ec2ssh_lab::Cloud::start();
    other.add(Instance::named(OTHER, "my-instance"));
    let elsewhere = other.sshd(OTHER, Sshd::default());
    let mut command = world.ec2ssh(&line.replace(&port.to_string(), &elsewhere.to_string()));
    command.env("AWS_ENDPOINT_URL", other.endpoint()).env("AWS_ACCESS_KEY_ID", other.access_key());
    let run = Run::of(command.output().unwrap()).expect(0);
    assert!(!run.stderr.contains("using the cached look-up") && run.stderr.contains(OTHER), "{run}");
    // The first account's entry is still there.
    let run = world.run(&line).expect(0);
    assert!(run.stderr.contains("using the cached look-up"), "{run}");
}
