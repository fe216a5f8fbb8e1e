//! Plain ssh, and all that runs it, through the block that `ec2ssh config` writes: real OpenSSH on both sides.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ec2ssh_lab::{Fault, HostKey, Instance};

use crate::support::pty::Terminal;
use crate::support::sshd::RealSshd;
use crate::support::{ID, Run, World, keygen, tool};

/// A real sshd whose host keys are on its instance's console, and an ssh_config with the block.
struct Place {
    world: World,
    sshd: RealSshd,
    config: PathBuf,
}

impl Place {
    fn new() -> Self {
        Self::with("", "--match my-* --match *.ec2")
    }

    /// With lines for sshd_config and options for the block.
    fn with(sshd_config: &str, options: &str) -> Self {
        Self::at(ID, sshd_config, options)
    }

    /// Whose sshd has the keys that are pushed to this instance.
    fn at(instance_id: &str, sshd_config: &str, options: &str) -> Self {
        let (world, _) = World::with_instance();
        let sshd = RealSshd::start(&world, instance_id, sshd_config);
        let keys = ["ed25519", "ecdsa"].map(|kind| fs::read_to_string(sshd.host_key(kind)).unwrap().trim().to_owned());
        world.cloud.print_host_keys(ID, &keys);
        let block = world.run(&format!("config print {options}")).expect(0).out();
        let home = world.home.path().display();
        // What a person has in the file beside it. ssh takes ~ from the password file, not from HOME.
        let rest = format!(
            "Port {}\nUser {}\nUserKnownHostsFile {home}/.ssh/known_hosts\nGlobalKnownHostsFile /dev/null\n",
            sshd.port, sshd.user
        );
        let config = world.file("ssh_config", &(block + &rest), 0o600);
        Self { world, sshd, config }
    }

    /// The block without ProxyUseFdpass: our process stays between.
    fn plain() -> Self {
        Self::new().without_fdpass()
    }

    fn without_fdpass(self) -> Self {
        let place = self;
        let text = fs::read_to_string(&place.config).unwrap();
        let text = text.replace(" --fdpass", "").replace("    ProxyUseFdpass yes\n", "");
        fs::write(&place.config, text).unwrap();
        place
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.world.command(tool(program));
        command.arg("-F").arg(&self.config).args(["-o", "BatchMode=yes"]);
        command
    }

    fn ssh(&self, words: &[&str]) -> Run {
        Run::of(self.command("ssh").args(words).output().unwrap())
    }

    /// For programs that run ssh themselves.
    fn ssh_command(&self) -> String {
        format!("{} -F {} -o BatchMode=yes", tool("ssh").display(), self.config.display())
    }

    /// Sockets and links to them, and processes of ours.
    fn leftovers(&self) -> Vec<String> {
        let folder = self.world.path("run/ec2ssh");
        let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        let sockets = entries.filter(|path| {
            let kind = fs::symlink_metadata(path).unwrap().file_type();
            kind.is_socket() || kind.is_symlink()
        });
        let sockets = sockets.map(|path| path.display().to_string());
        let pattern = format!("ec2ssh proxy.*{}", self.world.home.path().display());
        let found = Command::new(tool("pgrep")).args(["-fa", &pattern]).output().unwrap();
        let processes = String::from_utf8(found.stdout).unwrap();
        sockets.chain(processes.lines().map(str::to_owned)).collect()
    }

    #[track_caller]
    fn assert_clean(&self) {
        let begun = Instant::now();
        while !self.leftovers().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(10), "left over: {:?}", self.leftovers());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

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
    let place = Place::new();
    let ansible = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/ansible");
    assert!(ansible.is_file(), "ansible is not installed: run `make test`, which installs it");
    let mut command = place.world.command(ansible);
    command.args(["my-instance", "-i", "my-instance,", "-m", "ping"]);
    // Without the connections that it would share: every step is a login of its own.
    command.env("ANSIBLE_SSH_ARGS", format!("-F {} -o ControlMaster=no", place.config.display()));
    command.env("ANSIBLE_HOME", place.world.path("ansible")).env("ANSIBLE_NOCOLOR", "1");
    command.env("ANSIBLE_PYTHON_INTERPRETER", tool("python3"));
    let run = Run::of(command.output().unwrap());
    assert!(run.code == 0 && run.out().contains("\"ping\": \"pong\""), "{run}");
    assert!(place.world.cloud.count("SendSSHPublicKey") > 1, "every connection has a fresh key");
    place.assert_clean();
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
    let place = Place::new();
    let control = place.world.path("control");
    let shared = |words: &[&str]| {
        let path = format!("ControlPath={}", control.display());
        let options = ["-o", "ControlMaster=auto", "-o", "ControlPersist=30", "-o", &path];
        // The master holds our standard streams: it is given none.
        let mut command = place.command("ssh");
        command.args(options).args(words).stdout(Stdio::piped()).stderr(Stdio::null());
        Run::of(command.output().unwrap())
    };
    shared(&["-Nf", "my-instance"]).expect(0);
    let pushes = place.world.cloud.count("SendSSHPublicKey");
    assert_eq!(shared(&["my-instance", "echo one"]).expect(0).out(), "one\n");
    shared(&["my-instance", "exit 5"]).expect(5);
    assert_eq!(place.world.cloud.count("SendSSHPublicKey"), pushes, "they share one connection");
    // While the master stands nothing of ours is left: neither a process between, nor an agent.
    place.assert_clean();
    shared(&["-O", "exit", "my-instance"]).expect(0);
}

