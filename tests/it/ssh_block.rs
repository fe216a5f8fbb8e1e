//! Tests of OpenSSH, and of programs that run it, with the block that `ec2ssh config` writes: real OpenSSH on both
//! sides.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ec2ssh_lab::{Fault, HostKey, Instance};

use crate::support::RealSshd;
use crate::support::place::Place;
use crate::support::pty::Terminal;
use crate::support::{BINARY, ID, Run, World, keygen, tool, wait_until};

/// With BatchMode, a first contact prints nothing of its own, and ssh exits with the status of the command.
#[test]
fn batch_mode_first_contact_is_silent() {
    for place in [Place::new(), Place::new_without_fdpass()] {
        let run = place.ssh(&["my-instance", "echo out; echo err >&2; exit 7"]).expect(7);
        assert_eq!((run.out().as_str(), run.stderr.as_str()), ("out\n", "err\n"));
        // The console verified the host keys and they are stored. ssh's own file was not needed.
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
fn names_ids_and_suffixes_reach_the_instance() {
    let place = Place::new();
    for name in ["my-instance", ID, "my-instance.ec2", "My-instance.ec2", "my-in"] {
        let status = if name.starts_with('M') { 255 } else { 0 };
        place.ssh(&[name, "true"]).expect(status);
    }
    // Upper and lower case count as typed, although ssh lowercases host names.
    place.world.cloud.add(Instance::named(ID, "My-Instance"));
    place.ssh(&["My-Instance.ec2", "true"]).expect(0);
    // The user's own Host entry sets HostName.
    let alias = format!("Host box my-box\nHostName {ID}\n{}", fs::read_to_string(&place.config).unwrap());
    fs::write(&place.config, alias).unwrap();
    place.ssh(&["my-box", "true"]).expect(0);
}

#[test]
fn the_standard_streams_carry_megabytes_both_ways() {
    for place in [Place::new(), Place::new_without_fdpass()] {
        let data: Vec<u8> = (0..3_000_000u32).map(|n| (n * 7 + n / 251) as u8).collect();
        let mut command = place.command("ssh");
        command.args(["my-instance", "cat"]);
        let run = place.world.run_with_input(command, &data).expect(0);
        assert!(run.stdout == data);
    }
}

#[test]
fn scp_and_sftp_copy_both_ways() {
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
fn rsync_and_git_work() {
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
    // By default Ansible shares one connection. Without sharing, every step logs in by itself, with the same key.
    for sharing in ["-o ControlMaster=auto -o ControlPersist=60s", "-o ControlMaster=no"] {
        let place = Place::new();
        let mut command = place.world.command(&ansible);
        command.args(["my-instance", "-i", "my-instance,", "-m", "ping"]);
        command.env("ANSIBLE_SSH_ARGS", format!("-F {} {sharing}", place.config.display()));
        command.env("ANSIBLE_HOME", place.world.path("ansible")).env("ANSIBLE_NOCOLOR", "1");
        command.env("ANSIBLE_SSH_CONTROL_PATH_DIR", place.world.path("cp"));
        command.env("ANSIBLE_PYTHON_INTERPRETER", tool("python3"));
        let run = Run::of(command.output().unwrap());
        assert!(run.code == 0 && run.out().contains("\"ping\": \"pong\""), "{run}");
        assert_eq!(place.world.cloud.count("SendSSHPublicKey"), 1, "with {sharing}");
        place.assert_clean();
    }
}

/// The key that was pushed for one connection has expired by the next, which pushes another.
#[test]
fn key_is_pushed_anew_after_its_minute() {
    let place = Place::new();
    for round in 0..3 {
        place.ssh(&["my-instance", "true"]).expect(0);
        assert_eq!(place.world.cloud.count("SendSSHPublicKey"), round + 1);
        place.world.cloud.age_keys(Duration::from_secs(61));
        place.world.forget_key();
    }
}

#[test]
fn eight_connections_may_end_in_any_order() {
    for place in [Place::new(), Place::new_without_fdpass()] {
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

/// Sessions over a ControlMaster reuse its login: they need neither a further push nor a process of ec2ssh.
#[test]
fn shared_connection_needs_no_further_push() {
    for (place, is_plain) in [(Place::new(), false), (Place::new_without_fdpass(), true)] {
        let control = format!("ControlPath={}", place.world.path("control").display());
        let shared = |words: &[&str]| {
            let options = ["-o", "ControlMaster=auto", "-o", "ControlPersist=30", "-o", &control];
            // The master would keep the standard streams of this test open, so it does not inherit them.
            let mut command = place.command("ssh");
            command.args(options).args(words).stdout(Stdio::piped()).stderr(Stdio::null());
            Run::of(command.output().unwrap())
        };
        // ssh continues in the background. The process that asked the agent has exited.
        shared(&["-Nf", "my-instance"]).expect(0);
        let pushes = place.world.cloud.count("SendSSHPublicKey");
        assert_eq!(shared(&["my-instance", "echo one"]).expect(0).out(), "one\n");
        shared(&["my-instance", "exit 5"]).expect(5);
        assert_eq!(place.world.cloud.count("SendSSHPublicKey"), pushes, "they share one connection");
        if !is_plain {
            // While the master runs, no process and no agent of ec2ssh is left.
            place.assert_clean();
        }
        shared(&["-O", "exit", "my-instance"]).expect(0);
        place.assert_clean();
    }
}

#[test]
fn ssh_itself_refuses_a_console_mismatch() {
    for place in [Place::new(), Place::new_without_fdpass()] {
        let printed = HostKey::fresh();
        place.world.cloud.print_host_keys(ID, &[printed.public_line()]);
        // Neither ssh's own known_hosts nor a disabled host key check lets the server pass.
        let presented = fs::read_to_string(place.sshd.host_key("ed25519")).unwrap();
        let known = format!("[my-instance]:{} {presented}", place.sshd.port);
        let careless = ["-o", "StrictHostKeyChecking=no"];
        // The server would accept this key of the caller.
        let own = keygen(place.world.home.path(), "own", &["-t", "ed25519", "-N", ""]);
        place.sshd.authorize(&fs::read_to_string(own.with_extension("pub")).unwrap());
        let own = ["-i", own.to_str().unwrap(), "-o", "StrictHostKeyChecking=no"];
        for (options, known) in
            [(vec![], ""), (careless.to_vec(), ""), (vec![], known.as_str()), (own.to_vec(), known.as_str())]
        {
            place.world.file(".ssh/known_hosts", known, 0o600);
            let run = place.ssh(&[options, vec!["my-instance", "echo in"]].concat()).expect(255);
            assert_eq!(run.out(), "");
            assert!(
                run.stderr.contains("host key verification failed: the key presented is not the one that"),
                "{run}"
            );
            assert!(run.stderr.contains(&printed.fingerprint()), "{run}");
            // ssh itself ends the connection, before the server can accept any login.
            assert!(run.stderr.contains("KnownHostsCommand failed"), "{run}");
            assert!(!place.sshd.log().contains("Accepted"), "{}", place.sshd.log());
        }
        place.assert_clean();
    }
}

/// A host key mismatch is reported even if the push has failed before.
#[test]
fn a_failed_push_does_not_hide_an_impostor() {
    let place = Place::new();
    place.world.cloud.print_host_keys(ID, &[HostKey::fresh().public_line()]);
    place.world.cloud.fail("SendSSHPublicKey", Fault::error(403, "AuthException", "not authorized"), 9);
    place.world.cloud.fail("GetConsoleOutput", Fault::Delay(Duration::from_secs(1)), 1);
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("is not the one that i-0123456789abcde01 printed"), "{run}");
}

/// OpenSSH accepts a certificate whose id is not UTF-8, and asks only about the key inside. ec2ssh cannot read such a
/// certificate.
#[test]
fn unreadable_host_certificate_is_refused() {
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
    // ssh negotiates certificates if it knows nothing about the host.
    let options = ["-o", "StrictHostKeyChecking=no", "-o", "HostKeyAlgorithms=ssh-ed25519-cert-v01@openssh.com"];
    let run = place.ssh(&[&options[..], &["my-instance", "true"]].concat()).expect(255);
    assert!(run.stderr.contains("cannot be parsed") && run.stderr.contains("KnownHostsCommand failed"), "{run}");
    assert!(!place.sshd.log().contains("Accepted"), "{}", place.sshd.log());
}

#[test]
fn foreign_proxy_command_gets_a_hint() {
    let place = Place::new();
    keygen(place.world.home.path(), ".ssh/id_ed25519", &["-t", "ed25519", "-N", ""]);
    // Whatever a ProxyCommand of the user's own runs, it does not serve the agent.
    let proxy = format!("ProxyCommand={BINARY} proxy %r@%h:%p");
    let run = place.ssh(&["-o", &proxy, "-o", "ProxyUseFdpass=no", "my-instance", "true"]).expect(255);
    assert!(
        run.stderr.contains("Hint: if you set your own ProxyCommand or ProxyJump: ssh -o KnownHostsCommand=none"),
        "{run}"
    );
}

/// ssh cannot be told the algorithm of a fingerprint, so a server that presents a key of another algorithm is refused.
#[test]
fn other_algorithm_does_not_bypass_console_fingerprint() {
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
fn unreadable_known_hosts_refuses_the_connection() {
    let place = Place::with("", "--match my-* --host-keys accept-new");
    fs::create_dir_all(place.world.known_hosts()).unwrap();
    let run = place.ssh(&["-o", "StrictHostKeyChecking=no", "my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("Error: cannot use ") && run.stderr.contains("known_hosts"), "{run}");
}

/// A Name tag may contain characters that a DNS name cannot contain.
#[test]
fn a_name_with_a_slash_is_verified_too() {
    let place = Place::with("", "--match prod/*");
    place.world.cloud.add(Instance::named(ID, "prod/web+1"));
    let run = place.ssh(&["prod/web+1", "exit 4"]).expect(4);
    assert_eq!(run.stderr, "");
    place.assert_clean();
}

/// The last group of an IPv6 address is not taken for a port. The typed address is dialed; nothing answers there.
#[test]
fn ipv6_address_keeps_its_last_group() {
    let place = Place::with("", "--match *:*");
    let mut instance = Instance::named(ID, "my-instance");
    instance.ipv6 = Some("2600:1f16::10:1".to_owned());
    place.world.cloud.add(instance);
    let run = place.ssh(&["2600:1f16::10:1", "exit 4"]).expect(255);
    assert!(run.stderr.contains(&format!("direct: [2600:1f16::10:1]:{}: ", place.sshd.port)), "{run}");
}

#[test]
fn changed_host_key_is_refused_with_reason() {
    let place = Place::new();
    place.ssh(&["my-instance", "true"]).expect(0);
    let kept = fs::read_to_string(place.world.known_hosts()).unwrap();
    let other = HostKey::fresh().public_line();
    let changed: String =
        kept.lines().take(1).map(|line| format!("{} {other} confirmed\n", line.split(' ').next().unwrap())).collect();
    fs::write(place.world.known_hosts(), changed).unwrap();
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("the host key of i-0123456789abcde01 has changed"), "{run}");
    assert!(run.stderr.contains("ec2ssh known-hosts forget i-0123456789abcde01"), "{run}");
}

/// Without host keys on the console, ssh itself prompts. A key that ssh has stored is then accepted without a prompt.
#[test]
fn ssh_prompts_without_console_keys() {
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
    // ssh has stored the key in its own file. ec2ssh accepts that and stores the key under the instance's id.
    place.ssh(&["my-instance", "true"]).expect(0);
    assert!(fs::read_to_string(place.world.known_hosts()).unwrap().contains(" known_hosts 20"));
    assert_eq!(place.ssh(&["my-instance", "true"]).expect(0).stderr, "");
}

#[test]
fn host_key_policies_apply_through_the_block() {
    let place = Place::with("", "--match my-* --host-keys accept-new");
    place.world.cloud.console(ID, "", "");
    let run = place.ssh(&["my-instance", "true"]).expect(0);
    assert!(run.stderr.contains("Accepted the new host key of i-0123456789abcde01: ssh-ed25519 SHA256:"), "{run}");
    assert!(fs::read_to_string(place.world.known_hosts()).unwrap().contains(" accept-new 20"));
    let place = Place::with("", "--match my-* --host-keys strict");
    place.world.cloud.console(ID, "", "");
    let run = place.ssh(&["-o", "StrictHostKeyChecking=no", "my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("--host-keys strict refuses keys that cannot be verified"), "{run}");
}

#[test]
fn a_host_certificate_counts_for_ssh_too() {
    let place = Place::new();
    place.world.cloud.console(ID, "", "");
    let authority = keygen(place.world.home.path(), "authority", &["-t", "ed25519", "-N", ""]);
    let mut sign = Command::new(tool("ssh-keygen"));
    sign.args(["-q", "-s"]).arg(&authority).args(["-I", "test", "-h", "-n", ID]);
    assert!(sign.arg(place.sshd.host_key("ed25519")).status().unwrap().success());
    let certificate = place.sshd.host_key("ed25519").with_file_name("ed25519-cert.pub");
    let Place { world, sshd, config } = place;
    let sshd = sshd.restart(&format!("HostCertificate {}", certificate.display()));
    let place = Place { world, sshd, config };
    place.ssh(&[ID, "true"]).expect(255);
    let line = fs::read_to_string(authority.with_extension("pub")).unwrap();
    fs::create_dir_all(place.world.known_hosts().parent().unwrap()).unwrap();
    fs::write(place.world.known_hosts(), format!("@cert-authority i-*,[i-*]:* {line}")).unwrap();
    let run = place.ssh(&[ID, "exit 4"]).expect(4);
    assert_eq!(run.stderr, "");
    // With the name as the host name, the certificate does not match the name that ssh uses, but it matches the id.
    let run = place.ssh(&["my-instance", "exit 4"]).expect(4);
    assert_eq!(run.stderr, "");
    let kept = fs::read_to_string(place.world.known_hosts()).unwrap();
    assert_eq!(kept.lines().count(), 1, "a certified key is not stored: {kept}");
}

/// OpenSSH before 8.5 has no KnownHostsCommand, so the block for it uses a file that is written before the server sends
/// anything.
#[test]
fn older_ssh_uses_a_known_hosts_file() {
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
    // ssh takes ~ from the password database, not from HOME.
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
    // ssh refuses an impostor because of this file.
    place.world.run("known-hosts forget my-instance").expect(0);
    assert!(!place.world.path("data/ec2ssh/openssh_known_hosts").exists());
    place.world.cloud.print_host_keys(ID, &[HostKey::fresh().public_line()]);
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("REMOTE HOST IDENTIFICATION HAS CHANGED"), "{run}");
}

/// Starts ssh and waits until the command is running.
fn begun(place: &Place, command: &str) -> Child {
    let mark = place.world.path("mark");
    let child =
        place.command("ssh").args(["my-instance", &format!("touch {}; {command}", mark.display())]).spawn().unwrap();
    wait_until("the command has begun", || mark.exists());
    child
}

#[test]
fn killed_ssh_leaves_no_socket_or_process() {
    for place in [Place::new(), Place::new_without_fdpass()] {
        for signal in ["KILL", "TERM", "HUP", "INT"] {
            let mut child = begun(&place, "sleep 60");
            Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
            child.wait().unwrap();
            place.assert_clean();
            fs::remove_file(place.world.path("mark")).unwrap();
        }
    }
}

/// ssh is killed during the look-up, and interrupted while it asks about the host key.
#[test]
fn ssh_killed_early_leaves_nothing_behind() {
    for place in [Place::new(), Place::new_without_fdpass()] {
        place.world.cloud.fail("DescribeInstances", Fault::Hang, 1);
        let mut child = place.command("ssh").args(["my-instance", "true"]).spawn().unwrap();
        wait_until("the look-up begins", || place.world.cloud.count("DescribeInstances") > 0);
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
fn unknown_instance_is_reported_on_stderr_only() {
    for place in [Place::new(), Place::new_without_fdpass()] {
        let run = place.ssh(&["my-nothing", "true"]).expect(255);
        assert_eq!(run.out(), "");
        assert!(run.stderr.starts_with("Error: no instance matches 'my-nothing'"), "{run}");
        place.assert_clean();
    }
}

#[test]
fn denied_push_is_reported_once() {
    let place = Place::new();
    let denied = Fault::error(403, "AuthException", "not authorized");
    place.world.cloud.fail("SendSSHPublicKey", denied, 9);
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("ec2-instance-connect:SendSSHPublicKey"), "{run}");
    assert_eq!(run.stderr.matches("Error:").count(), 1, "{run}");
    place.assert_clean();
}
