//! Tests of servers that are broken or do not speak SSH: each gives a clear error and status 255, and none hangs.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::support::RealSshd;
use crate::support::World;

/// Starts a server that runs `act` for each connection, and returns its port.
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

fn assert_error_snapshot(name: &str, port: u16) {
    let (world, _) = World::with_instance();
    let text = world.snapshot(&format!("--host-keys accept-new -p {port} my-instance true"));
    assert!(text.contains("\nstatus: 255\n"), "{text}");
    insta::assert_snapshot!(name, text.replace(&port.to_string(), "PORT"));
}

fn read_then_close(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 4096]);
}

#[test]
fn server_that_closes_at_once_is_reported() {
    assert_error_snapshot("server_closes", server(read_then_close));
}

#[test]
fn server_that_closes_after_banner_is_reported() {
    assert_error_snapshot(
        "server_closes_after_banner",
        server(|mut stream| {
            stream.write_all(b"SSH-2.0-Full\r\n").unwrap();
            read_then_close(stream);
        }),
    );
}

#[test]
fn http_server_is_reported() {
    assert_error_snapshot(
        "server_http",
        server(|mut stream| {
            stream.write_all(b"HTTP/1.1 400 Bad \x1b[31mRequest\r\nConnection: close\r\n\r\n").unwrap();
            read_then_close(stream);
        }),
    );
}

#[test]
fn garbage_after_banner_is_reported() {
    assert_error_snapshot(
        "server_nonsense",
        server(|mut stream| {
            stream.write_all(b"SSH-2.0-Odd\r\n").unwrap();
            stream.write_all(&[0xff; 4096]).unwrap();
            read_then_close(stream);
        }),
    );
}

#[test]
fn missing_common_cipher_lists_both_sides() {
    let (world, _) = World::with_instance();
    let sshd = RealSshd::start(&world.cloud, crate::support::ID, "Ciphers 3des-cbc");
    let run = world.run(&format!("--host-keys accept-new -p {} my-instance true", sshd.port)).expect(255);
    assert!(run.stderr.contains("no common cipher algorithm"), "{run}");
    assert!(run.stderr.contains("the server offers 3des-cbc; ec2ssh supports aes256-gcm@openssh.com"), "{run}");
}
