//! Forwarding as in ssh: `-L`, `-R`, `-D`, `-W`, `-A`, by a real sshd.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use crate::support::agent::SshAgent;
use crate::support::forwarding::{Real, connect, exchange, free_port, mirror, mirror_at};
use crate::support::{RealSshd, Run, keygen, tool, wait_for_line, wait_until};

/// Both families of loopback, a large answer behind the end of the input, and a target that is not there.
#[test]
fn local_forwards_keep_half_closes() {
    let real = Real::start("RekeyLimit 1M");
    let target = mirror();
    let mut held = real.hold(&format!("-L :{target} -L 0:localhost:{}", free_port()));
    let port = held.port_of("Forwarding ");
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut reversed = sent.clone();
    reversed.reverse();
    assert!(exchange(connect(port), &sent) == reversed);
    assert_eq!(exchange(TcpStream::connect(("::1", port)).unwrap(), b"abc"), b"cba");
    let refused = held.port_of("Forwarding ");
    assert_eq!(exchange(connect(refused), b""), b"");
    let line = held.wait_for(" failed: ");
    assert!(line.contains("failed: the server cannot connect: Connection refused"), "{line}");
    // The error has ended one connection only.
    assert_eq!(exchange(connect(port), b"abc"), b"cba");
}

#[test]
fn unix_sockets_work_on_both_ends() {
    let real = Real::start("");
    let (here, there, back) = (real.world.path("here"), real.world.path("there"), real.world.path("back"));
    mirror_at(&there);
    let specs = format!("-L {}:{} -R {}:{}", here.display(), there.display(), back.display(), there.display());
    let mut held = real.hold(&specs);
    held.wait_for("running no command");
    for path in [&here, &back] {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.write_all(b"abc").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "cba", "{}", path.display());
    }
    // Ended by a signal, it takes its socket with it.
    let pid = rustix::process::Pid::from_child(&held.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    wait_until("the socket is removed", || !here.exists());
}

#[test]
fn remote_forwards_reach_this_side() {
    let real = Real::start("");
    let target = mirror();
    let fixed = free_port();
    let mut held =
        real.hold(&format!("-R 0:localhost:{target} -R {fixed}:127.0.0.1:{target} -R 0:127.0.0.1:{}", free_port()));
    let port = held.port_of("Allocated port");
    let refused = held.port_of("Allocated port");
    held.wait_for("running no command");
    assert_eq!(exchange(connect(port), b"abc"), b"cba");
    assert_eq!(exchange(connect(fixed), b"abc"), b"cba");
    assert_eq!(exchange(connect(refused), b""), b"");
    assert!(held.wait_for(" failed: ").contains("Connection refused"));
    assert_eq!(exchange(connect(port), b"abc"), b"cba");
}

/// Serves one line over HTTP, with a Content-Length, and keeps the connection open.
fn web(host: &str) -> Option<u16> {
    let listener = TcpListener::bind((host, 0)).ok()?;
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes");
            std::thread::spawn(move || drop(stream.read(&mut [0; 1])));
        }
    });
    Some(port)
}

