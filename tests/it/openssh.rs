//! The real OpenSSH on both sides: ec2ssh as a client of its server, and its clients through `ec2ssh proxy`.

use std::fs;
use std::time::Duration;

use crate::support::RealSshd;
use crate::support::{BINARY, ID, Run, World, keygen, tool, wait_until};

const ACCEPT_NEW: &str = "--host-keys accept-new";

fn world() -> (World, RealSshd) {
    let (world, _) = World::with_instance();
    let sshd = RealSshd::start(&world.cloud, ID, "");
    (world, sshd)
}

#[test]
fn only_the_pushed_key_logs_in() {
    let (world, sshd) = world();
    let target = format!("-p {} {}@my-instance", sshd.port, sshd.user);
    let run = world.run(&format!("{ACCEPT_NEW} {target} id -un; exit 3")).expect(3);
    assert_eq!(run.out().trim(), sshd.user);
    // Only the pushed key was offered, and only once.
    let log = sshd.log();
    assert_eq!(log.matches("Accepted publickey").count(), 1, "{log}");
    assert!(!log.contains("Failed"), "{log}");
    // An earlier push does not help a key file that the server does not know.
    let key = keygen(world.home.path(), "stranger", &["-t", "ed25519", "-N", ""]);
    let run = world.run(&format!("-i {} {target} true", key.display())).expect(255);
    assert!(run.stderr.contains("permission denied"), "{run}");
}

/// The caller has a key in ~/.ssh and another in an agent. The server accepts both, but neither is offered.
#[test]
fn the_callers_own_keys_are_not_offered() {
    let (world, _) = World::with_instance();
    let sshd = RealSshd::start(&world.cloud, ID, "LogLevel VERBOSE");
    let in_file = keygen(world.home.path(), ".ssh/id_ed25519", &["-t", "ed25519", "-N", ""]);
    let in_agent = keygen(world.home.path(), "in_agent", &["-t", "ed25519", "-N", ""]);
    let public = |path: &std::path::Path| fs::read_to_string(path.with_extension("pub")).unwrap();
    sshd.authorize(&(public(&in_file) + &public(&in_agent)));
    let socket = world.path("agent");
    let mut agent = world.command(tool("ssh-agent")).args(["-D", "-a"]).arg(&socket).spawn().unwrap();
    wait_until("the agent listens", || socket.exists());
    let added = world.command(tool("ssh-add")).env("SSH_AUTH_SOCK", &socket).arg(&in_agent).output().unwrap();
    assert!(added.status.success());
    let mut command = world.ec2ssh(&format!("-q {ACCEPT_NEW} -p {} {}@my-instance true", sshd.port, sshd.user));
    let run = Run::of(command.env("SSH_AUTH_SOCK", &socket).output().unwrap());
    agent.kill().unwrap();
    agent.wait().unwrap();
    run.expect(0);
    let log = sshd.log();
    let fingerprint = |path: &std::path::Path| {
        let output = std::process::Command::new(tool("ssh-keygen")).arg("-lf").arg(path).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
    };
    assert!(log.contains("Accepted publickey"), "{log}");
    for path in [&in_file, &in_agent] {
        assert!(!log.contains(&fingerprint(path)), "{log}");
    }
}

/// The server announces which signature algorithms it accepts (RFC 8332), and SHA-512 may not be among them.
#[test]
fn rsa_uses_an_accepted_signature_algorithm() {
    let (world, _) = World::with_instance();
    let key = keygen(world.home.path(), "rsa", &["-t", "rsa", "-b", "2048", "-N", ""]);
    for algorithm in ["rsa-sha2-256", "rsa-sha2-512"] {
        let sshd = RealSshd::start(&world.cloud, ID, &format!("PubkeyAcceptedAlgorithms {algorithm}"));
        sshd.authorize(&fs::read_to_string(key.with_extension("pub")).unwrap());
        let target = format!("-p {} {}@my-instance", sshd.port, sshd.user);
        world.run(&format!("-q {ACCEPT_NEW} -i rsa {target} true")).expect(0);
    }
}

