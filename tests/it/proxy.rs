//! `ec2ssh proxy` against the embedded cloud: the byte stream, half-closes and the pushed key.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

use crate::support::{ID, World, keygen};

/// Bytes pass unchanged both ways, and the server's answer still arrives after EOF on the input.
#[test]
fn client_half_close_is_forwarded() {
    let (world, _) = World::with_instance();
    keygen(world.home.path(), ".ssh/id_ed25519", &["-t", "ed25519", "-N", ""]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // The server reads up to EOF and only then answers.
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all.reverse();
        stream.write_all(&all).unwrap();
        all.len()
    });
    let input: Vec<u8> = (0..=255).cycle().take(1_000_003).collect();
    let run = world.run_with_input(world.ec2ssh(&format!("proxy ubuntu@my-instance:{port}")), &input).expect(0);
    assert_eq!(server.join().unwrap(), input.len());
    assert!(run.stdout.iter().eq(input.iter().rev()), "{} bytes", run.stdout.len());
    assert_eq!(run.stderr, "");
    assert_eq!(world.cloud.pushed_keys(ID, "ubuntu").len(), 1);
}

/// EOF from the server is passed on, and the input still reaches the server.
#[test]
fn server_half_close_is_forwarded() {
    let (world, _) = World::with_instance();
    keygen(world.home.path(), ".ssh/id_ed25519", &["-t", "ed25519", "-N", ""]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"over to you").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        all
    });
    let mut command = world.ec2ssh(&format!("proxy ubuntu@my-instance:{port}"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    // EOF of the server's output arrives while the input is still open.
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "over to you");
    child.stdin.take().unwrap().write_all(b"thank you").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(server.join().unwrap(), "thank you");
}

/// The option `-i` selects the key to push. Without it the first usable default key file is taken.
#[test]
fn pushed_key_is_named_or_first_usable_default() {
    let (world, port) = World::with_instance();
    let line = |path: &str| std::fs::read_to_string(world.path(path)).unwrap();
    let pushed = || world.cloud.pushed_keys(ID, "u").pop().unwrap();
    let proxy = |options: &str| world.run(&format!("proxy {options} u@my-instance:{port}"));
    let run = proxy("").expect(255);
    insta::assert_snapshot!(world.redact(&run.to_string()));
    keygen(world.home.path(), ".ssh/id_rsa", &["-t", "rsa", "-b", "2048", "-N", ""]);
    proxy("").expect(0);
    assert!(line(".ssh/id_rsa.pub").starts_with(&pushed()));
    keygen(world.home.path(), ".ssh/id_ed25519", &["-t", "ed25519", "-N", ""]);
    proxy("").expect(0);
    assert!(line(".ssh/id_ed25519.pub").starts_with(&pushed()));
    keygen(world.home.path(), "named", &["-t", "ed25519", "-N", ""]);
    for name in ["named", "named.pub", "~/named"] {
        proxy(&format!("-i {name}")).expect(0);
        assert!(line("named.pub").starts_with(&pushed()), "{name}");
    }
    // A .pem file from AWS comes without its public key.
    let pem = keygen(world.home.path(), "aws.pem", &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""]);
    let public = line("aws.pem.pub");
    std::fs::remove_file(pem.with_extension("pem.pub")).unwrap();
    proxy("-i aws.pem").expect(0);
    assert!(public.starts_with(&pushed()));
    keygen(world.home.path(), "curve", &["-t", "ecdsa", "-N", ""]);
    let run = proxy("-i curve").expect(255);
    assert!(run.stderr.contains("accepts only RSA and ed25519"), "{run}");
}

#[test]
fn error_leaves_stdout_empty() {
    let (world, _) = World::with_instance();
    keygen(world.home.path(), ".ssh/id_ed25519", &["-t", "ed25519", "-N", ""]);
    let run = world.run("proxy ec2-user@no-such-instance:22").expect(255);
    assert_eq!(run.out(), "");
    assert!(run.stderr.starts_with("Error: no instance matches 'no-such-instance'\n"), "{run}");
}