#[test]
fn a_console_that_contradicts_is_refused_by_ssh_itself() {
    for place in [Place::new(), Place::plain()] {
        let printed = HostKey::fresh();
        place.world.cloud.print_host_keys(ID, &[printed.public_line()]);
        // Neither ssh's own knowledge nor its carelessness helps the server.
        let presented = fs::read_to_string(place.sshd.host_key("ed25519")).unwrap();
        let known = format!("[my-instance]:{} {presented}", place.sshd.port);
        for (options, known) in [(vec![], ""), (vec!["-o", "StrictHostKeyChecking=no"], ""), (vec![], known.as_str())] {
            place.world.file(".ssh/known_hosts", known, 0o600);
            let run = place.ssh(&[options, vec!["my-instance", "echo in"]].concat()).expect(255);
            assert_eq!(run.out(), "");
            assert!(run.stderr.contains("Error: the host key presented is not the one that"), "{run}");
            assert!(run.stderr.contains(&printed.fingerprint()), "{run}");
            assert!(!place.sshd.log().contains("Accepted"), "{}", place.sshd.log());
            if known.is_empty() {
                let words = ["Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED"];
                assert!(words.iter().any(|words| run.stderr.contains(words)), "{run}");
            }
        }
        place.assert_clean();
    }
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
    place.ssh(&["my-instance", "exit 4"]).expect(4);
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
    let sshd = RealSshd::start(&world, ID, "");
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
    let place = { place };
    place.world.run("known-hosts forget my-instance").expect(0);
    place.world.cloud.print_host_keys(ID, &[HostKey::fresh().public_line()]);
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("REMOTE HOST IDENTIFICATION HAS CHANGED"), "{run}");
}

#[test]
fn the_callers_own_keys_are_not_offered() {
    let place = Place::with("LogLevel VERBOSE", "--match my-*");
    let socket = place.world.path("agent");
    let key = keygen(place.world.home.path(), "in_agent", &["-t", "ed25519", "-N", ""]);
    let mut agent = place.world.command(tool("ssh-agent")).args(["-D", "-a"]).arg(&socket).spawn().unwrap();
    while !socket.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let added = place.world.command(tool("ssh-add")).env("SSH_AUTH_SOCK", &socket).arg(&key).output().unwrap();
    assert!(added.status.success());
    let fingerprint = Command::new(tool("ssh-keygen")).arg("-lf").arg(&key).output().unwrap();
    let fingerprint = String::from_utf8(fingerprint.stdout).unwrap().split(' ').nth(1).unwrap().to_owned();
    let mut command = place.command("ssh");
    // The server would take it, were it offered; `Host *` of a person's own file has him use it.
    place.sshd.authorize(&fs::read_to_string(key.with_extension("pub")).unwrap());
    let config = fs::read_to_string(&place.config).unwrap() + "IdentitiesOnly yes\nIdentityAgent SSH_AUTH_SOCK\n";
    fs::write(&place.config, config).unwrap();
    let run = Run::of(command.env("SSH_AUTH_SOCK", &socket).args(["my-instance", "true"]).output().unwrap());
    agent.kill().unwrap();
    agent.wait().unwrap();
    run.expect(0);
    place.ssh(&["my-instance", "true"]).expect(0);
    let log = place.sshd.log();
    assert_eq!(log.matches("Accepted publickey").count(), 2, "{log}");
    assert!(!log.contains(&fingerprint) && !log.contains("Failed publickey"), "{log}");
}

/// Every file under the folder that holds a private key.
fn private_keys(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            private_keys(&path, found);
        } else if kind.is_file()
            && fs::read(&path).is_ok_and(|bytes| bytes.windows(11).any(|text| text == b"PRIVATE KEY"))
        {
            found.push(path);
        }
    }
}

