//! Tests of each route through a real sshd: large transfers with checksums under network and service faults,
//! half-closes, many connections at once, and OpenSSH's own tools.

use std::process::Stdio;

use ec2ssh_lab::{Agent, Endpoint, Instance};
use sha2::{Digest, Sha256};

use crate::support::place::Place;
use crate::support::pty::Terminal;
use crate::support::{EICE, ID, Run, comes_true, tool, wait_for_line};

const MEGABYTE: usize = 1 << 20;

/// Gives the instance no public address, an endpoint and an agent, in front of the place's real sshd.
fn private(place: Place) -> Place {
    place.world.cloud.add(Instance::named(ID, "my-instance").private());
    place.world.cloud.port(ID, 22, place.sshd.port);
    place.world.cloud.add_endpoint(Endpoint::new(EICE));
    place.world.cloud.agent(ID, Agent::recent());
    // ssh_config has the sshd's port, which endpoints do not accept. On the instance it is port 22.
    let text = std::fs::read_to_string(&place.config).unwrap();
    let text = text.replace(&format!("Port {}", place.sshd.port), "Port 22");
    std::fs::write(&place.config, text).unwrap();
    place
}

fn there() -> Place {
    private(Place::new())
}

/// Returns `length` pseudo-random bytes.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..length.div_ceil(8))
        .flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .take(length)
        .collect()
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends this many megabytes up and down with ec2ssh and compares checksums. By Session Manager no more than two go up: uploads
/// are paced to a megabyte a second.
#[track_caller]
fn transfer_both_ways(place: &Place, via: &str, megabytes: usize) {
    let user = &place.sshd.user;
    let bytes = noise(megabytes * MEGABYTE + 7);
    let line = format!("--via {via} {user}@my-instance sha256sum");
    let upload = if via == "ssm" { &bytes[..bytes.len().min(2 * MEGABYTE + 7)] } else { &bytes[..] };
    let up = place.world.run_with_input(place.world.ec2ssh(&line), upload).expect(0);
    assert_eq!(up.out().split(' ').next(), Some(&*digest(upload)), "up by {via}");
    let file = place.world.file("noise", "", 0o600);
    std::fs::write(&file, &bytes).unwrap();
    let down = place.world.run(&format!("--via {via} {user}@my-instance cat {}", file.display())).expect(0);
    assert_eq!(digest(&down.stdout), digest(&bytes), "down by {via}");
}

#[track_caller]
fn wait_until_closed(place: &Place) {
    let open = || (place.world.cloud.open_sessions(), place.world.cloud.open_tunnels());
    assert!(comes_true(|| open() == (0, 0)), "left open: {:?}", open());
}

fn with_agent(place: &Place, change: impl FnOnce(&mut Agent)) -> Agent {
    let mut agent = Agent::recent();
    change(&mut agent);
    place.world.cloud.agent(ID, agent.clone());
    agent
}

#[track_caller]
fn assert_no_complaints(agent: &Agent) {
    assert_eq!(*agent.protocol_errors.lock().unwrap(), Vec::<String>::new());
}

#[test]
fn fifty_megabytes_go_both_ways_directly() {
    let place = there();
    let private_ip = Some("127.0.0.1".to_owned());
    place.world.cloud.add(Instance { private_ip, ..Instance::named(ID, "my-instance").private() });
    transfer_both_ways(&place, &format!("direct -p {}", place.sshd.port), 50);
}

#[test]
fn fifty_megabytes_go_both_ways_through_an_endpoint() {
    transfer_both_ways(&there(), "eice", 50);
}

#[test]
fn fifty_megabytes_go_both_ways_through_session_manager() {
    let place = there();
    let agent = with_agent(&place, |_| ());
    transfer_both_ways(&place, "ssm", 50);
    assert_no_complaints(&agent);
}

/// Duplicates, reordering, losses, pauses, a short header and an old agent lose no byte and need no resume.
#[test]
fn session_manager_tolerates_loss_and_reordering() {
    type Knob = fn(&mut Agent);
    let knobs: &[(&str, Knob)] = &[
        ("messages come twice", |agent| agent.duplicate = true),
        ("messages change places", |agent| agent.reorder = true),
        ("acknowledgements are lost", |agent| agent.lose_acknowledgements = Some(40)),
        ("messages are lost", |agent| agent.lose_data = Some(300)),
        ("pauses", |agent| agent.pause = true),
        ("a short header at the end", |agent| agent.short_header = true),
        ("an old agent", |agent| agent.version = "2.3.700.0".to_owned()),
        ("all at once", |agent| {
            (agent.duplicate, agent.reorder, agent.pause) = (true, true, true);
            (agent.lose_acknowledgements, agent.lose_data) = (Some(100), Some(500));
        }),
    ];
    let place = there();
    for (name, knob) in knobs {
        println!("{name}");
        let agent = with_agent(&place, knob);
        transfer_both_ways(&place, "ssm", 1);
        assert_no_complaints(&agent);
    }
    assert_eq!(place.world.cloud.sessions().1, 0, "nothing was resumed");
}

