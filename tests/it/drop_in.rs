//! The binary where a tool takes an ssh program: rsync, scp, sftp, git, ansible; and ssh's own options in all their places.

use std::fs;
use std::path::Path;

use crate::support::forwarding::Real;
use crate::support::{BINARY, Run, tool};

/// The options that every tool needs here, for the config file: the port and the user of the test's sshd.
fn real() -> Real {
    let real = Real::start("");
    real.world.config(&format!("[defaults]\nport = {}\nuser = \"{}\"\n", real.sshd.port, real.sshd.user));
    real
}

#[test]
fn rsync_scp_and_sftp_take_it() {
    let real = real();
    let world = &real.world;
    fs::create_dir(world.path("tree")).unwrap();
    for number in 0..20 {
        fs::write(world.path(&format!("tree/{number}")), vec![number; 10_000]).unwrap();
    }
    let target = |name: &str| format!("my-instance:{}", world.path(name).display());
    let mut rsync = world.command(tool("rsync"));
    Run::of(rsync.args(["-a", "-e", BINARY, "tree/", &target("rsync/")]).output().unwrap()).expect(0);
    let mut scp = world.command(tool("scp"));
    Run::of(scp.args(["-q", "-r", "-S", BINARY, "tree", &target("scp")]).output().unwrap()).expect(0);
    let mut old = world.command(tool("scp"));
    Run::of(old.args(["-O", "-q", "-r", "-S", BINARY, &target("tree"), "old"]).output().unwrap()).expect(0);
    let mut sftp = world.command(tool("sftp"));
    sftp.args(["-q", "-S", BINARY, "-b", "-", "my-instance"]);
    let batch = format!("mkdir {0}\nput tree/7 {0}/7\n", world.path("sftp").display());
    world.run_with_input(sftp, batch.as_bytes()).expect(0);
    for copy in ["rsync", "scp", "old", "sftp"] {
        assert_eq!(fs::read(world.path(&format!("{copy}/7"))).unwrap(), vec![7; 10_000], "{copy}");
    }
}

/// Git finds out by `-G` that it is given an ssh with ssh's options.
#[test]
fn git_takes_it() {
    let real = real();
    let home = real.world.home.path();
    let git = |words: &[&str]| {
        let mut git = real.world.command(tool("git"));
        git.args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.version=2"])
            .args(words)
            .env("GIT_SSH", BINARY);
        Run::of(git.current_dir(home).output().unwrap()).expect(0)
    };
    git(&["init", "-q", "origin"]);
    git(&["-C", "origin", "commit", "-q", "--allow-empty", "-m", "first"]);
    let port = real.sshd.port;
    git(&["clone", "-q", &format!("ssh://my-instance:{port}{}/origin", home.display()), "clone"]);
    assert!(git(&["-C", "clone", "log", "--oneline"]).out().contains("first"));
}

#[test]
fn ansible_takes_it() {
    let ansible = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/ansible");
    assert!(ansible.is_file(), "ansible is not installed: run `make test`, which installs it");
    let real = real();
    let mut command = real.world.command(&ansible);
    command.args(["my-instance", "-i", "my-instance,", "-m", "ping", "-u", &real.sshd.user, "-T", "20"]);
    command.env("ANSIBLE_SSH_EXECUTABLE", BINARY).env("ANSIBLE_SSH_TRANSFER_METHOD", "piped");
    command.env("ANSIBLE_HOME", real.world.path("ansible")).env("ANSIBLE_NOCOLOR", "1");
    command.env("ANSIBLE_PYTHON_INTERPRETER", tool("python3"));
    let run = Run::of(command.output().unwrap());
    assert!(run.code == 0 && run.out().contains("\"ping\": \"pong\""), "{run}");
}

