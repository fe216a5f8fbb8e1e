//! AWS and servers that mean harm: each connection ends in time, in an error, without a panic and without much memory.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use ec2ssh_lab::{Fault, TunnelFault};

use crate::Outcome;
use crate::process::{Ended, end, start};
use crate::setup::{Distance, Setup, ec2ssh_binary};

/// The longest time: that of a call with its retries, or of the handshake.
const LIMIT: Duration = Duration::from_secs(75);
/// The limit of the resident memory, in MB.
const MAX_MEMORY: u64 = 80;

type Serve = fn(TcpStream);

/// The servers in place of sshd.
const SERVERS: [(&str, Serve); 12] = [
    ("closes at once", |_| {}),
    ("says nothing", silence),
    ("endless text before the version", |stream| flood(stream, b"", b"hello\r\n")),
    ("a line without end", |stream| flood(stream, b"", b"x")),
    ("a version without end", |stream| flood(stream, b"SSH-2.0-", b"x")),
    ("zeros after the version", |stream| flood(stream, b"SSH-2.0-odd\r\n", &[0; 64])),
    ("ones after the version", |stream| flood(stream, b"SSH-2.0-odd\r\n", &[0xff; 64])),
    ("a packet of 4 GB", |stream| flood(stream, b"SSH-2.0-odd\r\n\xff\xff\xff\xff\x04", &[1; 64])),
    ("SSH_MSG_DEBUG without end", |stream| flood(stream, b"SSH-2.0-odd\r\n", &packet(&[4, 1, 0, 0, 0, 0, 0, 0, 0, 0]))),
    ("SSH_MSG_IGNORE without end", |stream| flood(stream, b"SSH-2.0-odd\r\n", &packet(&[2, 0, 0, 0, 0]))),
    ("SSH_MSG_DISCONNECT with an escape", |stream| {
        let text = b"\x1b[2J\x1b]0;owned\x07";
        let mut body = vec![1, 0, 0, 0, 2, 0, 0, 0, u8::try_from(text.len()).unwrap()];
        body.extend(text);
        body.extend([0, 0, 0, 0]);
        flood_once(stream, &[&b"SSH-2.0-odd\r\n"[..], &packet(&body)].concat());
    }),
    ("a key exchange of empty lists", |stream| {
        flood_once(stream, &[&b"SSH-2.0-odd\r\n"[..], &packet(&[&[20][..], &[0; 61]].concat())].concat());
    }),
];

pub(crate) fn run() -> Vec<(String, Outcome)> {
    let mut all = Vec::new();
    for (name, serve) in SERVERS {
        let setup = Setup::new(Distance::NONE, Duration::ZERO);
        let port = listen(serve);
        let ended = try_once(&setup, &format!("--via direct -p {port} my-instance true"));
        all.push((format!("server: {name}"), verdict(&ended)));
    }
    for (name, operation, fault) in faults() {
        let setup = Setup::new(Distance::NONE, Duration::ZERO);
        setup.cloud.fail(operation, fault, usize::MAX);
        let via = if operation == "StartSession" { "--via ssm " } else { "" };
        let ended = try_once(&setup, &format!("{via}my-instance true"));
        all.push((format!("{operation}: {name}"), verdict(&ended)));
    }
    let escapes = "\u{1b}]0;owned\u{7}".to_owned();
    let close = || TunnelFault::Close(1008, escapes.clone());
    for fault in [TunnelFault::Mute, TunnelFault::Quote, close(), TunnelFault::Refuse(500, escapes.clone())] {
        let setup = Setup::new(Distance::NONE, Duration::ZERO);
        let name = format!("tunnel: {fault:?}");
        setup.cloud.fail_tunnels(fault);
        all.push((name, verdict(&try_once(&setup, "--via eice my-instance true"))));
    }
    all
}

fn faults() -> Vec<(&'static str, &'static str, Fault)> {
    let mut all = Vec::new();
    for operation in ["DescribeInstances", "SendSSHPublicKey", "StartSession"] {
        all.push(("no end", operation, Fault::Endless));
        all.push(("no answer", operation, Fault::Hang));
        all.push(("half an answer", operation, Fault::CloseHalfway));
        all.push(("not from the service", operation, Fault::Status(200)));
        all.push(("escapes", operation, Fault::error(400, "\u{1b}[2JOwned", "\u{1b}]0;owned\u{7}\n\nError: none")));
        all.push(("a long message", operation, Fault::error(400, "Long", &"x".repeat(1 << 20))));
    }
    all
}

fn try_once(setup: &Setup, rest: &str) -> Ended {
    end(start(setup.command(ec2ssh_binary()), &format!("--host-keys accept-new {rest}")), LIMIT)
}

fn verdict(ended: &Ended) -> Outcome {
    let first = ended.stderr.lines().find(|line| line.starts_with("Error")).unwrap_or("no error");
    let short: String = first.chars().take(100).collect();
    let text = format!("{:?} after {:.1} s, {} MB: {short}", ended.code, ended.took.as_secs_f64(), ended.peak);
    let has_control = ended.stderr.chars().any(|c| c.is_control() && c != '\n');
    let panicked = ended.stderr.contains("panicked") || ended.stderr.contains("internal error");
    let is_long = ended.stderr.len() > 16_384;
    let broken = ended.timed_out
        || !matches!(ended.code, Some(1 | 255))
        || ended.peak > MAX_MEMORY
        || has_control
        || panicked
        || is_long
        || !ended.stdout.is_empty();
    if broken { Err(text) } else { Ok(text) }
}

/// Starts a server that runs `serve` for each connection, and returns its port.
fn listen(serve: Serve) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

fn silence(mut stream: TcpStream) {
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

/// Sends bytes without end, and reads what the client sends.
fn flood(mut stream: TcpStream, first: &[u8], again: &[u8]) {
    let reader = stream.try_clone().unwrap();
    std::thread::spawn(move || silence(reader));
    let many = again.repeat(1 + 4096 / again.len());
    let _ = stream.write_all(first);
    while stream.write_all(&many).is_ok() {}
}

fn flood_once(mut stream: TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
    let _ = stream.read(&mut [0; 4096]);
    silence(stream);
}

/// Builds an unencrypted packet (RFC 4253, section 6).
fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 8 - (payload.len() + 5) % 8 + 8;
    let length = u32::try_from(payload.len() + padding + 1).unwrap();
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.push(u8::try_from(padding).unwrap());
    bytes.extend(payload);
    bytes.resize(bytes.len() + padding, 0);
    bytes
}
