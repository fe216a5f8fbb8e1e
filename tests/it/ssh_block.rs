//! Plain ssh, and all that runs it, through the block that `ec2ssh config` writes: real OpenSSH on both sides.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ec2ssh_lab::{Fault, HostKey, Instance};

use crate::support::RealSshd;
use crate::support::place::Place;
use crate::support::pty::Terminal;
use crate::support::{BINARY, ID, Run, World, keygen, tool};

#[test]
fn a_first_contact_in_batch_mode_is_silent_and_the_status_comes_through() {
    for place in [Place::new(), Place::plain()] {
        let run = place.ssh(&["my-instance", "echo out; echo err >&2; exit 7"]).expect(7);
        assert_eq!((run.out().as_str(), run.stderr.as_str()), ("out\n", "err\n"));
        // Verified by the console and kept; ssh's own file was not needed.
        let kept = fs::read_to_string(place.world.known_hosts()).unwrap();
        assert_eq!(kept.lines().filter(|line| line.contains(" console 20")).count(), 2, "{kept}");
        assert!(!place.world.path(".ssh/known_hosts").exists());
        assert_eq!(place.world.cloud.count("GetConsoleOutput"), 1);
        place.ssh(&["my-instance", "true"]).expect(0);
        assert_eq!(place.world.cloud.count("GetConsoleOutput"), 1);
        place.assert_clean();
    }
}

#[test]
fn names_ids_and_the_suffix() {
    let place = Place::new();
    for name in ["my-instance", ID, "my-instance.ec2", "My-instance.ec2", "my-in"] {
        let status = if name.starts_with('M') { 255 } else { 0 };
        place.ssh(&[name, "true"]).expect(status);
    }
    // The letters as typed, though ssh makes them lower case.
    place.world.cloud.add(Instance::named(ID, "My-Instance"));
    place.ssh(&["My-Instance.ec2", "true"]).expect(0);
    // A HostName of the user's own.
    let alias = format!("Host box my-box\nHostName {ID}\n{}", fs::read_to_string(&place.config).unwrap());
    fs::write(&place.config, alias).unwrap();
    place.ssh(&["my-box", "true"]).expect(0);
}

#[test]
fn the_standard_streams_carry_megabytes_both_ways() {
    for place in [Place::new(), Place::plain()] {
        let data: Vec<u8> = (0..3_000_000u32).map(|n| (n * 7 + n / 251) as u8).collect();
        let mut command = place.command("ssh");
        command.args(["my-instance", "cat"]);
        let run = place.world.run_with_input(command, &data).expect(0);
        assert!(run.stdout == data);
    }
}

#[test]
fn scp_and_sftp_both_ways() {
    let place = Place::new();
    let home = place.world.home.path();
    let data: Vec<u8> = (0..500_000u32).map(|n| (n * 31) as u8).collect();
    fs::write(home.join("there"), &data).unwrap();
    let remote = format!("my-instance:{}", home.join("far").display());
    let scp = |words: &[&str]| Run::of(place.command("scp").args(words).current_dir(home).output().unwrap()).expect(0);
    scp(&["-q", "there", &remote]);
    scp(&["-q", &remote, "back"]);
    assert!(fs::read(home.join("back")).unwrap() == data);
    let mut sftp = place.command("sftp");
    let batch = place.world.file("batch", &format!("put there {0}/far2\nget {0}/far2 back2\n", home.display()), 0o600);
    let run = Run::of(sftp.arg("-b").arg(batch).arg("my-instance").current_dir(home).output().unwrap()).expect(0);
    assert!(fs::read(home.join("back2")).unwrap() == data, "{run}");
    place.assert_clean();
}

