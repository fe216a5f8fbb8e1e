//! The agent behind the ssh_config block: one key for one login, a socket path that several agents share, and what they
//! leave behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ec2ssh_lab::Fault;

use crate::support::place::Place;
use crate::support::{ID, Run, keygen, tool, wait_until};

#[test]
fn the_callers_own_keys_are_not_offered() {
    let place = Place::with("LogLevel VERBOSE", "--match my-*");
    let socket = place.world.path("agent");
    let key = keygen(place.world.home.path(), "in_agent", &["-t", "ed25519", "-N", ""]);
    let mut agent = place.world.command(tool("ssh-agent")).args(["-D", "-a"]).arg(&socket).spawn().unwrap();
    wait_until("the agent listens", || socket.exists());
    let added = place.world.command(tool("ssh-add")).env("SSH_AUTH_SOCK", &socket).arg(&key).output().unwrap();
    assert!(added.status.success());
    let fingerprint = Command::new(tool("ssh-keygen")).arg("-lf").arg(&key).output().unwrap();
    let fingerprint = String::from_utf8(fingerprint.stdout).unwrap().split(' ').nth(1).unwrap().to_owned();
    let mut command = place.command("ssh");
    // The server would accept this key, and the user's own `Host *` lines make ssh use the agent that holds it.
    place.sshd.authorize(&fs::read_to_string(key.with_extension("pub")).unwrap());
    let config = fs::read_to_string(&place.config).unwrap() + "IdentitiesOnly yes\nIdentityAgent SSH_AUTH_SOCK\n";
    fs::write(&place.config, config).unwrap();
    let run = Run::of(command.env("SSH_AUTH_SOCK", &socket).args(["my-instance", "true"]).output().unwrap());
    agent.kill().unwrap();
    agent.wait().unwrap();
    run.expect(0);
    place.ssh(&["my-instance", "true"]).expect(0);
    // An `IdentityFile` of the user's own under `Host *` is only a fallback for when the pushed key is rejected.
    let config = fs::read_to_string(&place.config).unwrap() + &format!("IdentityFile {}\n", key.display());
    fs::write(&place.config, config).unwrap();
    place.ssh(&["my-instance", "true"]).expect(0);
    let log = place.sshd.log();
    assert_eq!(log.matches("Accepted publickey").count(), 3, "{log}");
    assert!(!log.contains(&fingerprint) && !log.contains("Failed publickey"), "{log}");
}

