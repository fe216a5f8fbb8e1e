//! Reports about servers that ssh gets into, and others did not.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use ec2ssh_lab::Instance;

use crate::support::place::Place;
use crate::support::pty::Terminal;
use crate::support::{ID, RealSshd, World, wait_until};

/// Creates a world with an instance whose real sshd has these lines in its configuration.
fn world_with(sshd_config: &str) -> (World, RealSshd) {
    let world = World::empty();
    world.add_amazon_linux();
    world.cloud.add(Instance::named(ID, "my-instance"));
    let sshd = RealSshd::start(&world.cloud, ID, sshd_config);
    (world, sshd)
}

fn line(sshd: &RealSshd, command: &str) -> String {
    format!("--host-keys accept-new -p {} {}@my-instance {command}", sshd.port, sshd.user)
}

/// Key exchanges of NIST curves were not offered, although the library has them.
#[test]
fn every_sound_algorithm_is_offered() {
    // The groups of more than 2,048 bits take seconds each in a debug build.
    let kex = [
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "curve25519-sha256",
        "diffie-hellman-group14-sha256",
    ];
    let macs =
        ["hmac-sha2-256", "hmac-sha2-512", "hmac-sha1", "hmac-sha2-256-etm@openssh.com", "hmac-sha1-etm@openssh.com"];
    let all = kex.map(|name| format!("KexAlgorithms {name}")).into_iter();
    let all = all.chain(macs.map(|name| format!("MACs {name}\nCiphers aes192-ctr")));
    for config in all.chain(["Ciphers aes128-gcm@openssh.com".to_owned()]) {
        let (world, sshd) = world_with(&config);
        world.run(&line(&sshd, "true")).expect(0);
    }
}

/// The policy of RHEL and Amazon Linux in FIPS mode.
const FIPS: &str = "Ciphers aes256-gcm@openssh.com,aes256-ctr,aes128-gcm@openssh.com,aes128-ctr\n\
    MACs hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512\n\
    KexAlgorithms ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group14-sha256\n\
    HostKeyAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,rsa-sha2-256,rsa-sha2-512\n\
    PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,rsa-sha2-256,rsa-sha2-512";

/// A server in FIPS mode does not look at a pushed ed25519 key: the login was denied.
#[test]
fn server_without_ed25519_gets_an_rsa_key() {
    let (world, sshd) = world_with(FIPS);
    world.run(&line(&sshd, "true")).expect(0);
    let pushes = || world.cloud.calls().into_iter().filter(|call| call.operation == "SendSSHPublicKey");
    assert_eq!(pushes().filter(|call| call.body.contains("ssh-rsa")).count(), 1);
    // It is remembered: the next connection pushes one key, of RSA.
    let before = pushes().count();
    world.forget_key();
    world.run(&line(&sshd, "true")).expect(0);
    assert_eq!(pushes().count(), before + 1);
    assert!(pushes().next_back().unwrap().body.contains("ssh-rsa"));
}

/// A server with an ed25519 host key that accepts RSA user keys alone is known after one denial.
#[test]
fn denied_ed25519_key_is_followed_by_rsa() {
    for algorithm in ["rsa-sha2-512", "rsa-sha2-256"] {
        let (world, sshd) = world_with(&format!("PubkeyAcceptedAlgorithms {algorithm}"));
        let run = world.run(&format!("-v {}", line(&sshd, "true"))).expect(0);
        assert!(run.stderr.contains("trying an RSA key"), "{run}");
        let run = world.run(&format!("-v {}", line(&sshd, "true"))).expect(0);
        assert!(!run.stderr.contains("trying an RSA key"), "{run}");
    }
}

/// Waits until the denial is noted for the next login: the agent learns of it by the end of ssh, and writes after it.
fn wait_for_rsa_note(place: &Place) {
    wait_until("a note for the next login", || place.world.path("cache/ec2ssh/rsa-next.json").exists());
}

/// The block for plain ssh: at once where the host key shows it, from the second time on otherwise.
#[test]
fn plain_ssh_offers_an_rsa_key() {
    let place = Place::with(FIPS, "--match my-* --host-keys accept-new");
    place.ssh(&["my-instance", "true"]).expect(0);
    let place =
        Place::with("PubkeyAcceptedAlgorithms rsa-sha2-512,rsa-sha2-256", "--match my-* --host-keys accept-new");
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("The next connection to i-0123456789abcde01 offers an RSA key"), "{run}");
    wait_for_rsa_note(&place);
    place.ssh(&["my-instance", "true"]).expect(0);
}

/// A denial for another reason, such as a wrong user, marked the instance for 90 days as one that takes RSA only.
#[test]
fn denial_of_a_wrong_user_is_forgotten() {
    let place = Place::with("", "--match my-* --host-keys accept-new");
    place.ssh(&["-l", "stranger", "my-instance", "true"]).expect(255);
    wait_for_rsa_note(&place);
    assert!(!place.world.path("cache/ec2ssh/rsa-only.json").exists());
}

