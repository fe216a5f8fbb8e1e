//! The routes to an instance that has no address from outside: an endpoint, Session Manager, and the choice between them. The
//! binary against the embedded cloud, whose endpoint and service check what they are sent.

use std::time::Duration;

use ec2ssh_lab::{Agent, Endpoint, Fault, Instance, Sshd, TunnelFault};

use crate::support::pty::Terminal;
use crate::support::{EICE, ID, World};

fn agent_with(world: &World, change: impl FnOnce(&mut Agent)) -> Agent {
    let mut agent = Agent::recent();
    change(&mut agent);
    world.cloud.agent(ID, agent.clone());
    agent
}

#[track_caller]
fn assert_no_complaints(agent: &Agent) {
    assert_eq!(*agent.complaints.lock().unwrap(), Vec::<String>::new());
}

/// Waits for what happens beside the process's end.
#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
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
fn the_session_is_ended_on_every_way_out() {
    let world = World::private();
    let agent = agent_with(&world, |_| ());
    // The far side ends it.
    world.run("--via ssm db-1 true").expect(0);
    assert_eq!((world.cloud.open_sessions(), world.cloud.count("TerminateSession")), (0, 0));
    // The login fails.
    world.run("--via ssm -i nothing db-1 true").expect(255);
    let (key, _) = (crate::support::keygen(world.home.path(), "other", &["-t", "ed25519", "-N", ""]), ());
    world.run(&format!("--via ssm -i {} db-1 true", key.display())).expect(255);
    wait_until("the session of a failed login ends", || world.cloud.open_sessions() == 0);
    // A signal.
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM, rustix::process::Signal::HUP] {
        let mut child = world.ec2ssh("--via ssm db-1 sleep 100").spawn().unwrap();
        wait_until("there is a session", || world.cloud.open_sessions() == 1);
        // Not before somebody is logged in.
        std::thread::sleep(Duration::from_millis(300));
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        child.wait().unwrap();
        assert_eq!(world.cloud.open_sessions(), 0, "{signal:?}");
    }
    assert_no_complaints(&agent);
}

/// An agent from before the signal that ends a session: the service is asked to.
#[test]
fn the_session_of_an_old_agent_is_ended_by_a_call() {
    let world = World::private();
    let agent = agent_with(&world, |agent| agent.version = "2.3.700.0".to_owned());
    let mut child = world.ec2ssh("--via ssm db-1 sleep 100").spawn().unwrap();
    wait_until("there is a session", || world.cloud.open_sessions() == 1);
    std::thread::sleep(Duration::from_millis(300));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    child.wait().unwrap();
    assert_eq!((world.cloud.open_sessions(), world.cloud.count("TerminateSession")), (0, 1));
    assert_no_complaints(&agent);
}

