//! `ec2ssh forward`: ports until it is interrupted, through losses of the connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{ChildStdout, Stdio};
use std::time::{Duration, Instant};

use ec2ssh_lab::Endpoint;

use crate::support::forwarding::{Held, Real, exchange, free_port, mirror, mirror_at};
use crate::support::{EICE, ID, World, wait_until};

/// A running `ec2ssh forward` that stands.
pub(crate) struct Forward {
    pub held: Held,
    stdout: BufReader<ChildStdout>,
}

impl Forward {
    fn start(real: &Real, options: &str, specs: &str) -> Self {
        Self::run(real, &format!("{}{specs}", real.line(options, "")))
    }

    fn run(real: &Real, line: &str) -> Self {
        Self::in_world(&real.world, line)
    }

    /// Starts it with these arguments.
    pub(crate) fn in_world(world: &World, line: &str) -> Self {
        let line = format!("forward {line}");
        let mut child = world.ec2ssh(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { held: Held::of(child), stdout }
    }

    /// Returns the next line of standard output.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    /// Returns the port of the next line of standard output.
    pub(crate) fn port(&mut self) -> u16 {
        let line = self.line();
        let Some(address) = line.split_whitespace().nth(1) else {
            // It has ended: what it said is in the message of the test's failure.
            panic!("no address: {line:?} {}", self.held.wait_for("a line that is not there"));
        };
        address.rsplit(':').next().unwrap().parse().unwrap()
    }
}

fn ask(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut answer = String::new();
    stream.write_all(b"abc").is_ok()
        && stream.shutdown(Shutdown::Write).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer == "cba"
}

pub(crate) fn kill(real: &Real) {
    for pid in real.sshd.sessions() {
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

#[test]
fn ports_and_sockets_are_forwarded() {
    let real = Real::start("");
    let (target, local) = (mirror(), free_port());
    let socket = real.world.path("there.sock");
    mirror_at(&socket);
    let specs = format!(":{target} {local}:{target}@localhost {}", socket.display());
    let mut forward = Forward::start(&real, "", &specs);
    let line = forward.line();
    assert!(
        line.starts_with("Forwarding 127.0.0.1:")
            && line.ends_with(&format!(" to localhost:{target} on my-instance\n"))
    );
    let free: u16 = line.split([':', ' ']).nth(2).unwrap().parse().unwrap();
    assert_eq!(forward.port(), local);
    for port in [free, local] {
        assert_eq!(exchange(TcpStream::connect(("127.0.0.1", port)).unwrap(), b"abc"), b"cba");
        assert_eq!(exchange(TcpStream::connect(("::1", port)).unwrap(), b"abc"), b"cba");
    }
    let line = forward.line();
    let path = line.split_whitespace().nth(1).unwrap();
    assert_eq!(path, real.world.path("run/ec2ssh/my-instance-there.sock").display().to_string());
    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(b"abc").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "cba");
}

/// The connection dies five times in a row while a client keeps asking: the listener stays, and each request is answered.
#[test]
fn client_is_served_through_five_losses() {
    let real = Real::start("");
    let mut forward = Forward::start(&real, "", &format!(" :{}", mirror()));
    let port = forward.port();
    for _ in 0..5 {
        assert!(ask(port));
        let before = real.sshd.sessions();
        kill(&real);
        wait_until("the old connection has gone", || real.sshd.sessions().iter().all(|pid| !before.contains(pid)));
        // A request in the moment of the loss may be cut; the next one waits for the new connection.
        assert!(ask(port) || ask(port));
        let line = forward.held.wait_for("Connected to my-instance again");
        assert!(line.contains(", after "), "{line}");
    }
    assert!(real.world.cloud.count("DescribeInstances") >= 6, "each time afresh");
}

#[test]
fn once_ends_with_the_connection() {
    let real = Real::start("");
    let mut forward = Forward::start(&real, "--once", &format!(" :{}", mirror()));
    let port = forward.port();
    assert!(ask(port));
    kill(&real);
    let error = forward.held.wait_for("Error: ");
    assert_eq!(error, "Error: my-instance: connection lost\n");
    assert_eq!(forward.held.child.wait().unwrap().code(), Some(1));
    assert!(!ask(port));
}

/// Another host key at the address ends it, whatever the policy was at first.
#[test]
fn another_host_key_ends_it() {
    let mut real = Real::start("");
    let mut forward = Forward::start(&real, "--host-keys accept-new", &format!(" :{}", mirror()));
    let port = forward.port();
    assert!(ask(port));
    real.replace_host_keys();
    kill(&real);
    let error = forward.held.wait_for("Error: ");
    assert!(error.contains("host key"), "{error}");
    assert_eq!(forward.held.child.wait().unwrap().code(), Some(1));
}

#[test]
fn taken_ports_are_found_before_anything_is_sent() {
    let real = Real::start("");
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port();
    let calls = real.world.cloud.calls().len();
    let run = real.world.run(&format!("forward my-instance {port}")).expect(1);
    assert!(
        run.stderr
            .starts_with(&format!("Error: cannot listen on 127.0.0.1:{port}\nCaused by: Address already in use\n")),
        "{run}"
    );
    assert_eq!(real.world.cloud.calls().len(), calls);
    let run = real.world.run("forward my-instance x").expect(2);
    assert!(run.stderr.contains("it looks like this: [LOCAL:]PORT[@HOST], or [LOCAL:]/PATH"), "{run}");
}

/// The endpoint ends each tunnel after its time; new connections go through the next one before that.
#[test]
fn tunnel_is_replaced_before_its_end() {
    let real = Real::start("");
    let cloud = &real.world.cloud;
    cloud.add_endpoint(Endpoint::new(EICE));
    cloud.port(ID, 22, real.sshd.port);
    let before = cloud.tunnels().len();
    let options = "-v --via eice --max-tunnel-duration 4 --host-keys accept-new";
    let line = format!("{options} -l {} my-instance :{}", real.sshd.user, mirror());
    let mut forward = Forward::run(&real, &line);
    let port = forward.port();
    let begun = Instant::now();
    while cloud.tunnels().len() < before + 4 {
        assert!(ask(port), "a request failed after {:?}", begun.elapsed());
        std::thread::sleep(Duration::from_millis(20));
        assert!(begun.elapsed() < Duration::from_secs(60), "the tunnel is not replaced");
    }
    forward.held.wait_for("a new connection has replaced the one that is about to end");
}

/// At a terminal nobody is asked whether the instance as it was will do: AWS may be there again in a moment.
#[test]
fn outage_during_the_reconnect_asks_nothing() {
    let real = Real::start("");
    let line = format!("\"$EC2SSH\" forward {} :{}", real.line("", ""), mirror());
    let mut terminal = crate::support::pty::Terminal::run(&real.world, &line);
    terminal.wait_for("Forwarding 127.0.0.1:");
    let text = terminal.text();
    let address = text.split("Forwarding ").nth(1).unwrap().split(' ').next().unwrap();
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    let unavailable = ec2ssh_lab::Fault::error(503, "Unavailable", "try again");
    real.world.cloud.fail("DescribeInstances", unavailable, 6);
    kill(&real);
    terminal.wait_for("Still trying to connect to my-instance");
    terminal.wait_for("Connected to my-instance again");
    assert!(ask(port) && !terminal.text().contains("(yes/no)"), "{}", terminal.text());
}