/// Curl through SOCKS 4, 4a and 5, with names that the far side resolves, IPv4 and IPv6; on both ends.
#[test]
fn curl_goes_through_socks() {
    let real = Real::start("");
    let (v4, v6) = (web("127.0.0.1").unwrap(), web("::1").unwrap());
    let (dynamic, remote) = (free_port(), free_port());
    let mut held = real.hold(&format!("-D {dynamic} -R {remote}"));
    held.wait_for("running no command");
    let curl = |options: &str, port: u16, url: &str| {
        let mut command = real.world.command(tool("curl"));
        command
            .args(["-sS", "-g", "--max-time", "20"])
            .args(options.split(' '))
            .arg(format!("127.0.0.1:{port}"))
            .arg(url);
        Run::of(command.output().unwrap())
    };
    for port in [dynamic, remote] {
        for (options, url) in [
            ("--socks5", format!("http://127.0.0.1:{v4}/")),
            ("--socks5-hostname", format!("http://localhost:{v4}/")),
            ("--socks5", format!("http://[::1]:{v6}/")),
            ("--socks5-hostname", format!("http://[::1]:{v6}/")),
            ("--socks4", format!("http://127.0.0.1:{v4}/")),
            ("--socks4a", format!("http://localhost:{v4}/")),
        ] {
            let run = curl(options, port, &url).expect(0);
            assert_eq!(run.out(), "yes", "{options} {url}: {run}");
        }
        let run = curl("--socks5-hostname", port, &format!("http://localhost:{}/", free_port()));
        assert_eq!(run.code, 97, "a refused connection has a reply: {run}");
        assert!(run.stderr.contains("(5)"), "{run}");
    }
}

#[test]
fn stdio_is_joined_to_a_port() {
    let real = Real::start("");
    let target = mirror();
    let command = real.world.ec2ssh(&real.line(&format!("-q -W localhost:{target}"), ""));
    let run = real.world.run_with_input(command, b"abc").expect(0);
    assert_eq!(run.out(), "cba");
    let path = real.world.path("s");
    mirror_at(&path);
    let command = real.world.ec2ssh(&real.line(&format!("-q -W {}", path.display()), ""));
    assert_eq!(real.world.run_with_input(command, b"abc").expect(0).out(), "cba");
    let run = real.world.run(&real.line(&format!("-W localhost:{}", free_port()), "")).expect(255);
    assert!(run.stderr.contains("the server cannot connect: Connection refused"), "{run}");
}

#[test]
fn failed_set_up_warns_or_ends_it() {
    let real = Real::start("");
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let _v6 = TcpListener::bind(("::1", busy.local_addr().unwrap().port()));
    let port = busy.local_addr().unwrap().port();
    let run = real.world.run(&real.line(&format!("-L {port}"), "echo on")).expect(0);
    assert_eq!(run.out(), "on\n");
    assert_eq!(run.stderr, format!("Warning: cannot listen on 127.0.0.1:{port}: Address already in use\n"));
    let run = real.world.run(&real.line(&format!("-R {port}:localhost:1"), "echo on")).expect(0);
    let expected =
        format!("Warning: remote port forwarding failed for listen port {port}: the server refused to listen; ");
    assert!(run.out() == "on\n" && run.stderr.starts_with(&expected), "{run}");
    let calls = real.world.cloud.calls().len();
    let run = real.world.run(&real.line(&format!("-o ExitOnForwardFailure=yes -L {port}"), "echo on")).expect(255);
    let expected = format!(
        "Error: cannot listen on 127.0.0.1:{port}\nCaused by: Address already in use\nHint: see who listens there: ss -ltnp sport = :{port}\n"
    );
    assert!(run.stdout.is_empty() && run.stderr == expected, "{run}");
    assert_eq!(real.world.cloud.calls().len(), calls, "nothing was asked of AWS");
    let run = real.world.run(&real.line(&format!("-o ExitOnForwardFailure=yes -R {port}:localhost:1"), "echo on"));
    assert!(run.code == 255 && run.stdout.is_empty() && run.stderr.contains("remote port forwarding failed"), "{run}");
}

/// A server that never stops sending, and counts what it was able to send.
fn endless() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || while stream.write_all(&[7; 65536]).is_ok() {});
        }
    });
    port
}

