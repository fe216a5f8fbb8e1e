//! The routes to an instance without a public address: an endpoint (EICE), Session Manager, and the choice between
//! them. The binary runs against the embedded cloud, whose endpoint and Session Manager check what they receive.

use std::time::Duration;

use ec2ssh_lab::{Agent, Endpoint, Fault, Instance, Sshd, TunnelFault};

use crate::support::pty::Terminal;
use crate::support::{EICE, ID, World, wait_for_line, wait_until};

fn agent_with(world: &World, change: impl FnOnce(&mut Agent)) -> Agent {
    let mut agent = Agent::recent();
    change(&mut agent);
    world.cloud.agent(ID, agent.clone());
    agent
}

/// Starts a session through Session Manager, and waits until its command runs.
fn session_with_command(world: &World) -> std::process::Child {
    let mark = world.path("mark");
    let child = world.ec2ssh(&format!("--via ssm db-1 touch {}; sleep 100", mark.display())).spawn().unwrap();
    wait_until("the command runs", || mark.exists());
    std::fs::remove_file(mark).unwrap();
    child
}

#[track_caller]
fn assert_no_complaints(agent: &Agent) {
    assert_eq!(*agent.protocol_errors.lock().unwrap(), Vec::<String>::new());
}

#[test]
fn a_private_instance_is_reached_by_each_route() {
    let world = World::private();
    for via in ["eice", "ssm", "auto"] {
        let run = world.run(&format!("--via {via} db-1 echo hello")).expect(0);
        assert_eq!((run.out().as_str(), run.stderr.as_str()), ("hello\n", ""), "{via}");
    }
    assert_eq!(world.cloud.sessions().0, 1, "auto goes through the endpoint");
    let asked = world.cloud.tunnels();
    let expected = [("instanceConnectEndpointId", EICE), ("remotePort", "22"), ("privateIpAddress", "127.77.0.149")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(asked, [expected.to_vec(), expected.to_vec()]);
}

#[test]
fn session_is_ended_on_every_exit() {
    let world = World::private();
    let agent = agent_with(&world, |_| ());
    // The remote side ends the session.
    world.run("--via ssm db-1 true").expect(0);
    let is_ended = || world.cloud.open_sessions() == 0;
    wait_until("the session of a command that has ended ends", is_ended);
    assert_eq!(world.cloud.count("TerminateSession"), 0);
    // The login fails.
    let key = crate::support::keygen(world.home.path(), "other", &["-t", "ed25519", "-N", ""]);
    world.run(&format!("--via ssm -i {} db-1 true", key.display())).expect(255);
    wait_until("the session of a failed login ends", is_ended);
    // A signal ends ec2ssh.
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM, rustix::process::Signal::HUP] {
        let mut child = session_with_command(&world);
        assert_eq!(world.cloud.open_sessions(), 1);
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        child.wait().unwrap();
        wait_until("the session ends with us", is_ended);
    }
    assert_no_complaints(&agent);
}

const PANIC: &str = "EC2SSH_TEST_PANICS_IN_A_SESSION";

/// Panics inside a session when the next test runs it as a child process; otherwise does nothing.
#[test]
fn child_that_panics_in_a_session() {
    if std::env::var_os(PANIC).is_none() {
        return;
    }
    ec2ssh::internals::with_panic_hook(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let _link = ec2ssh::internals::open_session_manager_stream("db-1", "key.pub".into()).await;
            // The panic is on the thread that would have to serve the session.
            panic!("as it was asked to");
        })
    });
}

#[test]
fn panic_terminates_the_session() {
    let world = World::private();
    crate::support::keygen(world.home.path(), "key", &["-t", "ed25519", "-N", ""]);
    let mut child = world.command(std::env::current_exe().unwrap());
    child.args(["--exact", "routes::child_that_panics_in_a_session", "--nocapture"]).env(PANIC, "1");
    let run = crate::support::Run::of(child.output().unwrap()).expect(255);
    assert!(run.stderr.contains("Error: internal error (panic)"), "{run}");
    assert_eq!((world.cloud.sessions().0, world.cloud.count("TerminateSession")), (1, 1), "{run}");
    wait_until("the session ends", || world.cloud.open_sessions() == 0);
}

