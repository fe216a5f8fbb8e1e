//! Reports of people who have used ssh for years: what felt different.

use std::process::Stdio;
use std::time::Duration;

use crate::support::pty::Terminal;
use crate::support::{ID, RealSshd, Run, World, wait_until};

/// Creates a world with a real sshd that accepts what the distributions' sshd_config does, and the beginning of a command line.
fn world() -> (World, RealSshd, String) {
    let world = World::empty();
    world.add_amazon_linux();
    world.cloud.add(ec2ssh_lab::Instance::named(ID, "web-1"));
    let sshd = RealSshd::start(&world.cloud, ID, "AcceptEnv LANG LC_* COLORTERM APP_*");
    let line = format!("--host-keys accept-new -p {} {}@web-1", sshd.port, sshd.user);
    (world, sshd, line)
}

/// Texts were in the server's language, and umlauts were question marks.
#[test]
fn language_and_colors_go_to_the_server() {
    let (world, _sshd, line) = world();
    let show = || {
        let mut command = world.ec2ssh(&format!("-q {line}"));
        command.arg("echo $LANG,$LC_TIME,$COLORTERM,$APP_A,$SECRET_A");
        command.env("LANG", "C.UTF-8").env("LC_TIME", "POSIX").env("COLORTERM", "truecolor");
        Run::of(command.env("APP_A", "a").env("SECRET_A", "b").output().unwrap()).expect(0).out()
    };
    assert_eq!(show(), "C.UTF-8,POSIX,truecolor,,\n");
    world.config("[[host]]\nmatch = \"web-*\"\nsend-env = [\"APP_*\"]\n");
    assert_eq!(show(), "C.UTF-8,POSIX,truecolor,a,\n");
}

/// `less` and `vim` did not know the terminal.
#[test]
fn new_terminal_arrives_as_an_xterm() {
    let (world, _sshd, line) = world();
    let shown = |term: &str| {
        let mut terminal = Terminal::run(&world, &format!("TERM={term} \"$EC2SSH\" -q -t {line} 'echo \"[$TERM]\"'"));
        terminal.wait_for("]");
        terminal.text().trim().to_owned()
    };
    assert_eq!(shown("xterm-kitty"), "[xterm-256color]");
    assert_eq!(shown("screen"), "[screen]");
    world.config("[defaults]\nterm = \"xterm-kitty\"\n");
    assert_eq!(shown("screen"), "[xterm-kitty]");
}

/// An alias with an option made a second one of the same name an error. As with the AWS CLI and ssh, the last one counts.
#[test]
fn last_of_two_options_counts() {
    let (world, _sshd, line) = world();
    world.run(&format!("-q -p 1 --via ssm --via direct {line} true")).expect(0);
    let plan = world.run("--dry-run --region us-east-1 --region eu-west-1 -l a -l b -6 -4 --oldest --newest web-1");
    assert!(plan.out().contains("user       b"), "{plan}");
    let mut terminal = Terminal::run(&world, &format!("\"$EC2SSH\" -q -t -T {line} 'tty; echo end'"));
    terminal.wait_for("not a tty");
    // Those that add up still do.
    let block = world.run("config print --match a-* --match b-*").expect(0).out();
    assert!(block.contains("i-*,a-*,b-*"), "{block}");
}

/// A session in which nothing happens woke ten times a second.
#[test]
fn idle_connection_does_not_wake() {
    let (world, sshd, line) = world();
    for options in ["-N", ""] {
        let mut command = world.ec2ssh(&format!("-q {options} {line}"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        wait_until("the login", || !sshd.sessions().is_empty());
        // A login does some more work behind it.
        std::thread::sleep(Duration::from_secs(2));
        let wakes = || wakeups(child.id());
        let before = wakes();
        std::thread::sleep(Duration::from_secs(3));
        let after = wakes();
        assert!(after - before <= 3, "{options}: {} times in 3 s", after - before);
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until("its end", || sshd.sessions().is_empty());
    }
}

/// Returns how often the threads of a process have waited and gone on (proc(5)).
fn wakeups(pid: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let count = |path: std::path::PathBuf| {
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap_or("0");
        line.trim().parse::<u64>().unwrap()
    };
    threads.map(|thread| count(thread.path().join("status"))).sum()
}
