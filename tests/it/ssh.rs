//! End-to-end tests of `ec2ssh TARGET` against the embedded cloud.

use std::fs;
use std::time::Duration;

use ec2ssh_lab::{HostKey, Instance, Sshd};

use crate::support::{ID, Run, World, keygen, wait_for_line, wait_until};

const ACCEPT_NEW: &str = "--host-keys accept-new";

#[test]
fn runs_command_by_name_with_pushed_key() {
    let (world, port) = World::with_instance();
    let run = world.run(&format!("{ACCEPT_NEW} -p {port} my-instance echo hello")).expect(0);
    assert_eq!(run.out(), "hello\n");
    assert!(run.stderr.contains("\nAccepted the new host key of i-0123456789abcde01: ssh-ed25519 SHA256:"), "{run}");
    // The first run makes one look-up, one look-up of the image and one push. The second run has the image in the
    // cache, and shares the key.
    assert_eq!(
        ["DescribeInstances", "DescribeImages", "SendSSHPublicKey"].map(|name| world.cloud.count(name)),
        [1, 1, 1]
    );
    let run = world.run(&format!("-p {port} my-instance true")).expect(0);
    assert_eq!(run.stderr, "");
    assert_eq!(
        ["DescribeInstances", "DescribeImages", "SendSSHPublicKey"].map(|name| world.cloud.count(name)),
        [2, 1, 1]
    );
    let [key] = world.cloud.pushed_keys(ID, "ec2-user").try_into().unwrap();
    assert!(key.starts_with("ssh-ed25519 ") && key.split(' ').count() == 2, "no comment: {key}");
}