#[test]
fn rsync_and_git() {
    let place = Place::new();
    let home = place.world.home.path();
    fs::create_dir(home.join("tree")).unwrap();
    fs::write(home.join("tree/file"), "content").unwrap();
    let remote = format!("my-instance:{}/far/", home.display());
    for (from, to) in [("tree/", remote.as_str()), (remote.as_str(), "back/")] {
        let mut rsync = place.world.command(tool("rsync"));
        Run::of(rsync.args(["-a", "-e", &place.ssh_command(), from, to]).output().unwrap()).expect(0);
    }
    assert_eq!(fs::read_to_string(home.join("back/file")).unwrap(), "content");
    let git = |words: &[&str]| {
        let mut git = place.world.command(tool("git"));
        git.args(["-c", "user.name=t", "-c", "user.email=t@t"]).args(words).env("GIT_SSH_COMMAND", place.ssh_command());
        Run::of(git.current_dir(home).output().unwrap()).expect(0)
    };
    git(&["init", "-q", "origin"]);
    git(&["-C", "origin", "commit", "-q", "--allow-empty", "-m", "first"]);
    git(&["clone", "-q", &format!("ssh://my-instance{}/origin", home.display()), "clone"]);
    assert!(git(&["-C", "clone", "log", "--oneline"]).out().contains("first"));
    place.assert_clean();
}

#[test]
fn ansible_pings() {
    let ansible = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/ansible");
    assert!(ansible.is_file(), "ansible is not installed: run `make test`, which installs it");
    // As it comes it shares a connection; without that every step is a login of its own.
    for (sharing, pushes) in [("-o ControlMaster=auto -o ControlPersist=60s", 1..=1), ("-o ControlMaster=no", 2..=99)] {
        let place = Place::new();
        let mut command = place.world.command(&ansible);
        command.args(["my-instance", "-i", "my-instance,", "-m", "ping"]);
        command.env("ANSIBLE_SSH_ARGS", format!("-F {} {sharing}", place.config.display()));
        command.env("ANSIBLE_HOME", place.world.path("ansible")).env("ANSIBLE_NOCOLOR", "1");
        command.env("ANSIBLE_SSH_CONTROL_PATH_DIR", place.world.path("cp"));
        command.env("ANSIBLE_PYTHON_INTERPRETER", tool("python3"));
        let run = Run::of(command.output().unwrap());
        assert!(run.code == 0 && run.out().contains("\"ping\": \"pong\""), "{run}");
        let count = place.world.cloud.count("SendSSHPublicKey");
        assert!(pushes.contains(&count), "{count} pushes with {sharing}");
        place.assert_clean();
    }
}

/// What is pushed for one connection is too old for the next, which has its own.
#[test]
fn a_loop_outlives_the_minute_of_a_key() {
    let place = Place::new();
    for round in 0..3 {
        place.ssh(&["my-instance", "true"]).expect(0);
        assert_eq!(place.world.cloud.count("SendSSHPublicKey"), round + 1);
        place.world.cloud.age_keys(Duration::from_secs(61));
    }
}