/// A client that stops reading loses its own connection in the end; the others go on meanwhile and afterwards, beyond a key
/// exchange.
#[test]
fn stalled_connection_leaves_others_alone() {
    let real = Real::start("RekeyLimit 8M");
    let (endless, target) = (endless(), mirror());
    let mut held = real.hold(&format!("-L :{endless} -L :{target}"));
    let (stalling, working) = (held.port_of("Forwarding "), held.port_of("Forwarding "));
    let mut stalled = connect(stalling);
    stalled.read_exact(&mut [0; 1]).unwrap();
    for _ in 0..40 {
        assert_eq!(exchange(connect(working), b"abc"), b"cba");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // What had arrived is read, then comes the reset.
    let mut rest = Vec::new();
    let ended = stalled.read_to_end(&mut rest);
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(exchange(connect(working), b"abc"), b"cba");
}

/// A slow reader gets everything.
#[test]
fn slow_reader_loses_nothing() {
    let real = Real::start("");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    const SIZE: usize = 150 << 20;
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&vec![7; SIZE]).unwrap();
    });
    let mut held = real.hold(&format!("-L :{port}"));
    let mut client = connect(held.port_of("Forwarding "));
    let mut chunk = vec![0; 1 << 20];
    let mut total = 0;
    loop {
        match client.read(&mut chunk).unwrap() {
            0 => break,
            read => total += read,
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(total, SIZE);
}

#[test]
fn many_connections_leave_nothing_behind() {
    let real = Real::start("");
    let target = mirror();
    let mut held = real.hold(&format!("-L :{target}"));
    let port = held.port_of("Forwarding ");
    held.wait_for("running no command");
    // Before the first connection, whose socket may still be open when it has answered.
    let before = held.descriptors();
    for number in 0..1000_u32 {
        let sent = number.to_string();
        assert_eq!(exchange(connect(port), sent.as_bytes()), sent.bytes().rev().collect::<Vec<_>>());
    }
    // 50 by 50, because the queue of those that wait to be accepted is short.
    let mut open: Vec<TcpStream> = Vec::new();
    while open.len() < 400 {
        open.extend((0..50).map(|_| {
            let mut stream = connect(port);
            stream.write_all(b"abc").unwrap();
            stream
        }));
        wait_until("all are forwarded", || held.descriptors() >= before + open.len());
    }
    for stream in open {
        assert_eq!(exchange(stream, b""), b"cba");
    }
    wait_until("all descriptors are closed", || held.descriptors() <= before);
}

#[test]
fn agent_is_forwarded_when_asked() {
    let real = Real::start("");
    keygen(real.world.home.path(), "mine", &["-t", "ed25519", "-N", ""]);
    let agent = SshAgent::start(&real.world, &["mine"]);
    let fingerprint = Command::new(tool("ssh-keygen")).arg("-lf").arg(real.world.path("mine")).output().unwrap();
    let fingerprint = String::from_utf8(fingerprint.stdout).unwrap().split(' ').nth(1).unwrap().to_owned();
    let listed = |options: &str| {
        let mut command = real.world.ec2ssh(&real.line(options, "ssh-add -l"));
        Run::of(command.env("SSH_AUTH_SOCK", &agent.socket).output().unwrap())
    };
    let run = listed("-A").expect(0);
    assert!(run.out().contains(&fingerprint), "{run}");
    // Without -A there is none.
    assert_eq!(listed("").code, 2);
    let mut command = real.world.ec2ssh(&real.line("-A", "true"));
    let run = Run::of(command.env_remove("SSH_AUTH_SOCK").output().unwrap()).expect(0);
    assert_eq!(run.stderr, "Warning: there is no agent to forward: SSH_AUTH_SOCK is not set\n");
}

/// Like ssh, it stays until the forwarded connections have ended.
#[test]
fn end_of_command_waits_for_forwards() {
    let real = Real::start("");
    let target = mirror();
    let port = free_port();
    let mut command = real.world.ec2ssh(&real.line(&format!("-L {port}:localhost:{target}"), "echo ready; read line"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_line(child.stdout.as_mut().unwrap(), "ready");
    let mut open = connect(port);
    open.write_all(b"abc").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    wait_for_line(child.stderr.as_mut().unwrap(), "Waiting for 1 forwarded connection to end");
    assert_eq!(exchange(open, b""), b"cba");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// At a terminal the forwards have a connection of their own, and `~#` lists what they carry.
#[test]
fn escape_lists_forwarded_connections() {
    let real = Real::start("");
    let (target, port) = (mirror(), free_port());
    let line = format!("\"$EC2SSH\" {}", real.line(&format!("-L {port}:localhost:{target}"), ""));
    let mut terminal = crate::support::pty::Terminal::run(&real.world, &line);
    terminal.wait_for("#");
    terminal.type_in("\r~#");
    terminal.wait_for("No forwarded connections are open.");
    let before = real.sshd.sessions().len();
    let mut open = connect(port);
    open.write_all(b"abc").unwrap();
    wait_until("they have a connection of their own", || real.sshd.sessions().len() > before);
    wait_until("it is listed", || {
        terminal.type_in("\r~#");
        terminal.text().contains(&format!(" -> localhost:{target}  "))
            && terminal.text().contains("3 B sent, 0 B received")
    });
    terminal.type_in("\r~?");
    terminal.wait_for("list forwarded connections");
    assert_eq!(exchange(open, b""), b"cba");
    terminal.type_in("\r~.");
    wait_until("it ends", || terminal.child.try_wait().unwrap().is_some());
}

/// A server that ends an idle connection, which the client then uses again; and one that resets it while the client sends.
#[test]
fn far_side_that_closes_ends_the_client() {
    let real = Real::start("");
    let closes = TcpListener::bind("127.0.0.1:0").unwrap();
    let resets = TcpListener::bind("127.0.0.1:0").unwrap();
    let ports = [&closes, &resets].map(|listener| listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in closes.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 3];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(b"yes").unwrap();
        }
    });
    std::thread::spawn(move || {
        for stream in resets.incoming() {
            let mut stream = stream.unwrap();
            // What is not read when it is dropped becomes a reset.
            stream.read_exact(&mut [0; 1]).unwrap();
        }
    });
    let mut held = real.hold(&format!("-L :{} -L :{}", ports[0], ports[1]));
    let (closing, resetting) = (held.port_of("Forwarding "), held.port_of("Forwarding "));
    held.wait_for("running no command");
    let before = held.descriptors();
    let mut client = connect(closing);
    client.write_all(b"abc").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "yes");
    // The client has kept its side open, and tries it once more.
    wait_until("a write fails", || client.write_all(b"again").is_err());
    drop(client);
    for _ in 0..3 {
        let mut client = connect(resetting);
        wait_until("a write fails", || client.write_all(&[7; 65536]).is_err());
    }
    wait_until("nothing is left behind", || held.descriptors() <= before);
    assert_eq!(exchange(connect(closing), b"abc"), b"yes");
}