/// The user interrupts ec2ssh while it still waits for the agent's handshake.
#[test]
fn interrupt_during_agent_handshake_terminates_session() {
    let world = World::private();
    agent_with(&world, |agent| agent.mute = true);
    let mut child = world.ec2ssh("-v --via ssm db-1 true").stderr(std::process::Stdio::piped()).spawn().unwrap();
    wait_for_line(child.stderr.take().unwrap(), "started the session");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    // It ends by the signal, not by the time limit of the handshake.
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(world.cloud.count("TerminateSession"), 1);
}

/// Routes that lose the race leave nothing open, whichever they are.
#[test]
fn losing_routes_are_closed() {
    let world = World::private();
    agent_with(&world, |agent| agent.mute = true);
    world.cloud.fail_tunnels(TunnelFault::Mute);
    // Both EICE and Session Manager are being dialed without an answer when the direct route connects.
    let private_ip = Some("127.79.0.1".to_owned());
    world.cloud.add(Instance { private_ip, ..Instance::named(ID, "db-1").private() });
    let port = world.cloud.local_port(ID, 22).unwrap();
    // A port that endpoints connect to, too.
    let own = 3389;
    let mute = std::net::TcpListener::bind(("127.79.0.1", own)).unwrap();
    world.cloud.port(ID, own, port);
    let child = {
        let mut command = world.ec2ssh(&format!("-v -p {own} db-1 echo hello"));
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    wait_until("both are under way", || (world.cloud.sessions().0, world.cloud.open_tunnels()) == (1, 1));
    let (mut client, _) = mute.accept().unwrap();
    let mut server = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (mut back, mut there) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut server, &mut back));
    std::thread::spawn(move || std::io::copy(&mut client, &mut there));
    let run = crate::support::Run::of(child.wait_with_output().unwrap()).expect(0);
    assert!(run.stderr.contains("Route: direct to 127.79.0.1"), "{run}");
    assert_eq!(world.cloud.count("TerminateSession"), 1, "{run}");
    wait_until("the tunnel is closed", || world.cloud.open_tunnels() == 0);
}

/// An old agent does not know the flag that ends a session, so ec2ssh calls TerminateSession.
#[test]
fn old_agents_session_is_terminated_by_call() {
    let world = World::private();
    let agent = agent_with(&world, |agent| agent.version = "2.3.700.0".to_owned());
    let mut child = session_with_command(&world);
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    child.wait().unwrap();
    assert_eq!(world.cloud.count("TerminateSession"), 1);
    wait_until("the session ends", || world.cloud.open_sessions() == 0);
    assert_no_complaints(&agent);
}