#[test]
fn eight_at_once_that_end_in_any_order() {
    for place in [Place::new(), Place::plain()] {
        let children: Vec<(u64, Child)> = (0..8)
            .map(|number| {
                let mut command = place.command("ssh");
                command.args(["my-instance", &format!("sleep 0.{}; echo {number}", (number * 5) % 8)]);
                (number, command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
            })
            .collect();
        for (number, child) in children {
            let run = Run::of(child.wait_with_output().unwrap()).expect(0);
            assert_eq!(run.out(), format!("{number}\n"), "{run}");
            assert_eq!(run.stderr, "");
        }
        place.assert_clean();
    }
}

#[test]
fn a_shared_connection() {
    for (place, is_plain) in [(Place::new(), false), (Place::plain(), true)] {
        let control = format!("ControlPath={}", place.world.path("control").display());
        let shared = |words: &[&str]| {
            let options = ["-o", "ControlMaster=auto", "-o", "ControlPersist=30", "-o", &control];
            // The master holds our standard streams: it is given none.
            let mut command = place.command("ssh");
            command.args(options).args(words).stdout(Stdio::piped()).stderr(Stdio::null());
            Run::of(command.output().unwrap())
        };
        // ssh goes on in the background: the process that asked the agent has gone.
        shared(&["-Nf", "my-instance"]).expect(0);
        let pushes = place.world.cloud.count("SendSSHPublicKey");
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(shared(&["my-instance", "echo one"]).expect(0).out(), "one\n");
        shared(&["my-instance", "exit 5"]).expect(5);
        assert_eq!(place.world.cloud.count("SendSSHPublicKey"), pushes, "they share one connection");
        if !is_plain {
            // While the master stands nothing of ours is left: neither a process between, nor an agent.
            place.assert_clean();
        }
        shared(&["-O", "exit", "my-instance"]).expect(0);
        place.assert_clean();
    }
}

#[test]
fn a_console_that_contradicts_is_refused_by_ssh_itself() {
    for place in [Place::new(), Place::plain()] {
        let printed = HostKey::fresh();
        place.world.cloud.print_host_keys(ID, &[printed.public_line()]);
        // Neither ssh's own knowledge nor its carelessness helps the server.
        let presented = fs::read_to_string(place.sshd.host_key("ed25519")).unwrap();
        let known = format!("[my-instance]:{} {presented}", place.sshd.port);
        let careless = ["-o", "StrictHostKeyChecking=no"];
        // A key of the caller's own that the server would take.
        let own = keygen(place.world.home.path(), "own", &["-t", "ed25519", "-N", ""]);
        place.sshd.authorize(&fs::read_to_string(own.with_extension("pub")).unwrap());
        let own = ["-i", own.to_str().unwrap(), "-o", "StrictHostKeyChecking=no"];
        for (options, known) in
            [(vec![], ""), (careless.to_vec(), ""), (vec![], known.as_str()), (own.to_vec(), known.as_str())]
        {
            place.world.file(".ssh/known_hosts", known, 0o600);
            let run = place.ssh(&[options, vec!["my-instance", "echo in"]].concat()).expect(255);
            assert_eq!(run.out(), "");
            assert!(run.stderr.contains("Error: the host key presented is not the one that"), "{run}");
            assert!(run.stderr.contains(&printed.fingerprint()), "{run}");
            // It is ssh that ends it: the server is not asked to let anybody in, by whatever means.
            assert!(run.stderr.contains("KnownHostsCommand failed"), "{run}");
            assert!(!place.sshd.log().contains("Accepted"), "{}", place.sshd.log());
        }
        place.assert_clean();
    }
}

/// What the person has to know is said, whatever else went wrong before.
#[test]
fn a_failed_push_does_not_hide_an_impostor() {
    let place = Place::new();
    place.world.cloud.print_host_keys(ID, &[HostKey::fresh().public_line()]);
    place.world.cloud.fail("SendSSHPublicKey", Fault::error(403, "AuthException", "not authorized"), 9);
    place.world.cloud.fail("GetConsoleOutput", Fault::Delay(Duration::from_secs(1)), 1);
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("is not the one that i-0123456789abcde01 printed"), "{run}");
}

/// OpenSSH takes a certificate with an id that is no text, and asks about the key inside only; we cannot read it.
#[test]
fn a_key_that_cannot_be_read_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::with("", "--match my-* --host-keys accept-new");
    let authority = keygen(place.world.home.path(), "authority", &["-t", "ed25519", "-N", ""]);
    let mut sign = Command::new(tool("ssh-keygen"));
    sign.args(["-q", "-s"]).arg(&authority).arg("-I").arg(std::ffi::OsStr::from_bytes(b"\xff\xfe")).arg("-h");
    assert!(sign.arg(place.sshd.host_key("ed25519")).status().unwrap().success());
    let certificate = place.sshd.host_key("ed25519").with_file_name("ed25519-cert.pub");
    let Place { world, sshd, config } = place;
    let sshd = sshd.restart(&format!("HostCertificate {}", certificate.display()));
    let place = Place { world, sshd, config };
    place.world.cloud.console(ID, "", "");
    // ssh asks for certificates where it knows nothing of the host.
    let options = ["-o", "StrictHostKeyChecking=no", "-o", "HostKeyAlgorithms=ssh-ed25519-cert-v01@openssh.com"];
    let run = place.ssh(&[&options[..], &["my-instance", "true"]].concat()).expect(255);
    assert!(run.stderr.contains("cannot be read") && run.stderr.contains("KnownHostsCommand failed"), "{run}");
    assert!(!place.sshd.log().contains("Accepted"), "{}", place.sshd.log());
}