/// A connection that is cut in mid-transfer, or closed by the service, is resumed without losing a byte.
#[test]
fn cut_connection_resumes_without_lost_bytes() {
    let place = there();
    let agent = with_agent(&place, |agent| agent.cut = Some((2 * MEGABYTE, 3)));
    transfer_both_ways(&place, "ssm", 8);
    let (sessions, resumed) = place.world.cloud.sessions();
    assert!(sessions == 2 && (3..=6).contains(&resumed), "{sessions} sessions, {resumed} resumed");
    assert_no_complaints(&agent);
    // The service closes the connection, as it does every hour.
    let agent = with_agent(&place, |agent| agent.close_after = Some(MEGABYTE));
    transfer_both_ways(&place, "ssm", 4);
    assert_eq!(place.world.cloud.sessions().1, resumed + 1);
    assert_no_complaints(&agent);
}

/// A temporary failure of ResumeSession is retried, and a lasting one ends the session.
#[test]
fn failed_resume_is_reported() {
    use ec2ssh_lab::Fault;
    let place = there();
    with_agent(&place, |agent| agent.cut = Some((MEGABYTE, 1)));
    let error = || Fault::error(400, "ValidationException", "no");
    place.world.cloud.fail("ResumeSession", error(), 2);
    transfer_both_ways(&place, "ssm", 2);
    place.world.cloud.fail("ResumeSession", error(), 100);
    let run = place.world.run(&format!(
        "--via ssm {}@my-instance cat {}",
        place.sshd.user,
        place.world.path("noise").display()
    ));
    assert!(run.stderr.contains("the connection to Session Manager was lost"), "{}", run.stderr);
    assert_eq!(run.code, 255);
    assert!(run.stdout.len() < 2 * MEGABYTE + 7);
}

#[test]
fn half_closes_work_on_each_route() {
    let place = there();
    for via in ["direct", "eice", "ssm"] {
        let port = if via == "direct" { format!("-p {} --address private", place.sshd.port) } else { String::new() };
        if via == "direct" {
            let private_ip = Some("127.0.0.1".to_owned());
            place.world.cloud.add(Instance { private_ip, ..Instance::named(ID, "my-instance").private() });
        } else {
            place.world.cloud.add(Instance::named(ID, "my-instance").private());
        }
        let line = format!("--via {via} {port} {}@my-instance sort", place.sshd.user);
        let run = place.world.run_with_input(place.world.ec2ssh(&line), b"c\na\nb\n").expect(0);
        assert_eq!(run.out(), "a\nb\nc\n", "{via}: {run}");
    }
}

/// Twenty connections go through one endpoint, and the next one waits until one of them has ended.
#[test]
fn full_endpoint_is_waited_for() {
    let place = there();
    let line = format!("--via eice --host-keys accept-new {}@my-instance 'echo in; cat'", place.sshd.user);
    // The host key is stored first, so that the twenty connections need not verify it.
    place.world.run(&format!("--via eice {}@my-instance true", place.sshd.user)).expect(0);
    let start = || {
        let mut command = place.world.command("sh");
        command.arg("-c").arg(format!("exec {} {line}", crate::support::BINARY));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut children: Vec<_> = (0..20).map(|_| start()).collect();
    for child in &mut children {
        let mut said = [0; 3];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
        assert_eq!(&said, b"in\n");
    }
    assert_eq!(place.world.cloud.open_tunnels(), 20);
    let mut next = place.world.ec2ssh(&format!("-v --via eice {}@my-instance true", place.sshd.user));
    let mut next = next.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_line(next.stderr.take().unwrap(), "all whose connections are in use");
    for (index, mut child) in children.into_iter().enumerate() {
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), index.to_string().as_bytes()).unwrap();
        let run = Run::of(child.wait_with_output().unwrap()).expect(0);
        assert_eq!(run.out(), index.to_string());
    }
    assert!(next.wait().unwrap().success());
}

#[test]
fn interactive_session_works_on_each_route() {
    let place = there();
    for via in ["eice", "ssm"] {
        let mut terminal = Terminal::run(&place.world, &format!("$EC2SSH --via {via} {}@my-instance", place.sshd.user));
        terminal.wait_raw(true);
        terminal.type_in("PS1='> '; tput cols; stty -echo\r");
        terminal.wait_for("80");
        terminal.resize(30, 100);
        terminal.type_in("until tput cols | grep -qx 100; do sleep 0.1; done; echo wi\"\"de\r");
        terminal.wait_for("wide");
        // Once the program has printed this, Ctrl-C interrupts it and not the shell.
        terminal.type_in("sh -c 'echo rea\"\"dy; exec sleep 100'\r");
        terminal.wait_for("ready");
        terminal.type_in("\u{3}");
        terminal.type_in("echo still $((6 * 7))\r");
        terminal.wait_for("still 42");
        terminal.type_in("exit 3\r");
        assert_eq!(terminal.wait(), 3, "{}", terminal.text());
    }
}