/// The memory may be wrong by now: the policy of the server has changed.
#[test]
fn denied_rsa_from_memory_is_followed_by_ed25519() {
    let (world, sshd) = world_with("PubkeyAcceptedAlgorithms rsa-sha2-512");
    world.run(&line(&sshd, "true")).expect(0);
    let sshd = RealSshd::start(&world.cloud, ID, "PubkeyAcceptedAlgorithms ssh-ed25519");
    std::fs::remove_file(world.known_hosts()).unwrap();
    let run = world.run(&format!("-v {}", line(&sshd, "true"))).expect(0);
    assert!(run.stderr.contains("trying an ed25519 key"), "{run}");
    let run = world.run(&format!("-v {}", line(&sshd, "true"))).expect(0);
    assert!(!run.stderr.contains("permission denied"), "{run}");
}

/// A second step after the key was reported as "permission denied (publickey)".
#[test]
fn second_factor_is_asked_for_on_the_terminal() {
    let world = World::empty();
    world.add_amazon_linux();
    world.cloud.add(Instance::named(ID, "my-instance"));
    let script = world.file("check.sh", "#!/bin/sh\nread -r code\n[ \"$code\" = 123456 ]\n", 0o755);
    // pam_permit is for pam_setcred, which pam_exec leaves to others.
    let pam = format!(
        "auth required pam_exec.so quiet expose_authtok {}\nauth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n",
        script.display()
    );
    let steps = "KbdInteractiveAuthentication yes\nPasswordAuthentication yes\nAuthenticationMethods publickey,";
    for method in ["keyboard-interactive", "password"] {
        let Some(sshd) = RealSshd::start_with_pam(&world.cloud, ID, &pam, &format!("{steps}{method}")) else { return };
        let ec2ssh = format!("echo input | \"$EC2SSH\" {}", line(&sshd, "cat"));
        let mut terminal = Terminal::run(&world, &ec2ssh);
        terminal.wait_for("Password");
        terminal.type_secret("000000\n");
        terminal.wait_until("the second question", |screen| screen.matches("Password").count() >= 2);
        terminal.type_secret("123456\n");
        terminal.wait_for("input");
        assert_eq!(terminal.wait(), 0, "{}", terminal.text());
        // Without a terminal nobody can answer: the truth is said, and no hint doubts the key.
        let run = world.run(&line(&sshd, "true")).expect(255);
        assert!(run.stderr.contains(&format!("the key was accepted; the server wants {method} as well")), "{run}");
        for wrong in ["publickey", "Instance Connect", "-i "] {
            assert!(!run.stderr.contains(wrong), "{run}");
        }
    }
}

/// A second step without a question, as of an approval on a phone, needs no terminal.
#[test]
fn second_factor_without_questions_passes() {
    let world = World::empty();
    world.add_amazon_linux();
    world.cloud.add(Instance::named(ID, "my-instance"));
    let pam = "auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n";
    let steps = "KbdInteractiveAuthentication yes\nAuthenticationMethods publickey,keyboard-interactive";
    let Some(sshd) = RealSshd::start_with_pam(&world.cloud, ID, pam, steps) else { return };
    world.run(&line(&sshd, "true")).expect(0);
}

/// A second step that asks for another key cannot be given.
#[test]
fn second_key_is_named_as_the_missing_step() {
    let (world, sshd) = world_with("AuthenticationMethods publickey,publickey");
    let run = world.run(&line(&sshd, "true")).expect(255);
    assert!(run.stderr.contains("the key was accepted; the server wants publickey as well"), "{run}");
}

/// Serves a connection to `port` behind these lines; returns the port to connect to.
fn with_lines_before(port: u16, lines: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (server, lines) = (TcpStream::connect(("127.0.0.1", port)).unwrap(), lines.clone());
            let (up, down) = ((client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client));
            std::thread::spawn(move || copy(up.0, up.1));
            std::thread::spawn(move || {
                let (server, mut client) = down;
                if client.write_all(lines.as_bytes()).is_ok() {
                    copy(server, client);
                }
            });
        }
    });
    own
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// More than 20 lines, or 8 KB of text, before the server's version ended the connection.
#[test]
fn long_text_before_the_version_is_read() {
    let (world, sshd) = world_with("");
    for lines in ["a notice\r\n".repeat(1000), format!("{}\n", "x".repeat(8000)).repeat(1000)] {
        let port = with_lines_before(sshd.port, lines);
        world.run(&format!("--host-keys accept-new -p {port} {}@my-instance true", sshd.user)).expect(0);
    }
}

/// The server says why it disconnects; it was shown as a denial without a reason.
#[test]
fn reason_of_a_disconnect_is_told() {
    let (world, sshd) = world_with("MaxAuthTries 1");
    crate::support::keygen(world.home.path(), "stranger", &["-t", "ed25519", "-N", ""]);
    let run = world.run(&format!("-i stranger {}", line(&sshd, "true"))).expect(255);
    assert!(run.stderr.contains("Too many authentication failures"), "{run}");
}