#[test]
fn expired_pushed_key_is_denied() {
    let (world, sshd) = world();
    let key = keygen(world.home.path(), ".ssh/id_ed25519", &["-t", "ed25519", "-N", ""]);
    let proxy = |sleep: &str| {
        // Plain ssh uses the key that `ec2ssh proxy` pushes, so that the test can age the key between two connections.
        let mut ssh = ssh(&world, "ssh", &sshd);
        let command = format!("ProxyCommand={sleep} {BINARY} proxy %r@%h:%p");
        ssh.args(["-i", key.to_str().unwrap(), "-o", &command, &format!("{}@my-instance", sshd.user), "true"]);
        Run::of(ssh.output().unwrap())
    };
    proxy("").expect(0);
    world.cloud.age_keys(Duration::from_secs(61));
    world.forget_key();
    // Connects straight to the port with the same key, without pushing it again.
    let mut direct = ssh(&world, "ssh", &sshd);
    direct.args([
        "-i",
        key.to_str().unwrap(),
        "-o",
        "HostKeyAlias=my-instance",
        &format!("{}@127.0.0.1", sshd.user),
        "true",
    ]);
    let run = Run::of(direct.output().unwrap()).expect(255);
    assert!(run.stderr.contains("Permission denied (publickey)"), "{run}");
    proxy("").expect(0);
}

#[test]
fn key_files_of_every_kind_log_in() {
    let (world, sshd) = world();
    let mut all = String::new();
    for (name, arguments) in [
        ("rsa", &["-t", "rsa", "-m", "PEM"][..]),
        ("ed25519", &["-t", "ed25519"]),
        ("ecdsa", &["-t", "ecdsa", "-b", "384"]),
    ] {
        let key = keygen(world.home.path(), name, &[arguments, &["-N", ""][..]].concat());
        all.push_str(&fs::read_to_string(key.with_extension("pub")).unwrap());
    }
    sshd.authorize(&all);
    for name in ["rsa", "ed25519", "ecdsa"] {
        let run = world
            .run(&format!("-q {ACCEPT_NEW} -i {name} -p {} {}@my-instance echo {name}", sshd.port, sshd.user))
            .expect(0);
        assert_eq!(run.out().trim(), name);
    }
    // Three logins show that the RSA key did not sign with SHA-1, which the server rejects.
    let log = sshd.log();
    assert_eq!(log.matches("Accepted publickey").count(), 3, "{log}");
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 0);
}

#[test]
fn binary_streams_both_ways() {
    let (world, sshd) = world();
    let target = format!("-p {} {}@my-instance", sshd.port, sshd.user);
    let input: Vec<u8> = (0..=255).cycle().take(20_000_001).collect();
    let command = world.ec2ssh(&format!("-q {ACCEPT_NEW} {target} tee /dev/stderr 2>/dev/null | cat"));
    let run = world.run_with_input(command, &input).expect(0);
    assert!(run.stdout == input, "{} of {} bytes", run.stdout.len(), input.len());
    world.run(&format!("{target} kill -TERM $$")).expect(143);
}

#[test]
fn known_host_key_algorithm_is_negotiated() {
    let (world, sshd) = world();
    let ecdsa = fs::read_to_string(sshd.host_key("ecdsa")).unwrap();
    fs::create_dir_all(world.known_hosts().parent().unwrap()).unwrap();
    // Only the second of the server's two host keys is known; by default ec2ssh would negotiate the first.
    fs::write(world.known_hosts(), format!("[{ID}]:{} {ecdsa}", sshd.port)).unwrap();
    let run = world.run(&format!("-v --host-keys strict -p {} {}@my-instance true", sshd.port, sshd.user)).expect(0);
    assert!(run.stderr.contains("host key ecdsa-sha2-nistp256 SHA256:"), "{run}");
}