#[test]
fn what_worked_is_remembered_for_a_day() {
    let world = World::private();
    world.run("db-1 true").expect(0);
    let run = world.run("-v db-1 true").expect(0);
    assert!(run.stderr.contains("Route: endpoint") && run.stderr.contains("(it worked last time)"), "{run}");
    // A day later it is found out anew.
    let file = world.path("cache/ec2ssh/routes.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json[ID]["route"], "eice");
    json[ID]["at"] = (json[ID]["at"].as_u64().unwrap() - 25 * 3600).into();
    std::fs::write(&file, json.to_string()).unwrap();
    let run = world.run("-v db-1 true").expect(0);
    assert!(run.stderr.contains("(direct: 127.77.0.149:22: connection refused)"), "{run}");
    // What is forced is nobody's habit, and a file that cannot be read is none.
    std::fs::write(&file, "{").unwrap();
    world.run("--via ssm db-1 true").expect(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{");
}

#[test]
fn the_remembered_route_gives_way_to_the_others() {
    let world = World::private();
    world.run("db-1 true").expect(0);
    world.cloud.fail_tunnels(TunnelFault::Close(1011, "Unable to connect to target".to_owned()));
    let run = world.run("-v db-1 true").expect(0);
    let line = run.stderr.lines().find(|line| line.contains("Route:")).unwrap();
    assert!(line.contains("Route: Session Manager"), "{run}");
    assert!(line.contains("Unable to connect to target") && line.contains("connection refused"), "{run}");
}

/// With a public address nothing else is asked for.
#[test]
fn a_direct_connection_costs_no_further_call() {
    let (world, port) = World::with_instance();
    world.cloud.add_endpoint(Endpoint::new(EICE));
    world.cloud.agent(ID, Agent::recent());
    let run = world.run(&format!("-v -p {port} --host-keys accept-new my-instance true")).expect(0);
    assert!(run.stderr.contains("Route: direct to 127.0.0.1:"), "{run}");
    assert!(run.stderr.contains("(it has a public address)"), "{run}");
    assert_eq!(world.cloud.count("DescribeInstanceConnectEndpoints") + world.cloud.count("GetConnectionStatus"), 0);
    assert!(!world.path("cache/ec2ssh/routes.json").exists());
}

/// A listener whose queue is full: the nearest thing on loopback to a security group that drops packets.
#[test]
fn an_address_that_does_not_answer_costs_a_moment() {
    let world = World::private();
    let (silent, _queued) = silent(22);
    world.cloud.add(Instance { public_ip: Some(silent), ..Instance::named(ID, "db-1").private() });
    let run = world.run("-v db-1 echo hello").expect(0);
    assert!(run.stderr.contains("(direct has not answered yet)"), "{run}");
    assert_eq!(run.out(), "hello\n");
}

/// An address of loopback that does not answer on this port.
fn silent(port: u16) -> (String, Vec<std::net::TcpStream>) {
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

/// Somebody takes the connection and says nothing, as a proxy that swallows packets does.
#[test]
fn an_address_that_takes_the_connection_and_is_mute_does_not_hold_us() {
    let world = World::private();
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port();
    world.cloud.add(Instance { public_ip: Some("127.0.0.1".to_owned()), ..Instance::named(ID, "db-1").private() });
    // Endpoints take 22 only; the agent takes any port.
    world.cloud.port(ID, port, world.cloud.local_port(ID, 22).unwrap());
    let run = world.run(&format!("-v -p {port} db-1 echo hello")).expect(0);
    assert_eq!(run.out(), "hello\n");
    assert!(
        run.stderr.contains("Route: Session Manager (direct has not answered yet; endpoint: an endpoint connects"),
        "{run}"
    );
    drop(mute);
}

#[test]
fn all_routes_shut_says_why_for_each() {
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
fn each_route_alone_says_what_is_in_its_way() {
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
fn an_endpoints_refusals_are_told_in_its_words() {
    let world = World::private();
    let mut all = String::new();
    let denied = r#"{"ErrorCode":"AccessDenied","Message":"User is not authorized to perform: ec2-instance-connect:OpenTunnel"}"#;
    let limit = r#"{"Message":"The duration is more than the policy's ec2-instance-connect:maxTunnelDuration."}"#;
    for fault in [
        TunnelFault::Refuse(403, denied.to_owned()),
        TunnelFault::Refuse(429, r#"{"ErrorCode":"TooManyRequests","Message":"Too many connections."}"#.to_owned()),
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
    insta::assert_snapshot!(all);
}

#[test]
fn an_endpoint_that_never_answers_is_given_up() {
    let world = World::private();
    world.cloud.fail_tunnels(TunnelFault::Silent);
    let run = world.run("--via eice db-1 true").expect(255);
    assert!(run.stderr.contains("does not answer the upgrade to a websocket in 10 s"), "{run}");
    // With others to take, it costs a moment.
    let world = World::private();
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = Some(format!("localhost:{}", mute.local_addr().unwrap().port()));
    let id = "eice-00000000000000000";
    world.cloud.add_endpoint(Endpoint { host, ..Endpoint::new(id) });
    let run = world.run("-v db-1 echo hello").expect(0);
    assert!(run.stderr.contains("endpoint has not answered yet"), "{run}");
    let run = world.run(&format!("--eice-id {id} db-1 true")).expect(255);
    assert!(run.stderr.contains("does not answer"), "{run}");
}

#[test]
fn an_endpoint_whose_tunnel_is_mute_is_given_up() {
    let world = World::private();
    world.cloud.fail_tunnels(TunnelFault::Mute);
    let run = world.run("--via eice db-1 true").expect(255);
    assert!(run.stderr.contains("it says nothing in 10 s"), "{run}");
}

#[test]
fn the_duration_is_sent_when_set_or_when_a_policy_demands_it() {
    let world = World::private();
    let last = || world.cloud.tunnels().last().unwrap().iter().find(|one| one.0 == "maxTunnelDuration").cloned();
    world.run("--via eice db-1 true").expect(0);
    assert_eq!(last(), None);
    world.run("--via eice --max-tunnel-duration 900 db-1 true").expect(0);
    assert_eq!(last().unwrap().1, "900");
    world.cloud.fail_tunnels(TunnelFault::DemandDuration);
    let run = world.run("-v --via eice db-1 true").expect(0);
    assert!(run.stderr.contains("a policy demands maxTunnelDuration"), "{run}");
    assert_eq!(last().unwrap().1, "3600");
    world.config("[[host]]\nmatch = \"db-*\"\nvia = \"eice\"\nmax-tunnel-duration = 1200\n");
    world.run("db-1 true").expect(0);
    assert_eq!(last().unwrap().1, "1200");
}

#[test]
fn a_tunnels_end_is_announced_and_is_told() {
    let world = World::private();
    let run = world.run("--via eice --max-tunnel-duration 3 db-1 sleep 30").expect(255);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines[0], "The endpoint ends this connection in 3 s: it lets none last longer than 3 s.", "{run}");
    assert!(lines[1].starts_with("Error:"), "{run}");
    assert_eq!(world.cloud.open_tunnels(), 0);
}

#[test]
fn a_named_endpoint_is_used_and_the_nearest_otherwise() {
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

#[test]
fn a_line_on_a_terminal_says_what_was_chosen_and_why() {
    let world = World::private();
    let mut terminal = Terminal::run(&world, "$EC2SSH db-1 'echo done'");
    terminal.wait_for("done");
    let text = terminal.text().replace('\n', "");
    assert!(text.contains("Route: endpoint eice-0123456789abcdef0 (in the instance's subnet)"), "{text}");
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
    assert_eq!(run.stderr, "All sessions are recorded \\u{1b}[31m\n");
}

#[test]
fn an_agent_that_never_shakes_hands_is_given_up() {
    let world = World::private();
    agent_with(&world, |agent| agent.mute = true);
    let run = world.run("--via ssm db-1 true").expect(255);
    assert!(run.stderr.contains("the agent did not finish its handshake in 15 s"), "{run}");
    assert_eq!(world.cloud.count("TerminateSession"), 1);
}

#[test]
fn secrets_are_in_no_trace() {
    let world = World::private();
    for via in ["eice", "ssm"] {
        let run = world.run(&format!("-vv --via {via} db-1 true")).expect(0);
        for secret in ["X-Amz-Signature", "TokenValue", ec2ssh_lab::SECRET, "Signature="] {
            assert!(!run.stderr.contains(secret), "{secret}: {run}");
        }
    }
}

/// Somebody else's machine has the same private address where we are. The host key tells, and another way is taken.
#[test]
fn a_private_address_that_is_another_machines_is_passed_over() {
    let world = World::private();
    let other = world.cloud.sshd("i-0123456789abcde0f", Sshd::default());
    world.cloud.add(Instance { private_ip: Some("127.0.0.1".to_owned()), ..Instance::named(ID, "db-1").private() });
    world.cloud.port(ID, other, world.cloud.local_port(ID, 22).unwrap());
    let run = world.run(&format!("-v -p {other} db-1 echo hello")).expect(0);
    assert_eq!(run.out(), "hello\n");
    assert!(run.stderr.contains("another machine answers at the private address"), "{run}");
    assert!(run.stderr.contains("Route: Session Manager"), "{run}");
    // Where that was asked for, and where there is no other way, it is refused as ever.
    let run = world.run(&format!("--via direct -p {other} db-1 true")).expect(255);
    assert!(run.stderr.contains("host key"), "{run}");
    let lonely = World::private();
    let other = lonely.cloud.sshd("i-0123456789abcde0f", Sshd::default());
    let vpc_id = "vpc-0000000000000000b".to_owned();
    let private_ip = Some("127.0.0.1".to_owned());
    lonely.cloud.add(Instance { private_ip, vpc_id, ..Instance::named(ID, "db-1").private() });
    lonely.cloud.fail("GetConnectionStatus", Fault::Status(500), 100);
    let run = lonely.run(&format!("-p {other} db-1 true")).expect(255);
    assert!(run.stderr.contains("host key presented is not the one"), "{run}");
}