#[test]
fn no_private_key_is_in_any_file_at_any_time() {
    for place in [Place::new(), Place::plain()] {
        let mut child =
            place.command("ssh").args(["my-instance", "echo up; sleep 0.7"]).stdout(Stdio::null()).spawn().unwrap();
        let mut looks = 0;
        while child.try_wait().unwrap().is_none() {
            let mut found = Vec::new();
            private_keys(place.world.home.path(), &mut found);
            assert!(found.is_empty(), "{found:?}");
            looks += 1;
        }
        assert!(looks > 5, "looked {looks} times");
        assert!(child.wait().unwrap().success());
    }
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

/// What people ask for most: the push went well, and then ssh says "Permission denied" and no more.
#[test]
fn a_denial_is_explained_and_a_login_by_other_means_is_none() {
    // Its sshd does not look at the keys that are pushed to my-instance, as one without Instance Connect.
    let deaf = || Place::at("i-0123456789abcde09", "", "--match my-*");
    for place in [deaf(), deaf().without_fdpass()] {
        // The words may come a moment after ssh's own end: a file has them all.
        let log = place.world.path("log");
        let mut ssh = place.command("ssh");
        let status = ssh.args(["my-instance", "true"]).stderr(fs::File::create(&log).unwrap()).status().unwrap();
        assert_eq!(status.code(), Some(255));
        place.assert_clean();
        let words = fs::read_to_string(&log).unwrap();
        assert!(words.contains("Permission denied (publickey)"), "{words}");
        assert!(words.contains(&format!("does not let {} in", place.sshd.user)) && words.contains("Hint: "), "{words}");
        // The key of a file of the user's own gets in, and there is nothing to explain.
        let key = keygen(place.world.home.path(), "own", &["-t", "ed25519", "-N", ""]);
        place.sshd.authorize(&fs::read_to_string(key.with_extension("pub")).unwrap());
        let run = place.ssh(&["-i", key.to_str().unwrap(), "my-instance", "sleep 0.2; exit 3"]).expect(3);
        assert_eq!(run.stderr, "");
    }
}

/// A proxy by itself, with its agent: what stands behind the path while others come and go.
struct Proxy(Child);

impl Proxy {
    fn start(place: &Place, path: &Path) -> Self {
        let line =
            format!("proxy --agent {} -p {} -l {} my-instance", path.display(), place.sshd.port, place.sshd.user);
        let mut command = place.world.ec2ssh(&line);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // The server has spoken: the agent is there.
        let mut first = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
        Self(child)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_agent_has_one_key_and_takes_no_other_orders() {
    let place = Place::new();
    let path = place.world.path("run/ec2ssh/agent");
    let _proxy = Proxy::start(&place, &path);
    let add = |words: &[&str]| {
        Run::of(place.world.command(tool("ssh-add")).args(words).env("SSH_AUTH_SOCK", &path).output().unwrap())
    };
    let listed = add(&["-L"]).expect(0).out();
    assert_eq!(listed.lines().count(), 1, "{listed}");
    let pushed = place.world.cloud.pushed_keys(ID, &place.sshd.user);
    assert!(pushed.len() == 1 && listed.starts_with(&pushed[0]), "{listed} {pushed:?}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    // Neither more keys, nor fewer, nor a lock.
    let key = keygen(place.world.home.path(), "more", &["-t", "ed25519", "-N", ""]);
    assert_ne!(add(&[key.to_str().unwrap()]).code, 0);
    assert_ne!(add(&["-D"]).code, 0);
    assert_eq!(add(&["-L"]).out(), listed);
    // It signs nothing but a login: no file, for instance.
    let public = place.world.file("ours.pub", &listed, 0o600);
    let file = place.world.file("text", "text", 0o600);
    let mut sign = place.world.command(tool("ssh-keygen"));
    sign.args(["-Y", "sign", "-n", "file", "-f"]).arg(public).arg(file).env("SSH_AUTH_SOCK", &path);
    assert_ne!(Run::of(sign.output().unwrap()).code, 0);
}

#[test]
fn whoever_ends_hands_the_path_on_and_who_is_killed_loses_it() {
    let place = Place::new();
    let path = place.world.path("run/ec2ssh/agent");
    let key = || {
        let mut add = place.world.command(tool("ssh-add"));
        Run::of(add.arg("-L").env("SSH_AUTH_SOCK", &path).output().unwrap()).out()
    };
    let mut proxies: Vec<Proxy> = (0..4).map(|_| Proxy::start(&place, &path)).collect();
    let youngest = key();
    // The youngest ends by itself: its standard input does.
    let mut last = proxies.pop().unwrap();
    drop(last.0.stdin.take());
    drop(last.0.stdout.take());
    last.0.wait().unwrap();
    let next = key();
    assert!(next.starts_with("ssh-ed25519 ") && next != youngest, "{next}");
    // One that does not stand behind the path ends, too.
    drop(proxies.remove(0));
    assert_eq!(key(), next);
    // The one that does is killed: the one that is left notices.
    drop(proxies.pop());
    let begun = Instant::now();
    while !key().starts_with("ssh-ed25519 ") {
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody took the path over");
        std::thread::sleep(Duration::from_millis(20));
    }
    // And what the killed ones left is swept by the next.
    drop(proxies);
    assert!(place.leftovers().iter().any(|left| left.contains("/.agent.")), "{:?}", place.leftovers());
    drop(Proxy::start(&place, &place.world.path("run/ec2ssh/other")));
    assert!(!place.leftovers().iter().any(|left| left.contains("/.agent.")), "{:?}", place.leftovers());
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    let place = Place::new();
    fs::create_dir(place.world.path("run/ec2ssh")).unwrap();
    fs::set_permissions(place.world.path("run/ec2ssh"), fs::Permissions::from_mode(0o777)).unwrap();
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("is not a folder of yours alone"), "{run}");
    let long = "x".repeat(100);
    let run = place.world.run(&format!("proxy --agent {}/{long} my-instance", place.world.path("run").display()));
    assert!(run.code == 255 && run.stderr.contains("too long for a socket"), "{run}");
}