#[test]
fn no_private_key_is_written_anywhere() {
    let (world, port) = World::with_instance();
    // The files are checked while a session is open and after another one has ended.
    world.run(&format!("{ACCEPT_NEW} -p {port} my-instance true")).expect(0);
    let mark = world.path("mark");
    let mut command = world.ec2ssh(&format!("-p {port} my-instance touch {}; cat", mark.display()));
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    wait_until("the session is open", || mark.exists());
    let mut seen = 0;
    for entry in walk(world.home.path()).into_iter().filter(|entry| entry.is_file()) {
        let content = fs::read(&entry).unwrap();
        assert!(!String::from_utf8_lossy(&content).contains("PRIVATE KEY"), "{}", entry.display());
        seen += 1;
    }
    assert!(seen >= 2, "known_hosts and the image cache are there");
    child.wait().unwrap();
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn exit_status_comes_from_remote_command() {
    let (world, port) = World::trusted();
    world.run(&format!("-p {port} my-instance exit 7")).expect(7);
    world.run(&format!("-p {port} my-instance exit 255")).expect(255);
    world.run(&format!("-p {port} my-instance kill -TERM $$")).expect(143);
    let killed = world.run(&format!("-p {port} my-instance kill -KILL $$")).expect(137);
    assert_eq!(killed.stderr, "the remote program was terminated by SIGKILL\n");
    world.run(&format!("-p {port} my-instance no-such-command-here")).expect(127);
}

#[test]
fn streams_are_separate_and_binary_clean() {
    let (world, port) = World::with_instance();
    let run = world.run(&format!("-q {ACCEPT_NEW} -p {port} my-instance echo out; echo err >&2")).expect(0);
    assert_eq!((run.out().as_str(), run.stderr.as_str()), ("out\n", "err\n"));
    let input: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    let run = world.run_with_input(world.ec2ssh(&format!("-p {port} my-instance cat")), &input).expect(0);
    assert!(run.stdout == input, "{} bytes of {} came back", run.stdout.len(), input.len());
}

/// The command sees the end of its input, and output that it writes afterwards still arrives. With -n, nothing is read.
#[test]
fn end_of_input_reaches_the_command() {
    let (world, port) = World::with_instance();
    let command = world.ec2ssh(&format!("-q {ACCEPT_NEW} -p {port} my-instance sort; sleep 0.3; echo end"));
    let run = world.run_with_input(command, b"b\nc\na\n").expect(0);
    assert_eq!(run.out(), "a\nb\nc\nend\n");
    // With -n, no input is read although there is some.
    let run =
        world.run_with_input(world.ec2ssh(&format!("-n -p {port} my-instance cat; echo end")), b"unread").expect(0);
    assert_eq!(run.out(), "end\n");
}

/// A command that closes its output and keeps running must not keep the local reader waiting.
#[test]
fn end_of_output_arrives_before_command_exits() {
    let (world, port) = World::trusted();
    let mut shell = world.command("/bin/sh");
    let line = "\"$EC2SSH\" -p $PORT my-instance 'echo a; exec >&- 2>&-; sleep 60; touch '\"$DONE\" | { cat; echo end; } & sleep 0; wait";
    shell
        .args(["-c", line])
        .env("EC2SSH", crate::support::BINARY)
        .env("PORT", port.to_string())
        .env("DONE", world.path("done"));
    let mut child = shell.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut lines = String::new();
    while lines.lines().count() < 2 {
        assert_ne!(std::io::BufRead::read_line(&mut out, &mut lines).unwrap(), 0, "{lines}");
    }
    assert_eq!(lines, "a\nend\n");
    assert!(!world.path("done").exists(), "cat saw the end only with the command's");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn closed_reader_ends_the_session() {
    let (world, port) = World::with_instance();
    let mut shell = world.command("/bin/sh");
    let line = format!("\"$EC2SSH\" -q {ACCEPT_NEW} -p {port} my-instance 'yes' | head -n 2");
    let run = Run::of(shell.args(["-c", &line]).env("EC2SSH", crate::support::BINARY).output().unwrap());
    assert_eq!(run.out(), "y\ny\n");
    assert_eq!(run.stderr, "");
}

#[test]
fn user_and_port_come_from_target_or_config() {
    let (world, port) = World::with_instance();
    let pushed = |user: &str| world.cloud.pushed_keys(ID, user).len();
    world.run(&format!("{ACCEPT_NEW} alice@my-instance:{port} true")).expect(0);
    assert_eq!(pushed("alice"), 1);
    world.run(&format!("-l bob -p {port} my-instance true")).expect(0);
    assert_eq!(pushed("bob"), 1);
    world.config(&format!("[[host]]\nmatch = \"my-*\"\nuser = \"carol\"\nport = {port}\n"));
    let run = world.run("-v my-instance true").expect(0);
    assert_eq!(pushed("carol"), 1);
    assert!(run.stderr.contains("user carol: from the config file"), "{run}");
    assert_eq!(world.cloud.count("DescribeImages"), 0, "nobody needed the image");
}

#[test]
fn key_file_is_used_without_a_push() {
    let (world, port) = World::with_instance();
    for kind in ["ed25519", "rsa", "ecdsa"] {
        let name = format!(".ssh/{kind}.pem");
        let path = keygen(world.home.path(), &name, &["-t", kind, "-N", "", "-m", "PEM"]);
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
        let public = fs::read_to_string(path.with_extension("pem.pub")).unwrap();
        world.cloud.authorize(ID, "ec2-user", &public);
        let run = world.run(&format!("-q {ACCEPT_NEW} -i {name} -p {port} my-instance echo {kind}")).expect(0);
        assert_eq!(run.out(), format!("{kind}\n"));
    }
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 0);
}

/// A key file with the wrong mode is refused before any AWS call is made.
#[test]
fn key_file_with_wrong_mode_is_refused() {
    let (world, port) = World::with_instance();
    let path = keygen(world.home.path(), "my key.pem", &["-t", "ed25519", "-N", ""]);
    let mut command = world.command(crate::support::BINARY);
    command.arg("-i").arg(&path).args(["-p", &port.to_string(), "my-instance", "true"]);
    let before = world.cloud.calls().len();
    let run = Run::of(command.output().unwrap()).expect(255);
    assert_eq!(world.cloud.calls().len(), before, "a call was made");
    insta::assert_snapshot!(world.redact(&run.to_string()));
}

/// A stopped instance is reported. With --start it is started, and only if it is not running.
#[test]
fn stopped_instance_is_reported_or_started() {
    let world = World::empty();
    world.add_amazon_linux();
    let mut instance = Instance::named(ID, "sleeper").state("stopped");
    (instance.pending_for, instance.without_ip_for) = (1, 1);
    world.cloud.add(instance);
    let port = world.cloud.sshd(ID, Sshd::default());
    insta::assert_snapshot!(world.snapshot("sleeper true"));
    assert_eq!(world.cloud.count("StartInstances"), 0);
    let run = world.run(&format!("{ACCEPT_NEW} --start -p {port} sleeper echo up")).expect(0);
    assert_eq!(run.out(), "up\n");
    assert!(run.stderr.contains("waiting for i-0123456789abcde01 to run"), "{run}");
    assert_eq!(world.cloud.count("StartInstances"), 1);
    // The second time the instance is running, so nothing is started.
    world.run(&format!("--start -p {port} sleeper true")).expect(0);
    assert_eq!(world.cloud.count("StartInstances"), 1);
}

#[test]
fn start_waits_for_a_late_sshd() {
    let world = World::empty();
    world.add_amazon_linux();
    world.cloud.add(Instance::named(ID, "sleeper").state("stopped"));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = world.ec2ssh(&format!("{ACCEPT_NEW} --start --yes -p {port} sleeper echo up"));
    let run = std::thread::scope(|scope| {
        let running = scope.spawn(|| world.run_with_input(child, b""));
        wait_until("it is looked up again", || world.cloud.count("DescribeInstances") > 2);
        world.cloud.sshd(ID, Sshd { port, ..Sshd::default() });
        running.join().unwrap()
    });
    assert_eq!(run.expect(0).out(), "up\n");
}

/// A changed host key is refused with everything that is needed to judge the change.
#[test]
fn changed_host_key_is_refused_with_details() {
    let (world, port) = World::with_instance();
    let (old, new) = (HostKey::fresh(), HostKey::fresh());
    world.cloud.add(Instance::named("i-0123456789abcde02", "moved"));
    let id = "i-0123456789abcde02";
    let first = world.cloud.sshd(id, Sshd { host_key: old.clone(), ..Sshd::default() });
    world.config(&format!("[defaults]\nport = {first}\n"));
    world.run(&format!("-q {ACCEPT_NEW} moved true")).expect(0);
    // known_hosts now lists the old key for the port of a server with another key, as with an impostor.
    let second = world.cloud.sshd(id, Sshd { host_key: new.clone(), ..Sshd::default() });
    let text = fs::read_to_string(world.known_hosts()).unwrap();
    fs::write(world.known_hosts(), text.replace(&first.to_string(), &second.to_string())).unwrap();
    let text = world.snapshot(&format!("{ACCEPT_NEW} -p {second} moved true"));
    let text = text.replace(&old.fingerprint(), "OLD").replace(&new.fingerprint(), "NEW");
    insta::assert_snapshot!(text.replace(&second.to_string(), "PORT"));
    // A recycled address causes neither an alarm nor trust: host keys belong to the instance, not to the address.
    let run = world.run(&format!("-p {port} my-instance true")).expect(255);
    assert!(run.stderr.contains("is not known"), "{run}");
}

#[test]
fn new_host_key_is_refused_without_terminal() {
    let (world, _) = World::with_instance();
    let host_key = HostKey::fresh();
    let port = world.cloud.sshd(ID, Sshd { host_key: host_key.clone(), ..Sshd::default() });
    for policy in ["auto", "strict"] {
        let text = world.snapshot(&format!("--host-keys {policy} -p {port} my-instance true"));
        let text = text.replace(&host_key.fingerprint(), "PRESENTED").replace(&port.to_string(), "PORT");
        insta::assert_snapshot!(format!("new_host_key_{policy}"), text);
    }
    assert!(!world.known_hosts().exists());
}

#[test]
fn dry_run_changes_and_sends_nothing() {
    let (world, _) = World::with_instance();
    insta::assert_snapshot!(world.snapshot("--dry-run my-instance"));
    insta::assert_snapshot!(world.snapshot("--dry-run --json my-instance"));
    let key = keygen(world.home.path(), "k", &["-t", "ed25519", "-N", ""]);
    let run = world.run(&format!("--dry-run --json -i {} my-instance", key.display())).expect(0);
    assert!(world.redact(&run.out()).contains("\"path\": \"HOME/k\""));
    world.cloud.add(Instance::named(ID, "my-instance").state("stopped"));
    // It would be started first.
    let plan = world.run("--dry-run --start --yes my-instance").expect(0).out();
    assert!(plan.contains("start      it is stopped and would be started"), "{plan}");
    world.run("--dry-run my-instance").expect(255);
    assert_eq!(["SendSSHPublicKey", "StartInstances"].map(|name| world.cloud.count(name)), [0, 0]);
}

#[test]
fn verbose_shows_timed_steps_but_no_secrets() {
    let (world, port) = World::with_instance();
    let run = world.run(&format!("-v {ACCEPT_NEW} -p {port} my-instance true")).expect(0);
    for step in [
        "found i-0123456789abcde01",
        "user ec2-user: default user of Amazon Linux",
        "pushed the public key",
        "connected to 127.0.0.1",
        "logged in",
    ] {
        let line = run.stderr.lines().find(|line| line.contains(step)).unwrap_or_else(|| panic!("{step}: {run}"));
        assert!(line.starts_with('[') && line.contains("s] "), "{line}");
    }
    let run = world.run(&format!("-vv -p {port} my-instance true")).expect(0);
    assert!(run.stderr.contains("russh"), "{run}");
    let mut command = world.ec2ssh(&format!("-vvvv -p {port} my-instance true"));
    let run = Run::of(command.env("AWS_SESSION_TOKEN", "token-for-tests").output().unwrap()).expect(0);
    for secret in ["secret-for-tests", "token-for-tests", "PRIVATE KEY", "Signature="] {
        assert!(!run.stderr.contains(secret), "{secret}");
    }
}

#[test]
fn server_banner_is_shown_with_escapes_visible() {
    let (world, _) = World::with_instance();
    let banner = Some("Authorised use only\r\n\u{1b}]0;title\u{7}\r\n".to_owned());
    let port = world.cloud.sshd(ID, Sshd { banner, ..Sshd::default() });
    let run = world.run(&format!("{ACCEPT_NEW} -p {port} my-instance true")).expect(0);
    assert!(run.stderr.contains("Authorised use only\n\\u{1b}]0;title\\u{7}\n"), "{run}");
    assert!(!run.stderr.contains('\u{1b}'));
}

#[test]
fn first_contacts_many_at_once_keep_every_key() {
    let (world, _) = World::with_instance();
    let ids: Vec<String> = (0..20).map(|number| format!("i-0123456789abcd{number:03x}")).collect();
    for id in &ids {
        world.cloud.add(Instance::named(id, id));
    }
    std::thread::scope(|scope| {
        for id in &ids {
            let world = &world;
            scope.spawn(move || {
                let port = world.cloud.sshd(id, Sshd::default());
                world.run(&format!("-q {ACCEPT_NEW} -p {port} {id} true")).expect(0);
            });
        }
    });
    let known = fs::read_to_string(world.known_hosts()).unwrap();
    assert_eq!(known.lines().count(), 20);
    assert!(ids.iter().all(|id| known.contains(id.as_str())));
}

/// Sends 1 GB through a slow reader: the remote side has to wait, and ec2ssh's memory must not grow.
#[test]
fn a_slow_reader_costs_no_memory() {
    let (world, port) = World::trusted();
    let mut command = world.ec2ssh(&format!("-p {port} my-instance head -c 1000000000 /dev/zero"));
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let (mut total, mut chunk, mut peak) = (0, vec![0; 1 << 20], 0);
    std::thread::sleep(Duration::from_secs(2));
    loop {
        let count = std::io::Read::read(&mut out, &mut chunk).unwrap();
        if count == 0 {
            break;
        }
        total += count;
        // The kernel tracks the peak, so the last reading before the exit counts.
        peak = peak.max(resident(child.id()));
    }
    assert_eq!(total, 1_000_000_000);
    assert!(child.wait().unwrap().success());
    assert!((1..64 << 20).contains(&peak), "{peak} bytes resident");
}

/// Returns the peak resident memory of a process so far, in bytes (Linux only).
fn resident(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<usize>().ok()).map_or(0, |kb| kb * 1024)
}

