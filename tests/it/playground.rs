//! The playground, as a newcomer runs it: its tour line by line, its end, and what it leaves behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::pty::Terminal;
use crate::support::{BINARY, Run, World, comes_true, wait_until};

/// The list that the playground shows.
const TOUR: &str = include_str!("../../examples/playground/tour.txt");

/// The program, which is built beside the tests.
fn program() -> PathBuf {
    Path::new(BINARY).parent().unwrap().join("examples/playground")
}

/// Returns the line that runs the playground in this folder for temporary files.
fn line(world: &World, shell: &str) -> String {
    let temporary = world.path("tmp");
    std::fs::create_dir_all(&temporary).unwrap();
    format!("TMPDIR='{}' {shell} '{}'; echo \"ended with $?\"", temporary.display(), program().display())
}

fn folders(world: &World) -> usize {
    std::fs::read_dir(world.path("tmp")).unwrap().count()
}

/// The text that is typed after a line of the tour, each answer after its question, and what is seen at the end.
fn answers(command: &str) -> (&'static [(&'static str, &'static str)], &'static str) {
    match command {
        "ec2ssh list" => (&[], "batch-1 "),
        "ec2ssh info web-2" => (&[], "metadata     IMDSv2 only"),
        "ec2ssh doctor --via ssm db-1" => (&[], "no SSM Agent has ever reported"),
        "ec2ssh metadata web-2 meta-data/placement/region" => (&[], "eu-west-1"),
        "ec2ssh my-instance uptime" => (&[], "load average"),
        "ec2ssh web" => (&[("Which one?", "2\r"), ("[ec2-user@web-2 ~]", "exit\r")], "exit"),
        "ec2ssh --start sleeper" => (&[("Start it?", "yes\r"), ("[ec2-user@sleeper ~]", "exit\r")], "exit"),
        "ec2ssh web-1 cat README" => (&[("Is this the key", "yes\r")], "This is web-1"),
        "ec2ssh db-1 cat README" => (&[], "This is db-1"),
        "ec2ssh batch-1 cat README" => (&[], "This is batch-1"),
        "ec2ssh forward db-1 :8080" => (&[(" to localhost:8080 on db-1", "\u{3}")], "^C"),
        "ec2ssh --offline my-instance" => (&[("[ec2-user@my-instance ~]", "exit\r")], "exit"),
        "ec2ssh ssm batch-1" => (&[("[ssm-user@batch-1]$", "cat README\r"), ("This is batch-1", "exit\r")], "exit"),
        "ec2ssh rdp --print win-1" => (&[("127.0.0.1:", "\u{3}")], "^C"),
        "ec2ssh serial my-instance" => (&[("[ec2-user@my-instance ~]", "exit\r")], "exit"),
        "ec2ssh known-hosts" => (&[], "SHA256:"),
        "ec2ssh config print --match 'web-*' > ~/.ssh/config" => (&[], "playground:"),
        "ssh ec2-user@web-2" => (&[("[ec2-user@web-2 ~]", "exit\r")], "exit"),
        "rsync -e ec2ssh web-2:README ." => (&[], "playground:"),
        other => panic!("no test knows this line of the tour: {other}"),
    }
}

/// Each line of the tour works word by word, and the screen has room for it.
#[test]
fn tour_works_line_by_line() {
    let world = World::empty();
    let mut terminal = Terminal::run(&world, &line(&world, "env -u SHELL"));
    terminal.wait_for("[ec2-user@my-instance ~]");
    terminal.type_in("exit\r");
    terminal.wait_for("playground:~");
    let screen = terminal.text();
    assert!(screen.contains("ec2ssh list") && screen.contains("The end: exit"), "it does not fit: {screen}");
    for line in TOUR.lines() {
        let command = line.trim().split("   ").next().unwrap().trim_end();
        let command = command.split("  ").next().unwrap();
        terminal.type_in("clear\r");
        terminal.wait_until("an empty screen", |screen| screen.lines().filter(|line| !line.is_empty()).count() == 1);
        terminal.type_in(&format!("{command}\r"));
        let (questions, end) = answers(command);
        for (question, answer) in questions {
            terminal.wait_for(question);
            terminal.type_in(answer);
        }
        terminal.wait_until(end, |screen| {
            let last = screen.lines().rev().find(|line| !line.is_empty()).unwrap_or_default().trim_end();
            screen.contains(end) && last.starts_with("playground:~") && last.ends_with(['#', '$'])
        });
    }
    terminal.type_in("exit\r");
    terminal.wait_for("ended with 0");
    assert_eq!(folders(&world), 0, "something is left behind");
}

#[test]
fn one_command_ends_with_a_word() {
    let world = World::empty();
    let run = |words: &[&str]| {
        let mut command = world.command(program());
        Run::of(command.args(words).stdin(Stdio::null()).output().unwrap())
    };
    let ended = run(&["cat README; exit 7"]).expect(7);
    assert_eq!(ended.out(), "This is my-instance, an instance of the embedded cloud.\n");
    assert!(ended.stderr.contains("That ran on my-instance, in the embedded cloud; its exit status is 7."), "{ended}");
}

/// A closed terminal and a stop left the folder with its keys behind.
#[test]
fn signals_leave_nothing_behind() {
    for signal in ["TERM", "HUP"] {
        let world = World::empty();
        let mut terminal = Terminal::run(&world, &line(&world, "exec env SHELL=/bin/sh"));
        terminal.wait_for("[ec2-user@my-instance ~]");
        assert_eq!(folders(&world), 1);
        let pid = terminal.child.process_id().unwrap();
        assert!(Command::new("/bin/sh").args(["-c", &format!("kill -{signal} {pid}")]).status().unwrap().success());
        wait_until("the folder is removed", || folders(&world) == 0);
        assert!(comes_true(|| terminal.child.try_wait().unwrap().is_some()));
    }
}