#[test]
fn working_route_is_remembered_for_a_day() {
    let world = World::private();
    world.run("db-1 true").expect(0);
    let run = world.run("-v db-1 true").expect(0);
    assert!(run.stderr.contains("Route: EICE") && run.stderr.contains("(it worked last time)"), "{run}");
    // A day later the routes are probed again.
    let file = world.path("cache/ec2ssh/routes.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    // The key is the account and the instance.
    let entry = json.as_object().unwrap().keys().next().unwrap().clone();
    assert!(entry.ends_with(ID), "{entry}");
    let entry = entry.as_str();
    assert_eq!(json[entry]["value"]["route"], "eice");
    // Repeated success does not extend the day.
    let first = json[entry]["at"].as_u64().unwrap() - 23 * 3600;
    json[entry]["at"] = first.into();
    std::fs::write(&file, json.to_string()).unwrap();
    world.run("db-1 true").expect(0);
    let mut json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(json[entry]["at"], first);
    json[entry]["at"] = (first - 2 * 3600).into();
    std::fs::write(&file, json.to_string()).unwrap();
    let run = world.run("-v db-1 true").expect(0);
    assert!(run.stderr.contains("(direct: 127.77.0.149:22: connection refused)"), "{run}");
    // A route that was forced with `--via` is not stored, and a damaged cache file does no harm.
    std::fs::write(&file, "{").unwrap();
    world.run("--via ssm db-1 true").expect(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{");
}

#[test]
fn failing_remembered_route_falls_back_to_others() {
    let world = World::private();
    world.run("db-1 true").expect(0);
    world.cloud.fail_tunnels(TunnelFault::Close(1011, "Unable to connect to target".to_owned()));
    let run = world.run("-v db-1 true").expect(0);
    let line = run.stderr.lines().find(|line| line.contains("Route:")).unwrap();
    assert!(line.contains("Route: Session Manager"), "{run}");
    assert!(line.contains("Unable to connect to target") && line.contains("connection refused"), "{run}");
}

/// A direct connection to a public address needs no further calls.
#[test]
fn direct_connection_makes_no_further_calls() {
    let (world, port) = World::with_instance();
    world.cloud.add_endpoint(Endpoint::new(EICE));
    world.cloud.agent(ID, Agent::recent());
    let run = world.run(&format!("-v -p {port} --host-keys accept-new my-instance true")).expect(0);
    assert!(run.stderr.contains("Route: direct to 127.0.0.1:"), "{run}");
    assert!(run.stderr.contains("(the instance has an address that answers)"), "{run}");
    assert_eq!(world.cloud.count("DescribeInstanceConnectEndpoints") + world.cloud.count("GetConnectionStatus"), 0);
    assert!(!world.path("cache/ec2ssh/routes.json").exists());
}

/// Uses a listener with a full queue, the nearest thing on loopback to a security group that drops packets.
#[test]
fn dropped_packets_do_not_block_other_routes() {
    let world = World::private();
    let (silent_address, _queued) = silent_address(22);
    world.cloud.add(Instance { public_ip: Some(silent_address), ..Instance::named(ID, "db-1").private() });
    let run = world.run("-v db-1 echo hello").expect(0);
    assert!(run.stderr.contains("(direct: no answer yet)"), "{run}");
    assert_eq!(run.out(), "hello\n");
}

/// Returns a loopback address that does not answer on this port, and the connections that fill its queue.
fn silent_address(port: u16) -> (String, Vec<std::net::TcpStream>) {
    let own = 1 + u8::try_from(std::process::id() % 250).unwrap();
    let address = format!("127.78.0.{own}");
    let listener = std::net::TcpListener::bind((address.as_str(), port)).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let to = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&to, Duration::from_millis(200)) {
        queued.push(stream);
    }
    queued.push(std::net::TcpStream::from(std::os::fd::OwnedFd::from(listener)));
    (address, queued)
}

/// Uses a listener that accepts the connection and sends nothing, as a proxy that swallows packets does.
#[test]
fn silent_server_does_not_block_other_routes() {
    let world = World::private();
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port();
    world.cloud.add(Instance { public_ip: Some("127.0.0.1".to_owned()), ..Instance::named(ID, "db-1").private() });
    // An endpoint connects only to port 22, the agent to any port.
    world.cloud.port(ID, port, world.cloud.local_port(ID, 22).unwrap());
    let run = world.run(&format!("-v -p {port} db-1 echo hello")).expect(0);
    assert_eq!(run.out(), "hello\n");
    assert!(
        run.stderr
            .contains("Route: Session Manager (direct: no answer yet; EICE: an EC2 Instance Connect Endpoint connects"),
        "{run}"
    );
    drop(mute);
}

#[test]
fn failure_gives_a_reason_for_each_route() {
    let world = World::private();
    world.cloud.add(Instance::named(ID, "db-1").private().tag("Env", "prod"));
    let agentless = "i-0123456789abcde02";
    world
        .cloud
        .add(Instance { vpc_id: "vpc-0000000000000000b".to_owned(), ..Instance::named(agentless, "lonely").private() });
    insta::assert_snapshot!(world.snapshot("lonely"));
    let denied = Fault::error(400, "UnauthorizedOperation", "You are not authorized to perform this operation.");
    world.cloud.fail("DescribeInstanceConnectEndpoints", denied, 1);
    insta::assert_snapshot!(world.snapshot("lonely"));
}

#[test]
fn forced_route_failure_gives_its_reason() {
    let world = World::private();
    let lonely = "i-0123456789abcde02";
    world
        .cloud
        .add(Instance { vpc_id: "vpc-0000000000000000b".to_owned(), ..Instance::named(lonely, "lonely").private() });
    let mut all = String::new();
    for line in [
        "--via eice lonely",
        "--via ssm lonely",
        "--via direct lonely",
        "--via eice -p 2222 db-1",
        "--eice-id eice-0aaaaaaaaaaaaaaaa db-1",
        "--eice-id nonsense db-1",
        "--max-tunnel-duration 3601 db-1",
    ] {
        all += &format!("{}\n", world.snapshot(line));
    }
    let ports = agent_with(&world, |agent| agent.refuse_port = true);
    all += &format!("{}\n", world.snapshot("--via ssm db-1"));
    assert_no_complaints(&ports);
    insta::assert_snapshot!(all);
}

#[test]
fn endpoint_refusals_are_quoted() {
    let world = World::private();
    let mut all = String::new();
    let denied = r#"{"ErrorCode":"AccessDenied","Message":"User is not authorized to perform: ec2-instance-connect:OpenTunnel"}"#;
    let limit = r#"{"Message":"The duration is more than the policy's ec2-instance-connect:maxTunnelDuration."}"#;
    for fault in [
        TunnelFault::Refuse(403, denied.to_owned()),
        TunnelFault::Refuse(502, "<html><body>Bad gateway</body></html>".to_owned()),
        TunnelFault::Refuse(403, limit.to_owned()),
        TunnelFault::Close(1011, "Unable to connect to target".to_owned()),
        TunnelFault::Close(1008, "evil \u{1b}[2J words".to_owned()),
        TunnelFault::Close(1000, String::new()),
    ] {
        all += &format!("--- {fault:?}\n");
        world.cloud.fail_tunnels(fault);
        all += &format!("{}\n", world.snapshot("--via eice db-1 true"));
    }
    let all = all.replace(&world.cloud.streams_port().to_string(), "PORT");
    insta::assert_snapshot!(all);
}

/// An endpoint that does not answer the websocket upgrade times out, and delays other routes only for a moment.
#[test]
fn silent_endpoint_does_not_block_other_routes() {
    let world = World::private();
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = Some(format!("localhost:{}", mute.local_addr().unwrap().port()));
    let id = "eice-00000000000000000";
    world.cloud.add_endpoint(Endpoint { host, ..Endpoint::new(id) });
    let run = world.run("-v db-1 echo hello").expect(0);
    assert!(run.stderr.contains("EICE: no answer yet"), "{run}");
}

/// The parameter `maxTunnelDuration` is sent when it is set and when a policy demands it.
#[test]
fn max_tunnel_duration_is_sent_when_needed() {
    let world = World::private();
    let last = || world.cloud.tunnels().last().unwrap().iter().find(|one| one.0 == "maxTunnelDuration").cloned();
    world.run("--via eice db-1 true").expect(0);
    assert_eq!(last(), None);
    world.run("--via eice --max-tunnel-duration 900 db-1 true").expect(0);
    assert_eq!(last().unwrap().1, "900");
    world.cloud.fail_tunnels(TunnelFault::DemandDuration);
    let run = world.run("-v --via eice db-1 true").expect(0);
    assert!(run.stderr.contains("an IAM policy requires maxTunnelDuration"), "{run}");
    assert_eq!(last().unwrap().1, "3600");
    world.config("[[host]]\nmatch = \"db-*\"\nvia = \"eice\"\nmax-tunnel-duration = 1200\n");
    world.run("db-1 true").expect(0);
    assert_eq!(last().unwrap().1, "1200");
}

#[test]
fn tunnel_end_is_announced_and_reported() {
    let world = World::private();
    let run = world.run("--via eice --max-tunnel-duration 3 db-1 sleep 30").expect(255);
    let lines: Vec<&str> = run.stderr.lines().collect();
    let announced = "This connection ends in 1 s: a tunnel through an EC2 Instance Connect Endpoint lasts 3 s at most.";
    assert_eq!(lines[0], announced, "{run}");
    assert!(lines[1].starts_with("Error:") && run.stderr.contains("Max tunnel duration reached"), "{run}");
    wait_until("the tunnel is closed", || world.cloud.open_tunnels() == 0);
}

/// The option `--eice-id` selects the endpoint. Without it the nearest one is used.
#[test]
fn named_endpoint_wins_over_the_nearest() {
    let world = World::private();
    let far = "eice-0fffffffffffffff0";
    let subnet_id = "subnet-0000000000000000f".to_owned();
    world.cloud.add_endpoint(Endpoint { subnet_id, zone: "eu-west-1c".to_owned(), ..Endpoint::new(far) });
    world.cloud.page_limit(1);
    let used = || world.cloud.tunnels().last().unwrap()[0].1.clone();
    world.run("--via eice db-1 true").expect(0);
    assert_eq!(used(), EICE);
    world.run(&format!("--eice-id {far} db-1 true")).expect(0);
    assert_eq!(used(), far);
}

/// On a terminal one line gives the route and the reason for it. With `-q` it is not printed.
#[test]
fn terminal_shows_the_route_and_its_reason() {
    let world = World::private();
    let mut terminal = Terminal::run(&world, "$EC2SSH db-1 'echo done'");
    terminal.wait_for("done");
    let text = terminal.text().replace('\n', "");
    assert!(text.contains("Route: EICE eice-0123456789abcdef0 (in the instance's subnet)"), "{text}");
    assert!(text.contains("(direct: 127.77.0.149:22: connection refused)"), "{text}");
    let mut terminal = Terminal::run(&world, "$EC2SSH -q db-1 'echo done'");
    terminal.wait_for("done");
    assert!(!terminal.text().contains("Route"), "{}", terminal.text());
}

#[test]
fn the_administrators_message_is_shown() {
    let world = World::private();
    agent_with(&world, |agent| agent.message = Some("All sessions are recorded \u{1b}[31m".to_owned()));
    let run = world.run("--via ssm db-1 true").expect(0);
    assert_eq!(run.stderr, "Session Manager says: All sessions are recorded \\u{1b}[31m\n");
}

#[test]
fn verbose_output_contains_no_secrets() {
    let world = World::private();
    for via in ["eice", "ssm"] {
        let mut command = world.ec2ssh(&format!("-vv --via {via} db-1 true"));
        let run = crate::support::Run::of(command.env("AWS_SESSION_TOKEN", "tok/en+123").output().unwrap()).expect(0);
        for secret in ["X-Amz-Signature", "TokenValue", ec2ssh_lab::SECRET, "Signature=", "tok/en", "tok%2Fen"] {
            assert!(!run.stderr.contains(secret), "{secret}: {run}");
        }
    }
}

/// A service that rejects a signature quotes the signed request, which contains the token.
#[test]
fn quoted_request_in_refusal_is_redacted() {
    let world = World::private();
    world.cloud.fail_tunnels(TunnelFault::Quote);
    let mut command = world.ec2ssh("--via eice db-1 true");
    let run = crate::support::Run::of(command.env("AWS_SESSION_TOKEN", "tok/en+123").output().unwrap()).expect(255);
    assert!(run.stderr.contains("X-Amz-Security-Token=(redacted)"), "{run}");
    assert!(!run.stderr.contains("tok/en") && !run.stderr.contains("tok%2Fen"), "{run}");
    let words = "The request signature we calculated does not match. The Canonical String for this request should have been\n'x-amz-security-token:tok/en+123'";
    world.cloud.fail("StartSession", Fault::error(403, "InvalidSignatureException", words), 1);
    let run = world.run("--via ssm db-1 true").expect(255);
    assert!(run.stderr.contains("does not match") && !run.stderr.contains("tok/en"), "{run}");
}

/// Over a VPN the private address answers, and the direct route is the shortest.
#[test]
fn a_private_address_that_answers_is_taken() {
    let world = World::private();
    world.cloud.add(Instance { private_ip: Some("127.0.0.1".to_owned()), ..Instance::named(ID, "db-1").private() });
    let port = world.cloud.local_port(ID, 22).unwrap();
    let run = world.run(&format!("-v -p {port} db-1 true")).expect(0);
    assert!(run.stderr.contains("Route: direct to 127.0.0.1:") && run.stderr.contains("that answers)"), "{run}");
    assert_eq!((world.cloud.sessions().0, world.cloud.tunnels().len()), (0, 0));
}

#[test]
fn started_instance_is_reached_by_each_route() {
    let start = |via: &str| {
        let world = World::private();
        world.cloud.add(Instance { pending_for: 1, ..Instance::named(ID, "db-1").private().state("stopped") });
        let run = world.run(&format!("--start --yes --via {via} db-1 echo hello"));
        assert_eq!((run.code, run.out().as_str()), (0, "hello\n"), "{via}: {run}");
        // The first route to answer during the boot is not stored.
        assert!(!world.path("cache/ec2ssh/routes.json").exists());
    };
    // Side by side, because each waits for the instance.
    std::thread::scope(|scope| ["eice", "ssm", "auto"].map(|via| scope.spawn(move || start(via))).map(drop));
}

#[test]
fn the_dry_run_shows_the_routes() {
    let world = World::private();
    let mut all = world.snapshot("--dry-run db-1");
    world.run("db-1 true").expect(0);
    all += &world.snapshot("--dry-run db-1");
    let denied = Fault::error(403, "AccessDeniedException", "User \u{1b}]0;evil\u{7} is not authorized");
    world.cloud.fail("GetConnectionStatus", denied, 1);
    let evil = Fault::error(400, "Evil\u{1b}[2J", "words");
    world.cloud.fail("DescribeInstanceConnectEndpoints", evil, 1);
    all += &world.snapshot("--dry-run db-1");
    assert!(!all.contains('\u{1b}'), "{all:?}");
    insta::assert_snapshot!(all);
    let json: serde_json::Value = serde_json::from_str(&world.run("--dry-run --json db-1").expect(0).out()).unwrap();
    assert_eq!((&json["endpoint"]["id"], &json["agent"]["connected"]), (&EICE.into(), &true.into()));
    assert_eq!(json["routes"], serde_json::json!(["eice", "direct", "ssm"]));
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 1);
}

#[test]
fn pings_of_an_endpoint_are_answered() {
    let world = World::private();
    world.run("--via eice db-1 sleep 0.5").expect(0);
    assert!(world.cloud.pongs() >= 5, "{}", world.cloud.pongs());
}

/// Another machine has the same private address in the local network. Its host key gives it away, and another route is
/// taken.
#[test]
fn foreign_machine_at_private_address_is_skipped() {
    let world = World::private();
    let other = world.cloud.sshd("i-0123456789abcde0f", Sshd::default());
    world.cloud.add(Instance { private_ip: Some("127.0.0.1".to_owned()), ..Instance::named(ID, "db-1").private() });
    world.cloud.port(ID, other, world.cloud.local_port(ID, 22).unwrap());
    let run = world.run(&format!("-v -p {other} db-1 echo hello")).expect(0);
    assert_eq!(run.out(), "hello\n");
    assert!(run.stderr.contains("Another machine answers at the private address"), "{run}");
    assert!(run.stderr.contains("Route: Session Manager (another machine answers at the private address; "), "{run}");
    // The working route is remembered for a day.
    let run = world.run(&format!("-v -p {other} db-1 echo hello")).expect(0);
    assert!(!run.stderr.contains("Another machine") && run.stderr.contains("(it worked last time)"), "{run}");
    // With `--via direct`, or when no other route works, the host key is refused as always.
    let run = world.run(&format!("--via direct -p {other} db-1 true")).expect(255);
    assert!(run.stderr.contains("host key"), "{run}");
    let lonely = World::private();
    let other = lonely.cloud.sshd("i-0123456789abcde0f", Sshd::default());
    let vpc_id = "vpc-0000000000000000b".to_owned();
    let private_ip = Some("127.0.0.1".to_owned());
    lonely.cloud.add(Instance { private_ip, vpc_id, ..Instance::named(ID, "db-1").private() });
    lonely.cloud.fail("GetConnectionStatus", Fault::Status(500), 100);
    let run = lonely.run(&format!("-p {other} db-1 true")).expect(255);
    assert!(run.stderr.contains("the key presented is not the one"), "{run}");
    assert!(run.stderr.contains("other routes failed: Session Manager: "), "{run}");
}