#[test]
fn words_after_instance_belong_to_the_command() {
    let (world, port) = World::with_instance();
    // Options may stand before and after the instance. From the first word of the command on, ec2ssh parses nothing.
    let run = world.run(&format!("-q {ACCEPT_NEW} my-instance -p {port} echo -v --help -p 1 -- x")).expect(0);
    assert_eq!(run.out(), "-v --help -p 1 -- x\n");
    let run = world.run(&format!("-q ssh -p {port} my-instance list")).expect(127);
    assert!(run.stderr.contains("list"), "{run}");
}

#[test]
fn each_service_may_have_its_own_endpoint() {
    let (world, port) = World::with_instance();
    let mut command = world.ec2ssh(&format!("-q {ACCEPT_NEW} -p {port} my-instance true"));
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    command.env("AWS_ENDPOINT_URL_EC2", world.cloud.endpoint());
    command.env("AWS_ENDPOINT_URL_EC2_INSTANCE_CONNECT", world.cloud.endpoint());
    Run::of(command.output().unwrap()).expect(0);
}

/// With -N, the connection stays open until ec2ssh receives a signal.
#[test]
fn connection_without_command_stays_until_signal() {
    let (world, port) = World::with_instance();
    let mut command = world.ec2ssh(&format!("-v {ACCEPT_NEW} -N -p {port} my-instance"));
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    wait_for_line(child.stderr.take().unwrap(), "logged in");
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it did not stay");
    std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

/// An image that refuses root ends the session with status 142. A hint then names another user, except with -q.
#[test]
fn refused_root_gets_a_user_hint() {
    let (world, port) = World::with_instance();
    let run = world.run(&format!("-q {ACCEPT_NEW} -p {port} root@my-instance exit 142")).expect(142);
    assert_eq!(run.stderr, "");
    let run = world.run(&format!("-p {port} root@my-instance exit 142")).expect(142);
    assert_eq!(run.stderr, format!("Hint: this image does not allow the login as root: ec2ssh ubuntu@{ID}\n"));
}

/// The push takes seconds. Meanwhile the key exchange completes, and only the login waits.
#[test]
fn key_is_pushed_while_connecting() {
    let (world, port) = World::trusted();
    world.forget_key();
    world.cloud.fail("SendSSHPublicKey", ec2ssh_lab::Fault::Delay(Duration::from_secs(3)), 1);
    let run = world.run(&format!("-v -p {port} my-instance true")).expect(0);
    let at =
        |step: &str| run.stderr.lines().position(|line| line.contains(step)).unwrap_or_else(|| panic!("{step}: {run}"));
    assert!(at("SSH key exchange done") < at("pushed the public key"), "{run}");
    assert!(at("pushed the public key") < at("logged in"), "{run}");
}

#[test]
fn private_address_is_dialed_on_request() {
    let (world, port) = World::with_instance();
    let mut instance = Instance::named(ID, "my-instance");
    // TEST-NET-1 (RFC 5737): no host answers at this address.
    (instance.public_ip, instance.private_ip) = (Some("192.0.2.1".to_owned()), Some("127.0.0.1".to_owned()));
    world.cloud.add(instance);
    world.run(&format!("{ACCEPT_NEW} --address private -p {port} my-instance true")).expect(0);
}

/// The remote side receives and sends much data, and the reader closes while both directions are full.
#[test]
fn closed_reader_ends_a_busy_session() {
    let (world, port) = World::trusted();
    let mut shell = world.command("/bin/sh");
    let line = format!(
        "head -c 200000000 /dev/zero | \"$EC2SSH\" -p {port} my-instance cat | {{ head -c 1000 | wc -c; sleep 2; }}"
    );
    let run = Run::of(shell.args(["-c", &line]).env("EC2SSH", crate::support::BINARY).output().unwrap()).expect(0);
    assert_eq!(run.out().trim(), "1000");
}

/// The region does not exist, so nothing reaches AWS. The test checks the host name of the endpoint.
#[test]
fn fips_endpoints_are_used_on_request() {
    let world = World::empty();
    let config =
        "[profile gov]\nregion = eu-nowhere-9\nuse_fips_endpoint = true\n[profile plain]\nregion = eu-nowhere-9\n";
    fs::write(world.path(".aws/config"), config).unwrap();
    for (profile, host) in [("gov", "https://ec2-fips.eu-nowhere-9."), ("plain", "https://ec2.eu-nowhere-9.")] {
        let mut command = world.ec2ssh("-vv my-instance true");
        command.env("AWS_PROFILE", profile).env_remove("AWS_ENDPOINT_URL").env_remove("AWS_REGION");
        let run = Run::of(command.output().unwrap()).expect(255);
        assert!(run.stderr.contains(host), "{run}");
    }
}