/// Collects every file under the folder that contains a private key.
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
fn private_key_is_never_on_disk() {
    for place in [Place::new(), Place::new_without_fdpass()] {
        let mut child =
            place.command("ssh").args(["my-instance", "echo up; sleep 0.7"]).stdout(Stdio::null()).spawn().unwrap();
        // The scan would find a private key.
        let planted = keygen(place.world.home.path(), "planted", &["-t", "ed25519", "-N", ""]);
        let mut found = Vec::new();
        private_keys(place.world.home.path(), &mut found);
        assert_eq!(found, std::slice::from_ref(&planted));
        fs::remove_file(planted).unwrap();
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

/// Explains the failure that users ask about most: the push succeeded, and ssh then says only "Permission denied".
#[test]
fn denial_after_the_push_is_explained() {
    for place in [Place::without_instance_connect(), Place::without_instance_connect().without_fdpass()] {
        // The explanation may be written a moment after ssh has exited, so stderr goes to a file.
        let log = place.world.path("log");
        let mut ssh = place.command("ssh");
        let status = ssh.args(["my-instance", "true"]).stderr(fs::File::create(&log).unwrap()).status().unwrap();
        assert_eq!(status.code(), Some(255));
        place.assert_clean();
        let words = fs::read_to_string(&log).unwrap();
        assert!(words.contains("Permission denied (publickey)"), "{words}");
        assert!(words.contains("If ssh could not log in, the likely reason is:"), "{words}");
        assert!(
            words.contains(&format!("permission denied for {}@", place.sshd.user)) && words.contains("Hint: "),
            "{words}"
        );
        // A key file of the user's own logs in, so there is nothing to explain.
        let key = keygen(place.world.home.path(), "own", &["-t", "ed25519", "-N", ""]);
        place.sshd.authorize(&fs::read_to_string(key.with_extension("pub")).unwrap());
        let run = place.ssh(&["-i", key.to_str().unwrap(), "my-instance", "sleep 0.2; exit 3"]).expect(3);
        assert_eq!(run.stderr, "");
    }
}

/// A separate `ec2ssh proxy` with its agent, which serves the path while other agents start and end.
struct Proxy(Child);

impl Proxy {
    fn start(place: &Place, path: &Path) -> Self {
        Self::of(place.world.ec2ssh(&Self::line(place, path)))
    }

    fn line(place: &Place, path: &Path) -> String {
        format!("proxy --agent {} -p {} -l {} my-instance", path.display(), place.sshd.port, place.sshd.user)
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // The server's first byte has arrived, so the agent is running.
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
fn agent_holds_one_key_and_signs_logins() {
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
    // The agent refuses to add or remove keys.
    let key = keygen(place.world.home.path(), "more", &["-t", "ed25519", "-N", ""]);
    assert_ne!(add(&[key.to_str().unwrap()]).code, 0);
    assert_ne!(add(&["-D"]).code, 0);
    assert_eq!(add(&["-L"]).out(), listed);
    // The agent signs login requests only, so no files.
    let public = place.world.file("ours.pub", &listed, 0o600);
    let file = place.world.file("text", "text", 0o600);
    let mut sign = place.world.command(tool("ssh-keygen"));
    sign.args(["-Y", "sign", "-n", "file", "-f"]).arg(public).arg(file).env("SSH_AUTH_SOCK", &path);
    assert_ne!(Run::of(sign.output().unwrap()).code, 0);
}

/// Two accounts have an instance of the same name. Both agents share one path, and each ssh is served by its own.
#[test]
fn each_ssh_uses_its_own_agent() {
    let (ours, theirs) = (Place::new(), Place::new());
    // Both configurations use the same path, which leads to the youngest agent.
    let path = |place: &Place| format!("{}/run/ec2ssh/", place.world.home.path().display());
    let config = fs::read_to_string(&theirs.config).unwrap().replace(&path(&theirs), &path(&ours));
    let config = config.replace(&format!("Port {}", theirs.sshd.port), &format!("Port {}", ours.sshd.port));
    fs::write(&theirs.config, config).unwrap();
    // The port is part of the path, so both blocks say port 22 and ec2ssh's config files hold the real ports.
    let port = ours.sshd.port;
    let theirs_config = format!("[[host]]\nmatch = \"my-instance\"\nport = {}\n", theirs.sshd.port);
    theirs.world.config(&theirs_config);
    let text = fs::read_to_string(&theirs.config).unwrap().replace(&format!("Port {port}"), "Port 22");
    fs::write(&theirs.config, text).unwrap();
    let text = fs::read_to_string(&ours.config).unwrap().replace(&format!("Port {port}"), "Port 22");
    fs::write(&ours.config, text).unwrap();
    ours.world.config(&format!("[[host]]\nmatch = \"my-instance\"\nport = {port}\n"));
    for _ in 0..3 {
        let start = |place: &Place, word: &str| {
            let mut command = place.command("ssh");
            command.args(["my-instance", &format!("echo {word}")]).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        let children = [start(&ours, "ours"), start(&theirs, "theirs"), start(&ours, "ours"), start(&theirs, "theirs")];
        for (child, word) in children.into_iter().zip(["ours\n", "theirs\n", "ours\n", "theirs\n"]) {
            let run = Run::of(child.wait_with_output().unwrap()).expect(0);
            assert_eq!((run.out().as_str(), run.stderr.as_str()), (word, ""));
        }
    }
    ours.assert_clean();
    theirs.assert_clean();
}

/// No agent is left while the sessions are open, because each agent has seen its own ssh log in.
#[test]
fn agents_end_at_login() {
    let place = Place::new();
    let mark = |n: u32| place.world.path(&format!("mark{n}"));
    let children: Vec<Child> = (0..5)
        .map(|n| {
            let command = format!("touch {}; sleep 60", mark(n).display());
            place.command("ssh").args(["my-instance", &command]).spawn().unwrap()
        })
        .collect();
    wait_until("all have begun", || (0..5).all(|n| mark(n).exists()));
    place.assert_clean();
    for mut child in children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// With `-A` the remote side cannot use the agent, because ssh tells the agent that the connection is forwarded.
#[test]
fn forwarded_agent_refuses_the_remote_side() {
    let place = Place::new_without_fdpass();
    let path = place.world.path(&format!("run/ec2ssh/{}@my-instance:{}", place.sshd.user, place.sshd.port));
    // Another login to the same name has connected but not yet authenticated, so its agent is behind the path.
    let _waiting = Proxy::start(&place, &path);
    let list = |options: &[&str]| place.ssh(&[options, &["my-instance", "ssh-add -L; true"]].concat()).expect(0);
    let run = list(&["-A"]);
    assert!(!run.out().contains("ssh-ed25519"), "{run}");
    // The user's own agent is forwarded by its socket path.
    let socket = place.world.path("agent");
    let key = keygen(place.world.home.path(), "mine", &["-t", "ed25519", "-N", ""]);
    let mut agent = place.world.command(tool("ssh-agent")).args(["-D", "-a"]).arg(&socket).spawn().unwrap();
    wait_until("the agent listens", || socket.exists());
    let added = place.world.command(tool("ssh-add")).env("SSH_AUTH_SOCK", &socket).arg(&key).output().unwrap();
    assert!(added.status.success());
    let run = list(&["-o", &format!("ForwardAgent={}", socket.display())]);
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert!(fs::read_to_string(key.with_extension("pub")).unwrap().starts_with(run.out().trim()), "{run}");
    assert!(run.out().contains("ssh-ed25519"), "{run}");
}

#[test]
fn core_dumps_are_disabled() {
    let place = Place::new();
    let path = place.world.path("run/ec2ssh/agent");
    let proxy = Proxy::start(&place, &path);
    let limits = fs::read_to_string(format!("/proc/{}/limits", proxy.0.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let limits: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(limits, ["0", "0"], "soft and hard: {core}");
}

/// Sweeping removes nothing from the folder but agent sockets, recognized by the form of their names, and links to
/// them.
#[test]
fn foreign_files_are_not_swept() {
    let place = Place::new();
    fs::create_dir(place.world.path("run/ec2ssh")).unwrap();
    fs::set_permissions(place.world.path("run/ec2ssh"), fs::Permissions::from_mode(0o700)).unwrap();
    let dead = place.world.path("run/ec2ssh/other-agent.1");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    let link = place.world.path("run/ec2ssh/link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    drop(Proxy::start(&place, &place.world.path("run/ec2ssh/agent")));
    assert!(dead.exists() && link.is_symlink());
}

/// An agent that exits hands the path on. When one is killed, another takes the path over, and its socket is swept
/// later.
#[test]
fn path_moves_to_a_live_agent() {
    let place = Place::new();
    place.world.config("[defaults]\nshare-key = false\n");
    let path = place.world.path("run/ec2ssh/agent");
    let key = || {
        let mut add = place.world.command(tool("ssh-add"));
        Run::of(add.arg("-L").env("SSH_AUTH_SOCK", &path).output().unwrap()).out()
    };
    let mut proxies: Vec<Proxy> = (0..4).map(|_| Proxy::start(&place, &path)).collect();
    let youngest = key();
    // The youngest proxy exits by itself, because its standard input ends.
    let mut last = proxies.pop().unwrap();
    drop(last.0.stdin.take());
    drop(last.0.stdout.take());
    last.0.wait().unwrap();
    let next = key();
    assert!(next.starts_with("ssh-ed25519 ") && next != youngest, "{next}");
    // A proxy that is not behind the path ends as well.
    drop(proxies.remove(0));
    assert_eq!(key(), next);
    // The proxy behind the path is killed, and the remaining one takes the path over.
    drop(proxies.pop());
    wait_until("another agent takes the path over", || key().starts_with("ssh-ed25519 "));
    // The next agent sweeps what the killed ones have left.
    drop(proxies);
    let left = place.leftovers();
    assert!(!left.is_empty());
    let next = Proxy::start(&place, &place.world.path("run/ec2ssh/other"));
    let now = place.leftovers();
    assert!(!now.iter().any(|now| left.contains(now)), "{left:?} {now:?}");
    drop(next);
}

/// A new agent without a connection is not published at the path, so no ssh asks it for a key.
#[test]
fn unconnected_agent_is_not_published() {
    let place = Place::new();
    let path = place.world.path("run/ec2ssh/agent");
    place.world.cloud.fail("GetConsoleOutput", Fault::Hang, 2);
    let _old = Proxy::start(&place, &path);
    // With `--known-hosts`, as for an older ssh, the proxy waits for the console output before it connects.
    let line = Proxy::line(&place, &path) + &format!(" --known-hosts {}", place.world.path("kh").display());
    let mut new = place.world.ec2ssh(&line).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    wait_until("the console is asked for twice", || place.world.cloud.count("GetConsoleOutput") == 2);
    let agents = || place.leftovers().iter().filter(|left| left.contains("/run/ec2ssh/.")).count();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(agents(), 1, "{:?}", place.leftovers());
    let mut add = place.world.command(tool("ssh-add"));
    let run = Run::of(add.arg("-L").env("SSH_AUTH_SOCK", &path).output().unwrap()).expect(0);
    assert!(run.out().starts_with("ssh-ed25519 "), "{run}");
    new.kill().unwrap();
    new.wait().unwrap();
}

/// Containers may share the folder: a process of another PID namespace is alive although it has no PID here.
#[test]
fn agent_in_other_pid_namespace_is_kept() {
    let inside = ["--pid", "--fork", "--kill-child"];
    if !Command::new("unshare").args(inside).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this system does not permit a new PID namespace");
        return;
    }
    let place = Place::new();
    let path = place.world.path("run/ec2ssh/agent");
    let start = |path: &Path| {
        let mut command = place.world.command("unshare");
        command.args(inside).arg(crate::support::BINARY).args(Proxy::line(&place, path).split(' '));
        Proxy::of(command)
    };
    let _inside = start(&path);
    let key = || {
        let mut add = place.world.command(tool("ssh-add"));
        Run::of(add.arg("-L").env("SSH_AUTH_SOCK", &path).output().unwrap()).expect(0).out()
    };
    let before = key();
    // One agent from this namespace and one from another sweep the folder as they start.
    let _here = Proxy::start(&place, &place.world.path("run/ec2ssh/other"));
    let _there = start(&place.world.path("run/ec2ssh/third"));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(key(), before);
    assert!(before.starts_with("ssh-ed25519 "), "{before}");
}

/// The agent's folder must be the user's alone (mode 0700), and its path must not be too long for a socket.
#[test]
fn shared_agent_folder_is_refused() {
    let place = Place::new();
    fs::create_dir(place.world.path("run/ec2ssh")).unwrap();
    fs::set_permissions(place.world.path("run/ec2ssh"), fs::Permissions::from_mode(0o777)).unwrap();
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("must be a folder of your own with mode 0700"), "{run}");
    let long = "x".repeat(100);
    let line = Proxy::line(&place, &place.world.path("run").join(long));
    let run = place.world.run(&line);
    assert!(run.code == 255 && run.stderr.contains("too long for a socket"), "{run}");
}