/// Git on the instance fetches from another server with a key that is only in the caller's agent.
#[test]
fn git_on_the_instance_uses_the_agent() {
    let real = Real::start("");
    let home = real.world.home.path().display().to_string();
    keygen(real.world.home.path(), "mine", &["-t", "ed25519", "-N", ""]);
    let agent = SshAgent::start(&real.world, &["mine"]);
    std::fs::remove_file(real.world.path("mine")).unwrap();
    let elsewhere = RealSshd::start(&real.world.cloud, "i-0123456789abcde09", "");
    elsewhere.authorize(&std::fs::read_to_string(real.world.path("mine.pub")).unwrap());
    let git = "git -c user.name=t -c user.email=t@t";
    let ssh = format!(
        "ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile={home}/hosts -o IdentityFile=none -p {}",
        elsewhere.port
    );
    let script = format!(
        "cd {home} && {git} init -q origin && {git} -C origin commit -q --allow-empty -m first && \
         GIT_SSH_COMMAND='{ssh}' {git} clone -q {}@127.0.0.1:{home}/origin clone && {git} -C clone log --oneline",
        elsewhere.user
    );
    let words = real.line("-A", "");
    let run = |options: &str| {
        let mut command = real.world.ec2ssh(&words.replace("-A", options));
        Run::of(command.arg(&script).env("SSH_AUTH_SOCK", &agent.socket).output().unwrap())
    };
    let denied = run("-a");
    assert!(denied.code != 0 && denied.stderr.contains("Permission denied"), "{denied}");
    std::fs::remove_dir_all(real.world.path("origin")).unwrap();
    assert!(run("-A").expect(0).out().contains("first"));
}