#[test]
fn with_another_proxy_command_it_is_said_what_to_do() {
    let place = Place::new();
    keygen(place.world.home.path(), ".ssh/id_ed25519", &["-t", "ed25519", "-N", ""]);
    // Whatever it is, it serves no agent.
    let proxy = format!("ProxyCommand={BINARY} proxy %r@%h:%p");
    let run = place.ssh(&["-o", &proxy, "-o", "ProxyUseFdpass=no", "my-instance", "true"]).expect(255);
    assert!(
        run.stderr.contains("Hint: with a ProxyCommand or ProxyJump of your own: ssh -o KnownHostsCommand=none"),
        "{run}"
    );
}

/// ssh cannot be told which algorithms a fingerprint is of. A server that presents another one has shown nothing.
#[test]
fn a_fingerprint_on_the_console_is_not_got_around_by_another_algorithm() {
    let place = Place::with("", "--match my-* --host-keys accept-new");
    let print = |kind: &str| {
        let output = Command::new(tool("ssh-keygen")).arg("-lf").arg(place.sshd.host_key(kind)).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let console = |lines: &str| format!("-----BEGIN SSH HOST KEY FINGERPRINTS-----\n{lines}");
    place.world.cloud.console(ID, console(&print("ecdsa")), "");
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("is not the one that"), "{run}");
    place.ssh(&["-o", "HostKeyAlgorithms=ecdsa-sha2-nistp256", "my-instance", "true"]).expect(0);
    place.world.run("known-hosts forget my-instance").expect(0);
    place.world.cloud.console(ID, console(&(print("ecdsa") + &print("ed25519"))), "");
    place.ssh(&["my-instance", "true"]).expect(0);
}

#[test]
fn a_known_hosts_of_ours_that_cannot_be_read_lets_nobody_in() {
    let place = Place::with("", "--match my-* --host-keys accept-new");
    fs::create_dir_all(place.world.known_hosts()).unwrap();
    let run = place.ssh(&["-o", "StrictHostKeyChecking=no", "my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("Error: cannot use ") && run.stderr.contains("known_hosts"), "{run}");
}

/// A Name tag may have more in it than a DNS name.
#[test]
fn a_name_with_a_slash_is_verified_too() {
    let place = Place::with("", "--match prod/*");
    place.world.cloud.add(Instance::named(ID, "prod/web+1"));
    let run = place.ssh(&["prod/web+1", "exit 4"]).expect(4);
    assert_eq!(run.stderr, "");
    place.assert_clean();
}

#[test]
fn an_ipv6_address_is_no_name_with_a_port() {
    let place = Place::with("", "--match *:*");
    let mut instance = Instance::named(ID, "my-instance");
    instance.ipv6 = Some("2600:1f16::10:1".to_owned());
    place.world.cloud.add(instance);
    place.ssh(&["2600:1f16::10:1", "exit 4"]).expect(4);
}

#[test]
fn a_known_key_that_changed_is_refused_and_said_why() {
    let place = Place::new();
    place.ssh(&["my-instance", "true"]).expect(0);
    let kept = fs::read_to_string(place.world.known_hosts()).unwrap();
    let other = HostKey::fresh().public_line();
    let changed: String =
        kept.lines().take(1).map(|line| format!("{} {other} confirmed\n", line.split(' ').next().unwrap())).collect();
    fs::write(place.world.known_hosts(), changed).unwrap();
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("Error: the host key of i-0123456789abcde01 has changed"), "{run}");
    assert!(run.stderr.contains("ec2ssh known-hosts forget i-0123456789abcde01"), "{run}");
}

#[test]
fn without_a_console_ssh_asks_and_is_not_asked_for_what_it_knows() {
    let place = Place::with("", "--match my-*");
    place.world.cloud.console(ID, "", "");
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("The console of i-0123456789abcde01 shows no host keys."), "{run}");
    assert!(run.stderr.contains("Host key verification failed"), "{run}");
    place.assert_clean();
    let line = format!("ssh -F {} my-instance echo in; echo \"status $?\"", place.config.display());
    let mut terminal = Terminal::run(&place.world, &line);
    terminal.wait_for("(yes/no/[fingerprint])");
    terminal.type_in("yes\r");
    terminal.wait_for("status 0");
    // ssh has it in its own file now; we take its word, and from then on it is known by the instance's id.
    place.ssh(&["my-instance", "true"]).expect(0);
    assert!(fs::read_to_string(place.world.known_hosts()).unwrap().contains(" known_hosts 20"));
    assert_eq!(place.ssh(&["my-instance", "true"]).expect(0).stderr, "");
}

