//! Servers that are no SSH servers, or bad ones: each a clear error, the right status, no hang.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::support::RealSshd;
use crate::support::World;

/// A server that does this with each connection.
fn server(act: fn(TcpStream)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || act(stream));
        }
    });
    port
}

fn meet(name: &str, port: u16) {
    let (world, _) = World::with_instance();
    let begun = Instant::now();
    let text = world.snapshot(&format!("--host-keys accept-new -p {port} my-instance true"));
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    assert!(text.contains("\nstatus: 255\n"), "{text}");
    insta::assert_snapshot!(name, text.replace(&port.to_string(), "PORT"));
}

fn drain(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 4096]);
}

#[test]
fn one_that_closes_at_once() {
    meet("server_closes", server(drain));
}

#[test]
fn one_that_closes_after_its_banner() {
    meet(
        "server_closes_after_banner",
        server(|mut stream| {
            stream.write_all(b"SSH-2.0-Full\r\n").unwrap();
            drain(stream);
        }),
    );
}

#[test]
fn one_that_speaks_http() {
    meet(
        "server_http",
        server(|mut stream| {
            stream.write_all(b"HTTP/1.1 400 Bad \x1b[31mRequest\r\nConnection: close\r\n\r\n").unwrap();
            drain(stream);
        }),
    );
}

#[test]
fn one_that_says_nothing() {
    meet(
        "server_silent",
        server(|stream| {
            std::thread::sleep(Duration::from_secs(60));
            drop(stream);
        }),
    );
}

#[test]
fn one_that_speaks_nonsense_after_its_banner() {
    meet(
        "server_nonsense",
        server(|mut stream| {
            stream.write_all(b"SSH-2.0-Odd\r\n").unwrap();
            stream.write_all(&[0xff; 4096]).unwrap();
            drain(stream);
        }),
    );
}

#[test]
fn one_without_a_common_algorithm() {
    let (world, _) = World::with_instance();
    let sshd = RealSshd::start(&world.cloud, crate::support::ID, "Ciphers 3des-cbc");
    let run = world.run(&format!("--host-keys accept-new -p {} my-instance true", sshd.port)).expect(255);
    assert!(run.stderr.contains("no common cipher algorithm"), "{run}");
    assert!(run.stderr.contains("the server has 3des-cbc; ec2ssh has aes256-gcm@openssh.com"), "{run}");
}