/// A database's own client, over `-L` and over `ec2ssh forward`, through a loss of the connection.
#[test]
fn database_client_goes_over_forwards() {
    let real = Real::start("");
    let database = free_port();
    let program = real.world.path("redis-server");
    std::os::unix::fs::symlink(tool("redis-check-rdb"), &program).unwrap();
    let mut server = real.world.command(&program);
    server.args(["--port", &database.to_string(), "--save", "", "--bind", "127.0.0.1"]).stdout(Stdio::null());
    let _server = Server(server.spawn().unwrap());
    wait_until("the database is up", || TcpStream::connect(("127.0.0.1", database)).is_ok());
    let redis = |port: u16, words: &[&str]| {
        let mut command = real.world.command(tool("redis-cli"));
        Run::of(command.args(["-p", &port.to_string()]).args(words).output().unwrap()).expect(0).out()
    };
    let mut held = real.hold(&format!("-L :{database}"));
    let port = held.port_of("Forwarding ");
    let large = "x".repeat(100_000);
    assert_eq!(redis(port, &["set", "key", &large]), "OK\n");
    assert_eq!(redis(port, &["get", "key"]).trim_end(), large);
    let mut forward =
        crate::forward_command::Forward::in_world(&real.world, &format!("{} :{database}", real.line("", "")));
    let port = forward.port();
    assert_eq!(redis(port, &["get", "key"]).trim_end(), large);
    crate::forward_command::kill(&real);
    forward.held.wait_for("connecting again");
    assert_eq!(redis(port, &["get", "key"]).trim_end(), large);
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A client that goes away while the server waits for it takes nobody with it.
#[test]
fn client_that_leaves_while_stalled_frees_the_others() {
    let real = Real::start("");
    let (endless, target) = (endless(), mirror());
    let mut held = real.hold(&format!("-L :{endless} -L :{target}"));
    let (stalling, working) = (held.port_of("Forwarding "), held.port_of("Forwarding "));
    assert_eq!(exchange(connect(working), b"abc"), b"cba");
    let memory = || {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", held.child.id())).unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let before = memory();
    let mut stalled = connect(stalling);
    stalled.read_exact(&mut [0; 1]).unwrap();
    wait_until("as much is kept as may be", || memory() > before + (60 << 20));
    drop(stalled);
    for _ in 0..5 {
        assert_eq!(exchange(connect(working), b"abc"), b"cba");
    }
}

/// The far side ends, and standard input stays open.
#[test]
fn stdio_ends_with_the_far_side() {
    let real = Real::start("");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"bye").unwrap();
        stream.read_exact(&mut [0; 1]).unwrap();
    });
    let mut command = real.world.ec2ssh(&real.line(&format!("-q -W localhost:{port}"), ""));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"more than is read").unwrap();
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(out, "bye");
    // The server closes the channel when it cannot pass on what comes.
    wait_until("it ends", || {
        let _ = stdin.write_all(b"x");
        child.try_wait().unwrap().is_some()
    });
}

/// Output of a command that nobody reads does not hold up the forwards.
#[test]
fn paused_output_leaves_forwards_alone() {
    let real = Real::start("");
    let (target, port) = (mirror(), free_port());
    let mut command =
        real.world.ec2ssh(&real.line(&format!("-q -L {port}:localhost:{target} -R 0:localhost:{target}"), "yes"));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 1]).unwrap();
    for _ in 0..10 {
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert_eq!(exchange(connect(port), b"abc"), b"cba");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