#[test]
fn the_policies_of_the_block() {
    let place = Place::with("", "--match my-* --host-keys accept-new");
    place.world.cloud.console(ID, "", "");
    let run = place.ssh(&["my-instance", "true"]).expect(0);
    assert!(run.stderr.contains("Accepted the new host key of i-0123456789abcde01: ssh-ed25519 SHA256:"), "{run}");
    assert!(fs::read_to_string(place.world.known_hosts()).unwrap().contains(" accept-new 20"));
    let place = Place::with("", "--match my-* --host-keys strict");
    place.world.cloud.console(ID, "", "");
    let run = place.ssh(&["-o", "StrictHostKeyChecking=no", "my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("--host-keys strict refuses what cannot be verified"), "{run}");
}

#[test]
fn a_host_certificate_counts_for_ssh_too() {
    let place = Place::new();
    place.world.cloud.console(ID, "", "");
    let authority = keygen(place.world.home.path(), "authority", &["-t", "ed25519", "-N", ""]);
    let mut sign = Command::new(tool("ssh-keygen"));
    sign.args(["-q", "-s"]).arg(&authority).args(["-I", "test", "-h", "-n", "my-instance"]);
    assert!(sign.arg(place.sshd.host_key("ed25519")).status().unwrap().success());
    let certificate = place.sshd.host_key("ed25519").with_file_name("ed25519-cert.pub");
    let Place { world, sshd, config } = place;
    let sshd = sshd.restart(&format!("HostCertificate {}", certificate.display()));
    let place = Place { world, sshd, config };
    place.ssh(&["my-instance", "true"]).expect(255);
    let line = fs::read_to_string(authority.with_extension("pub")).unwrap();
    fs::create_dir_all(place.world.known_hosts().parent().unwrap()).unwrap();
    fs::write(place.world.known_hosts(), format!("@cert-authority my-*,[my-*]:* {line}")).unwrap();
    let run = place.ssh(&["my-instance", "exit 4"]).expect(4);
    assert_eq!(run.stderr, "");
    // By its id the certificate is not for the name that ssh knows; it is for one of the instance's.
    let run = place.ssh(&[ID, "exit 4"]).expect(4);
    assert_eq!(run.stderr, "");
    let kept = fs::read_to_string(place.world.known_hosts()).unwrap();
    assert_eq!(kept.lines().count(), 1, "what a certificate vouches for is not kept: {kept}");
}

/// An ssh before 8.5 asks no command: the block for it has a file, which is written before the server speaks.
#[test]
fn an_older_ssh_has_a_file() {
    let (world, _) = World::with_instance();
    fs::create_dir(world.path("bin")).unwrap();
    world.file(
        "bin/ssh",
        "#!/bin/sh\necho 'OpenSSH_8.2p1 Ubuntu-4ubuntu0.11, OpenSSL 1.1.1f  31 Mar 2020' >&2\n",
        0o755,
    );
    let mut print = world.ec2ssh("config print --match my-*");
    let path = format!("{}:{}", world.path("bin").display(), std::env::var("PATH").unwrap());
    let block = Run::of(print.env("PATH", path).output().unwrap()).expect(0).out();
    assert!(!block.contains("KnownHostsCommand") && block.contains("UserKnownHostsFile"), "{block}");
    let sshd = RealSshd::start(&world.cloud, ID, "");
    let line = fs::read_to_string(sshd.host_key("ecdsa")).unwrap().trim().to_owned();
    world.cloud.print_host_keys(ID, &[line]);
    // ssh takes ~ from the password file.
    let home = world.home.path().display().to_string();
    let block = block.replace("~/.ssh/known_hosts", &format!("{home}/.ssh/known_hosts"));
    let rest = format!("Port {}\nUser {}\nGlobalKnownHostsFile /dev/null\n", sshd.port, sshd.user);
    let config = world.file("ssh_config", &(block + &rest), 0o600);
    let place = Place { world, sshd, config };
    for _ in 0..2 {
        let run = place.ssh(&["my-instance", "exit 4"]).expect(4);
        assert_eq!(run.stderr, "");
    }
    assert_eq!(place.world.cloud.count("GetConsoleOutput"), 1);
    let file = fs::read_to_string(place.world.path("data/ec2ssh/openssh_known_hosts")).unwrap();
    assert_eq!(file.lines().count(), 1, "{file}");
    // An impostor is refused by ssh, by that file.
    place.world.run("known-hosts forget my-instance").expect(0);
    assert!(!place.world.path("data/ec2ssh/openssh_known_hosts").exists());
    place.world.cloud.print_host_keys(ID, &[HostKey::fresh().public_line()]);
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("REMOTE HOST IDENTIFICATION HAS CHANGED"), "{run}");
}

/// Waits until ssh's process has begun the command.
fn begun(place: &Place, command: &str) -> Child {
    let mark = place.world.path("mark");
    let child =
        place.command("ssh").args(["my-instance", &format!("touch {}; {command}", mark.display())]).spawn().unwrap();
    let begun = Instant::now();
    while !mark.exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the command has not begun");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

#[test]
fn a_killed_ssh_leaves_no_socket_and_no_process() {
    for place in [Place::new(), Place::plain()] {
        for signal in ["KILL", "TERM", "HUP", "INT"] {
            let mut child = begun(&place, "sleep 60");
            Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
            child.wait().unwrap();
            place.assert_clean();
            fs::remove_file(place.world.path("mark")).unwrap();
        }
    }
}

/// In the look-up, and while ssh asks about the host key.
#[test]
fn a_ssh_killed_early_leaves_nothing_either() {
    for place in [Place::new(), Place::plain()] {
        place.world.cloud.fail("DescribeInstances", Fault::Hang, 1);
        let mut child = place.command("ssh").args(["my-instance", "true"]).spawn().unwrap();
        while place.world.cloud.count("DescribeInstances") == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        place.assert_clean();
        place.world.cloud.console(ID, "", "");
        let line = format!("ssh -F {} my-instance true; echo \"status $?\"", place.config.display());
        let mut terminal = Terminal::run(&place.world, &line);
        terminal.wait_for("(yes/no/[fingerprint])");
        assert!(!place.leftovers().is_empty());
        terminal.type_in("\u{3}");
        terminal.wait();
        place.assert_clean();
    }
}

#[test]
fn an_unknown_instance_fails_with_our_words_and_nothing_on_stdout() {
    for place in [Place::new(), Place::plain()] {
        let run = place.ssh(&["my-nothing", "true"]).expect(255);
        assert_eq!(run.out(), "");
        assert!(run.stderr.starts_with("Error: no instance matches 'my-nothing'"), "{run}");
        place.assert_clean();
    }
}

#[test]
fn a_push_that_is_denied_is_said() {
    let place = Place::new();
    let denied = Fault::error(403, "AuthException", "not authorized");
    place.world.cloud.fail("SendSSHPublicKey", denied, 9);
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("ec2-instance-connect:SendSSHPublicKey"), "{run}");
    assert_eq!(run.stderr.matches("Error:").count(), 1, "{run}");
    place.assert_clean();
}
