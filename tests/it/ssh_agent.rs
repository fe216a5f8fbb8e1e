//! The agent behind the block: one key for one login, a path that many share, and what is left of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ec2ssh_lab::Fault;

use crate::support::place::Place;
use crate::support::{ID, Run, keygen, tool};

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
    // A file of the caller's own that `Host *` names is for when ours is not taken.
    let config = fs::read_to_string(&place.config).unwrap() + &format!("IdentityFile {}\n", key.display());
    fs::write(&place.config, config).unwrap();
    place.ssh(&["my-instance", "true"]).expect(0);
    let log = place.sshd.log();
    assert_eq!(log.matches("Accepted publickey").count(), 3, "{log}");
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
        // What is looked for would be found.
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

/// What people ask for most: the push went well, and then ssh says "Permission denied" and no more.
#[test]
fn a_denial_is_explained_and_a_login_by_other_means_is_none() {
    for place in [Place::deaf(), Place::deaf().without_fdpass()] {
        // The words may come a moment after ssh's own end: a file has them all.
        let log = place.world.path("log");
        let mut ssh = place.command("ssh");
        let status = ssh.args(["my-instance", "true"]).stderr(fs::File::create(&log).unwrap()).status().unwrap();
        assert_eq!(status.code(), Some(255));
        place.assert_clean();
        let words = fs::read_to_string(&log).unwrap();
        assert!(words.contains("Permission denied (publickey)"), "{words}");
        assert!(words.contains("If ssh was not let in, this is why:"), "{words}");
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
        Self::of(place.world.ec2ssh(&Self::line(place, path)))
    }

    fn line(place: &Place, path: &Path) -> String {
        format!("proxy --agent {} -p {} -l {} my-instance", path.display(), place.sshd.port, place.sshd.user)
    }

    fn of(mut command: Command) -> Self {
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

/// Two accounts have an instance of the same name. Both agents stand behind one path, and each ssh has its own.
#[test]
fn each_ssh_has_its_own_agent_behind_the_shared_path() {
    let (ours, theirs) = (Place::new(), Place::new());
    // The same path for both, and the second is the younger.
    let path = |place: &Place| format!("{}/run/ec2ssh/", place.world.home.path().display());
    let config = fs::read_to_string(&theirs.config).unwrap().replace(&path(&theirs), &path(&ours));
    let config = config.replace(&format!("Port {}", theirs.sshd.port), &format!("Port {}", ours.sshd.port));
    fs::write(&theirs.config, config).unwrap();
    // The config file has the other's real port: the name of the path is the same.
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

/// While sessions stand, no agent of theirs does: each was seen to log in by its own.
#[test]
fn agents_end_with_the_login_also_where_many_begin_at_once() {
    let place = Place::new();
    let mark = |n: u32| place.world.path(&format!("mark{n}"));
    let children: Vec<Child> = (0..5)
        .map(|n| {
            let command = format!("touch {}; sleep 60", mark(n).display());
            place.command("ssh").args(["my-instance", &command]).spawn().unwrap()
        })
        .collect();
    let begun = Instant::now();
    while !(0..5).all(|n| mark(n).exists()) {
        assert!(begun.elapsed() < Duration::from_secs(20), "not all have begun");
        std::thread::sleep(Duration::from_millis(20));
    }
    place.assert_clean();
    for mut child in children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// With `-A` the far side has no say: ssh tells the agent whom a connection is for.
#[test]
fn a_forwarded_agent_does_nothing_for_the_far_side() {
    let place = Place::plain();
    let path = place.world.path(&format!("run/ec2ssh/{}@my-instance:{}", place.sshd.user, place.sshd.port));
    // Another login to the same name stands between connecting and logging in: its agent is behind the path.
    let _waiting = Proxy::start(&place, &path);
    let list = |options: &[&str]| place.ssh(&[options, &["my-instance", "ssh-add -L; true"]].concat()).expect(0);
    let run = list(&["-A"]);
    assert!(!run.out().contains("ssh-ed25519"), "{run}");
    // One's own is forwarded by its path.
    let socket = place.world.path("agent");
    let key = keygen(place.world.home.path(), "mine", &["-t", "ed25519", "-N", ""]);
    let mut agent = place.world.command(tool("ssh-agent")).args(["-D", "-a"]).arg(&socket).spawn().unwrap();
    while !socket.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let added = place.world.command(tool("ssh-add")).env("SSH_AUTH_SOCK", &socket).arg(&key).output().unwrap();
    assert!(added.status.success());
    let run = list(&["-o", &format!("ForwardAgent={}", socket.display())]);
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert!(fs::read_to_string(key.with_extension("pub")).unwrap().starts_with(run.out().trim()), "{run}");
    assert!(run.out().contains("ssh-ed25519"), "{run}");
}

#[test]
fn nothing_is_dumped() {
    let place = Place::new();
    let path = place.world.path("run/ec2ssh/agent");
    let proxy = Proxy::start(&place, &path);
    let limits = fs::read_to_string(format!("/proc/{}/limits", proxy.0.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}

/// A folder of somebody else's: nothing in it is touched but what has our form.
#[test]
fn what_is_not_ours_is_not_swept() {
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
    let left = place.leftovers();
    assert!(!left.is_empty());
    let next = Proxy::start(&place, &place.world.path("run/ec2ssh/other"));
    let now = place.leftovers();
    assert!(!now.iter().any(|now| left.contains(now)), "{left:?} {now:?}");
    drop(next);
}

/// A newcomer to the path that has no connection yet is not asked by anybody.
#[test]
fn who_is_not_connected_does_not_stand_behind_the_path() {
    let place = Place::new();
    let path = place.world.path("run/ec2ssh/agent");
    place.world.cloud.fail("GetConsoleOutput", Fault::Hang, 2);
    let _old = Proxy::start(&place, &path);
    // For an older ssh it waits for the console before it goes on.
    let line = Proxy::line(&place, &path) + &format!(" --known-hosts {}", place.world.path("kh").display());
    let mut new = place.world.ec2ssh(&line).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    while place.world.cloud.count("GetConsoleOutput") < 2 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let agents = || place.leftovers().iter().filter(|left| left.contains("/run/ec2ssh/.")).count();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(agents(), 1, "{:?}", place.leftovers());
    let mut add = place.world.command(tool("ssh-add"));
    let run = Run::of(add.arg("-L").env("SSH_AUTH_SOCK", &path).output().unwrap()).expect(0);
    assert!(run.out().starts_with("ssh-ed25519 "), "{run}");
    new.kill().unwrap();
    new.wait().unwrap();
}

/// Containers may share the folder: a process of another pid namespace has no number here, and lives.
#[test]
fn an_agent_in_another_pid_namespace_is_not_swept() {
    let inside = ["--pid", "--fork", "--kill-child"];
    if !Command::new("unshare").args(inside).arg("true").status().is_ok_and(|status| status.success()) {
        // This system gives nobody a pid namespace.
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
    // One of here and one of there sweep as they come.
    let _here = Proxy::start(&place, &place.world.path("run/ec2ssh/other"));
    let _there = start(&place.world.path("run/ec2ssh/third"));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(key(), before);
    assert!(before.starts_with("ssh-ed25519 "), "{before}");
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    let place = Place::new();
    fs::create_dir(place.world.path("run/ec2ssh")).unwrap();
    fs::set_permissions(place.world.path("run/ec2ssh"), fs::Permissions::from_mode(0o777)).unwrap();
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("is not a folder of yours alone"), "{run}");
    let long = "x".repeat(100);
    let line = Proxy::line(&place, &place.world.path("run").join(long));
    let run = place.world.run(&line);
    assert!(run.code == 255 && run.stderr.contains("too long for a socket"), "{run}");
}
