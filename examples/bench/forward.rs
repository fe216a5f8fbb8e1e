//! Measures forwarded connections beside ssh's: throughput through `-L` at both distances, short connections one after the other, and the
//! echo of a key while a forward is saturated.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::figures::{median, quantile, table};
use crate::setup::{Distance, Setup};
use crate::typing;

const ROUNDS: usize = 3;
const CHUNK: usize = 256 * 1024;

pub(crate) fn run() {
    compare("no delay", Distance::NONE, (400, 100));
    compare("80 ms round trip", Distance { call: Duration::ZERO, ..Distance::FAR }, (80, 10));
    echo();
}

/// Serves connections: the first byte says what is wanted: `d` for that many megabytes, `u` to count what comes, `e` for an echo.
fn serve(megabytes: u64) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || answer(stream.unwrap(), megabytes));
        }
    });
    port
}

fn answer(mut stream: TcpStream, megabytes: u64) {
    let mut kind = [0; 1];
    if stream.read_exact(&mut kind).is_err() {
        return;
    }
    let chunk = vec![7; CHUNK];
    match &kind {
        b"d" => {
            let mut left = megabytes * 1_000_000;
            while left > 0 && stream.write_all(&chunk[..CHUNK.min(usize::try_from(left).unwrap())]).is_ok() {
                left = left.saturating_sub(CHUNK as u64);
            }
        }
        b"u" => {
            let count = std::io::copy(&mut stream, &mut std::io::sink()).unwrap_or_default();
            let _ = stream.write_all(&count.to_be_bytes());
        }
        _ => drop(stream.write_all(b"x")),
    }
}

/// A program that forwards a port of this machine, and ends with this value.
struct Forward {
    child: Child,
    port: u16,
}

impl Forward {
    fn start(setup: &Setup, line: &str, target: u16) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let line = line.replace("FORWARD", &format!("-N -L 127.0.0.1:{port}:127.0.0.1:{target}"));
        let mut words = line.split_whitespace();
        let mut command = setup.command(words.next().unwrap());
        let child = command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let forward = Self { child, port };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        forward.exchange();
        forward
    }

    fn connect(&self, kind: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(kind).unwrap();
        stream
    }

    fn exchange(&self) {
        let mut stream = self.connect(b"e");
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"x");
    }

    #[allow(clippy::cast_precision_loss, reason = "megabytes are few")]
    fn down(&self, megabytes: u64) -> f64 {
        let begun = Instant::now();
        let count = std::io::copy(&mut self.connect(b"d"), &mut std::io::sink()).unwrap();
        assert_eq!(count, megabytes * 1_000_000);
        megabytes as f64 / begun.elapsed().as_secs_f64()
    }

    #[allow(clippy::cast_precision_loss, reason = "megabytes are few")]
    fn up(&self, megabytes: u64) -> f64 {
        let begun = Instant::now();
        let mut stream = self.connect(b"u");
        let chunk = vec![7; CHUNK];
        let mut left = megabytes * 1_000_000;
        while left > 0 {
            let size = CHUNK.min(usize::try_from(left).unwrap());
            stream.write_all(&chunk[..size]).unwrap();
            left -= size as u64;
        }
        stream.shutdown(Shutdown::Write).unwrap();
        let mut count = [0; 8];
        stream.read_exact(&mut count).unwrap();
        assert_eq!(u64::from_be_bytes(count), megabytes * 1_000_000);
        megabytes as f64 / begun.elapsed().as_secs_f64()
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn compare(name: &str, distance: Distance, (megabytes, connections): (u64, u32)) {
    let setup = Setup::new(distance, Duration::ZERO);
    let target = serve(megabytes);
    let lines = [
        ("ssh -L", setup.ssh("filed", "").replacen(" -F ", " FORWARD -F ", 1)),
        ("ec2ssh -L", setup.ec2ssh("FORWARD my-instance ")),
    ];
    let mut rows = Vec::new();
    let mut floor = None;
    for (name, line) in lines {
        let forward = Forward::start(&setup, &line, target);
        let down: Vec<f64> = (0..ROUNDS).map(|_| forward.down(megabytes)).collect();
        let up: Vec<f64> = (0..ROUNDS).map(|_| forward.up(megabytes)).collect();
        let begun = Instant::now();
        (0..connections).for_each(|_| forward.exchange());
        let each = begun.elapsed().as_secs_f64() * 1000.0 / f64::from(connections);
        let (down, up) = (median(&down), median(&up));
        let (first_down, first_up, first_each) = *floor.get_or_insert((down, up, each));
        rows.push(vec![
            name.to_owned(),
            format!("{down:.0}"),
            format!("{up:.0}"),
            format!("{:.2}", down / first_down),
            format!("{:.2}", up / first_up),
            format!("{each:.1}"),
            format!("{:.2}", each / first_each),
        ]);
    }
    table(
        &format!("A forwarded port, {megabytes} MB, and {connections} short connections: {name}"),
        &["", "down, MB/s", "up, MB/s", "down to ssh", "up to ssh", "a connection, ms", "to ssh"],
        &rows,
    );
}

/// Measures the echo of keys in a session whose forward is idle, and then saturated.
fn echo() {
    let setup = Setup::new(Distance::NONE, Duration::ZERO);
    setup.run(&setup.ec2ssh("my-instance true"));
    // The connection is to last as long as the keys.
    let target = serve(1_000_000);
    let mut rows = Vec::new();
    for name in ["ssh", "ec2ssh"] {
        for kind in [None, Some(b"d"), Some(b"u")] {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let forward = format!("-L 127.0.0.1:{port}:127.0.0.1:{target}");
            let line = match name {
                "ssh" => setup.ssh("filed", "").replacen(" -F ", &format!(" -tt {forward} -F "), 1),
                _ => setup.ec2ssh(&format!("-tt {forward} my-instance ")),
            };
            let times = typing::echoes(&setup, &line, || {
                let Some(kind) = kind else { return };
                let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                std::thread::spawn(move || saturate(stream, *kind));
                std::thread::sleep(Duration::from_millis(700));
            });
            let state = match kind {
                None => "idle",
                Some(b"d") => "a download saturates it",
                Some(_) => "an upload saturates it",
            };
            rows.push(vec![
                format!("{name}, {state}"),
                format!("{:.2}", median(&times)),
                format!("{:.2}", quantile(&times, 0.9)),
                format!("{:.2}", quantile(&times, 0.99)),
            ]);
        }
    }
    table("From a key to its echo, beside a forward", &["", "median, ms", "90 %", "99 %"], &rows);
}

fn saturate(mut stream: TcpStream, kind: [u8; 1]) {
    let _ = stream.write_all(&kind);
    let mut chunk = vec![7; CHUNK];
    match &kind {
        b"d" => while stream.read(&mut chunk).is_ok_and(|count| count > 0) {},
        _ => while stream.write_all(&chunk).is_ok() {},
    }
}