/// As in ssh, options stand before or behind the target, glued to their values or not, until the command begins.
#[test]
fn options_stand_where_ssh_takes_them() {
    let real = Real::start("");
    let (port, user) = (real.sshd.port, &real.sshd.user);
    for line in [
        format!("-p {port} -l {user} my-instance echo -n on"),
        format!("-p{port} -l{user} my-instance echo -n on"),
        format!("my-instance -p {port} -l {user} echo -n on"),
        format!("-x my-instance -p {port} -a -k -o User={user} -- echo -n on"),
        format!("-xTnp{port} -oUser={user} my-instance echo -n on"),
        format!("-2 -4 -C -e none -oPort={port} -o Compression=yes {user}@my-instance echo -n on"),
        format!("-F none -p {port} {user}@my-instance echo -n on"),
    ] {
        let run = real.world.run(&line).expect(0);
        assert_eq!((run.out().as_str(), run.stderr.as_str()), ("on", ""), "{line}");
    }
    // Behind the command's first word everything is the command's.
    let run = real.world.run(&format!("-p {port} -l {user} my-instance echo -p 1 -N")).expect(0);
    assert_eq!(run.out(), "-p 1 -N\n");
    let run = real.world.run(&format!("-G -p {port} -l {user} my-instance")).expect(0);
    assert!(run.out().contains(&format!("{port}")) && run.out().contains(user.as_str()), "{run}");
}

/// An option that would change something and that is lacking ends it, with the way out.
#[test]
fn lacking_options_end_it() {
    let real = Real::start("");
    let calls = real.world.cloud.calls().len();
    for option in [
        "-X",
        "-Y",
        "-M",
        "-w any",
        "-b 127.0.0.1",
        "-B lo",
        "-c aes128-ctr",
        "-m hmac-sha2-256",
        "-I lib",
        "-E log",
        "-S path",
        "-O check",
        "-K",
        "-y",
    ] {
        let run = real.world.run(&format!("{option} my-instance true")).expect(255);
        let letter = &option[..2];
        assert!(
            run.stderr.starts_with(&format!("Error: ec2ssh does not have ssh's option {letter}\nHint: use ssh")),
            "{option}: {run}"
        );
    }
    assert_eq!(real.world.cloud.calls().len(), calls);
}

#[test]
fn unknown_options_are_errors() {
    let real = Real::start("");
    let run = real.world.run(&real.line("-o Usr=x", "true")).expect(255);
    assert_eq!(run.stderr, "Error: ssh has no option \"Usr\"\nHint: the options are those of ssh: man ssh_config\n");
    let run = real.world.run(&real.line("-o Port=x", "true")).expect(255);
    assert!(
        run.stderr.starts_with("Error: invalid value \"x\" for Port: a port is a number from 1 to 65535\n"),
        "{run}"
    );
    let run = real.world.run(&real.line("-o Ciphers=aes128-ctr", "echo on")).expect(0);
    assert!(run.out() == "on\n" && run.stderr.starts_with("Warning: ec2ssh does not have Ciphers; ssh does"), "{run}");
}

/// In the background: it returns once the forward stands, and leaves nothing of the caller's open.
#[test]
fn background_begins_with_standing_forwards() {
    let real = Real::start("");
    let (target, port) = (crate::support::forwarding::mirror(), crate::support::forwarding::free_port());
    let run = real.world.run(&real.line(&format!("-f -N -L {port}:localhost:{target}"), "")).expect(0);
    assert_eq!(run.stderr, "");
    assert_eq!(crate::support::forwarding::exchange(crate::support::forwarding::connect(port), b"abc"), b"cba");
    for pid in real.sshd.sessions() {
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    crate::support::wait_until("it ends with its connection", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_err()
    });
    // A command's output arrives all the same.
    let run = real.world.run(&real.line("-f", "sleep 0.3; echo done")).expect(0);
    assert_eq!(run.out(), "done\n");
    let run = real
        .world
        .run(&real.line("-f -o ExitOnForwardFailure=yes -N -R 1:localhost:1 -L 0:localhost:1 -R 99999999999:x:1", ""));
    assert_eq!(run.code, 255, "{run}");
    let run = real.world.run(&real.line("-f", "")).expect(255);
    assert!(run.stderr.starts_with("Error: -f needs a command to run in the background, or -N\n"), "{run}");
}