/// With the block of `ec2ssh config`, real ssh, scp and rsync use each route, and no process, socket or session is
/// left.
#[test]
fn openssh_tools_work_on_each_route() {
    for via in ["eice", "ssm"] {
        for place in [there(), there().without_fdpass()] {
            place.world.config(&format!("[defaults]\nvia = \"{via}\"\n"));
            let bytes = noise(3 * MEGABYTE);
            let (from, to) = (place.world.path("from"), place.world.path("to"));
            std::fs::write(&from, &bytes).unwrap();
            assert_eq!(place.ssh(&["my-instance", "echo hello; exit 5"]).expect(5).out(), "hello\n");
            let scp = place.command("scp").arg("-q").arg(&from).arg(format!("my-instance:{}", to.display())).output();
            Run::of(scp.unwrap()).expect(0);
            assert_eq!(digest(&std::fs::read(&to).unwrap()), digest(&bytes), "scp by {via}");
            let back = place.world.path("back");
            let mut rsync = place.world.command(tool("rsync"));
            rsync.arg("-e").arg(place.ssh_command()).arg(format!("my-instance:{}", to.display())).arg(&back);
            Run::of(rsync.output().unwrap()).expect(0);
            assert_eq!(digest(&std::fs::read(&back).unwrap()), digest(&bytes), "rsync by {via}");
            let mut sort = place.command("ssh");
            let sorted = place
                .world
                .run_with_input(
                    {
                        sort.args(["my-instance", "sort"]);
                        sort
                    },
                    b"b\na\n",
                )
                .expect(0);
            assert_eq!(sorted.out(), "a\nb\n");
            place.assert_clean();
            wait_until_closed(&place);
            let used = place.world.cloud.sessions().0;
            assert!((via == "ssm") == (used > 0), "{via}: {used}");
        }
    }
}

/// Only ssh is killed, no process of ec2ssh. The session has to end nevertheless.
#[test]
fn a_killed_ssh_leaves_no_session_behind() {
    let place = there();
    place.world.config("[defaults]\nvia = \"ssm\"\n");
    let mut child =
        place.command("ssh").args(["my-instance", "echo in; sleep 100"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = [0; 3];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
    assert_eq!(place.world.cloud.open_sessions(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    place.assert_clean();
    wait_until_closed(&place);
}

/// With the route auto under plain ssh, the private address refuses, the endpoint works, and standard error stays
/// empty.
#[test]
fn plain_ssh_selects_a_working_route() {
    let place = there();
    let run = place.ssh(&["my-instance", "echo hello"]).expect(0);
    assert_eq!((run.out().as_str(), run.stderr.as_str()), ("hello\n", ""));
    assert_eq!(place.world.cloud.tunnels().len(), 1);
    place.assert_clean();
}

#[test]
fn plain_ssh_reports_all_failed_routes() {
    let place = Place::new();
    place.world.cloud.add(Instance::named(ID, "my-instance").private());
    let run = place.ssh(&["-p", "22", "my-instance", "true"]).expect(255);
    for line in ["all routes failed", "Caused by: direct: ", "Caused by: EICE: ", "Caused by: Session Manager: "] {
        assert!(run.stderr.contains(line), "{line}: {run}");
    }
    place.assert_clean();
}

/// Runs `proxy` without the block, over standard input and output.
#[test]
fn proxy_without_block_works_on_each_route() {
    let place = there();
    crate::support::keygen(&place.world.path(".ssh"), "id_ed25519", &["-t", "ed25519", "-N", ""]);
    for via in ["eice", "ssm"] {
        let proxy = format!("ProxyCommand={} proxy --via {via} %r@%h", crate::support::BINARY);
        let mut ssh = place.world.command(tool("ssh"));
        let identity = place.world.path(".ssh/id_ed25519");
        ssh.args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", &proxy]);
        ssh.arg("-i").arg(identity).args(["-l", &place.sshd.user, "my-instance", "echo hello"]);
        let run = Run::of(ssh.output().unwrap()).expect(0);
        assert_eq!(run.out(), "hello\n", "{run}");
    }
    wait_until_closed(&place);
}

/// After its input ends, the proxy still prints the answer and then exits, because a tunnel cannot stay half-open.
#[test]
fn proxy_ends_after_its_input() {
    let place = there();
    crate::support::keygen(&place.world.path(".ssh"), "id_ed25519", &["-t", "ed25519", "-N", ""]);
    for via in ["eice", "ssm"] {
        let command = place.world.ec2ssh(&format!("proxy --via {via} {}@my-instance", place.sshd.user));
        let run = place.world.run_with_input(command, b"").expect(0);
        assert!(run.out().starts_with("SSH-2.0-"), "{via}: {run}");
        wait_until_closed(&place);
    }
    let agent = with_agent(&place, |_| ());
    let command = place.world.ec2ssh(&format!("proxy --via ssm {}@my-instance", place.sshd.user));
    place.world.run_with_input(command, b"SSH-2.0-none\r\n").expect(0);
    assert_no_complaints(&agent);
}
