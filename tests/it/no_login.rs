//! `ec2ssh forward --no-login`: ports by Session Manager's documents and by endpoints, without SSH.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use ec2ssh_lab::{Agent, Endpoint, Fault, Instance};

use crate::forward_command::Forward;
use crate::support::forwarding::{connect, free_port};
use crate::support::{EICE, ID, World, wait_until};

/// A world with a private instance that has an agent and no sshd.
fn world(agent: Agent) -> World {
    let world = World::empty();
    world.cloud.add(Instance::named(ID, "db-1").private());
    world.cloud.agent(ID, agent);
    world
}

fn documents(world: &World) -> Vec<String> {
    let calls = world.cloud.calls();
    let started = calls.iter().filter(|call| call.operation == "StartSession");
    started
        .map(|call| call.body.split("DocumentName\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned())
        .collect()
}

/// Answers at once, line by line, as a database does.
fn lines() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut chunk = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut chunk) {
                    stream.write_all(&chunk[..count]).unwrap();
                }
            });
        }
    });
    port
}

fn is_answered(port: u16) -> bool {
    let mut stream = connect(port);
    stream.write_all(b"x").unwrap();
    stream.read(&mut [0; 1]).is_ok_and(|count| count == 1)
}

/// Ports of the instance and of a host behind it, many at once over one session each, through lost and doubled messages and a cut.
#[test]
fn ports_go_over_sessions() {
    let faulty = Agent { duplicate: true, lose_data: Some(7), cut: Some((20_000, 2)), ..Agent::recent() };
    let world = world(faulty.clone());
    let target = lines();
    world.cloud.port(ID, 5432, target);
    let mut forward = Forward::in_world(&world, &format!("--no-login db-1 :5432 :{target}@db.internal"));
    for port in [forward.port(), forward.port()] {
        let mut open: Vec<TcpStream> = (0..20).map(|_| connect(port)).collect();
        let sent: Vec<u8> = (0..3000_u32).map(|n| (n % 251) as u8).collect();
        for stream in &mut open {
            stream.write_all(&sent).unwrap();
        }
        for stream in &mut open {
            let mut back = vec![0; sent.len()];
            stream.read_exact(&mut back).unwrap();
            assert!(back == sent);
        }
        assert!(*faulty.most_streams.lock().unwrap() >= 20);
    }
    let mut documents = documents(&world);
    documents.sort();
    assert_eq!(documents, ["AWS-StartPortForwardingSession", "AWS-StartPortForwardingSessionToRemoteHost"]);
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 0);
    assert_eq!(*faulty.protocol_errors.lock().unwrap(), Vec::<String>::new());
}

/// The answer to a half-close arrives only if it begins at once: smux has none, and the end is held back for the answer.
#[test]
fn end_of_input_does_not_cut_the_answer() {
    let world = world(Agent::recent());
    let target = lines();
    world.cloud.port(ID, 80, target);
    let mut forward = Forward::in_world(&world, "--no-login db-1 :80");
    let port = forward.port();
    let sent = vec![9; 300_000];
    let mut stream = connect(port);
    let mut reader = stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let mut back = Vec::new();
        reader.read_to_end(&mut back).unwrap();
        back
    });
    stream.write_all(&sent).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(reading.join().unwrap() == sent);
}

/// An agent without a multiplexer gets a session for each connection.
#[test]
fn old_agents_have_a_session_per_connection() {
    let old = Agent { version: "3.0.161.0".to_owned(), ..Agent::recent() };
    let world = world(old.clone());
    world.cloud.port(ID, 5432, lines());
    let mut forward = Forward::in_world(&world, "--no-login db-1 :5432");
    let port = forward.port();
    let mut both = [connect(port), connect(port)];
    for stream in &mut both {
        stream.write_all(b"abc").unwrap();
        stream.read_exact(&mut [0; 3]).unwrap();
    }
    assert!(documents(&world).len() >= 3, "one to see whether it can be reached");
    drop(both);
    wait_until("the sessions have ended", || world.cloud.open_sessions() == 0);
    assert_eq!(*old.protocol_errors.lock().unwrap(), Vec::<String>::new());
}

#[test]
fn refusals_and_forbidden_hosts_are_told() {
    let world = world(Agent::recent());
    world.cloud.port(ID, 5432, free_port());
    let mut forward = Forward::in_world(&world, "--no-login db-1 :5432");
    let port = forward.port();
    let mut stream = connect(port);
    assert_eq!(stream.read(&mut [0; 1]).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let line = forward.held.wait_for("failed: ");
    assert_eq!(line, "Forwarding to localhost:5432 failed: the SSM Agent cannot connect to the port\n");
    let run = world.run("forward --no-login db-1 :80@169.254.169.254").expect(1);
    assert!(run.stderr.contains("Forwarding to IP address 169.254.169.254 is forbidden."), "{run}");
    let run = world.run("forward --no-login db-1 /run/docker.sock").expect(2);
    assert!(run.stderr.contains("needs a login"), "{run}");
}

/// Where a login is impossible the ports are reached all the same: on Windows, and with a policy that allows only sessions to ports.
#[test]
fn impossible_logins_go_without() {
    let world = world(Agent::recent());
    world.cloud.add(Instance { platform: "Windows".to_owned(), ..Instance::named(ID, "db-1").private() });
    world.cloud.port(ID, 3389, lines());
    let mut forward = Forward::in_world(&world, "db-1 :3389");
    assert!(is_answered(forward.port()));
    let world = self::world(Agent::recent());
    world.cloud.port(ID, 5432, lines());
    world.cloud.fail("SendSSHPublicKey", Fault::error(400, "AccessDeniedException", "not authorized"), usize::MAX);
    let mut forward = Forward::in_world(&world, "db-1 :5432");
    assert!(is_answered(forward.port()));
    forward.held.wait_for("forwarding by Session Manager, without a login");
}

#[test]
fn endpoints_reach_two_ports() {
    let world = world(Agent { ping: "ConnectionLost", ..Agent::recent() });
    world.cloud.add_endpoint(Endpoint::new(EICE));
    world.cloud.port(ID, 3389, lines());
    // In the second case there is no agent, so it goes by the endpoint.
    for options in ["--no-login --via eice", "--no-login"] {
        let mut forward = Forward::in_world(&world, &format!("{options} db-1 :3389"));
        assert!(is_answered(forward.port()), "{options}");
    }
    let run = world.run("forward --no-login --via eice db-1 :5432").expect(1);
    assert!(run.stderr.contains("connects to ports 22 and 3389 only, not to 5432"), "{run}");
}