/// Returns the command of an OpenSSH client without the configuration and keys of the user who runs the test.
fn ssh(world: &World, program: &str, sshd: &RealSshd) -> std::process::Command {
    let mut command = world.command(tool(program));
    command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentityAgent=none", "-o", "IdentitiesOnly=yes"]);
    command.args(["-o", "StrictHostKeyChecking=accept-new"]);
    command.arg("-o").arg(format!("UserKnownHostsFile={}", world.path("ssh_known_hosts").display()));
    command.arg("-o").arg(format!("Port={}", sshd.port));
    command
}

fn with_proxy(world: &World, program: &str, sshd: &RealSshd) -> std::process::Command {
    let mut command = ssh(world, program, sshd);
    command.args(["-i", world.path(".ssh/id_ed25519").to_str().unwrap()]);
    command.arg("-o").arg(format!("ProxyCommand={BINARY} proxy %r@%h:%p"));
    command
}

#[test]
fn ssh_scp_and_sftp_through_the_proxy() {
    let (world, sshd) = world();
    keygen(world.home.path(), ".ssh/id_ed25519", &["-t", "ed25519", "-N", ""]);
    let host = format!("{}@my-instance", sshd.user);
    let run =
        Run::of(with_proxy(&world, "ssh", &sshd).args([&host, "echo through; exit 9"]).output().unwrap()).expect(9);
    assert_eq!(run.out(), "through\n");
    let content: Vec<u8> = (0..=255).cycle().take(2_000_003).collect();
    fs::write(world.path("up"), &content).unwrap();
    let there = format!("{host}:{}", world.path("there").display());
    Run::of(with_proxy(&world, "scp", &sshd).args(["up", &there]).output().unwrap()).expect(0);
    Run::of(with_proxy(&world, "scp", &sshd).args([&there, "down"]).output().unwrap()).expect(0);
    assert!(fs::read(world.path("down")).unwrap() == content);
    fs::write(world.path("batch"), format!("get {} again\n", world.path("there").display())).unwrap();
    Run::of(with_proxy(&world, "sftp", &sshd).args(["-b", "batch", &host]).output().unwrap()).expect(0);
    assert!(fs::read(world.path("again")).unwrap() == content);
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 1, "the key is pushed once while it is good");
}

#[test]
fn rsync_through_the_proxy() {
    let (world, sshd) = world();
    keygen(world.home.path(), ".ssh/id_ed25519", &["-t", "ed25519", "-N", ""]);
    fs::create_dir(world.path("tree")).unwrap();
    for number in 0..20 {
        fs::write(world.path(&format!("tree/{number}")), vec![number; 10_000]).unwrap();
    }
    let ssh = with_proxy(&world, "ssh", &sshd);
    let words: Vec<String> = std::iter::once(ssh.get_program())
        .chain(ssh.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let mut rsync = world.command(tool("rsync"));
    let there = format!("{}@my-instance:{}/", sshd.user, world.path("copy").display());
    Run::of(rsync.args(["-a", "-e", &words.join(" "), "tree/", &there]).output().unwrap()).expect(0);
    assert_eq!(fs::read(world.path("copy/7")).unwrap(), vec![7; 10_000]);
}

#[test]
fn proxy_reports_an_unknown_instance() {
    let (world, sshd) = world();
    keygen(world.home.path(), ".ssh/id_ed25519", &["-t", "ed25519", "-N", ""]);
    let run =
        Run::of(with_proxy(&world, "ssh", &sshd).args(["me@no-such-instance", "true"]).output().unwrap()).expect(255);
    assert_eq!(run.out(), "");
    assert!(run.stderr.starts_with("Error: no instance matches 'no-such-instance'\n"), "{run}");
}

#[test]
fn sessions_run_many_at_once() {
    let (world, sshd) = world();
    let target = format!("-p {} {}@my-instance", sshd.port, sshd.user);
    world.run(&format!("-q {ACCEPT_NEW} {target} true")).expect(0);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (world, target) = (&world, &target);
            scope.spawn(move || {
                let run = world.run(&format!("{target} sleep 0.5; echo {number}")).expect(0);
                assert_eq!(run.out(), format!("{number}\n"));
            });
        }
    });
}
