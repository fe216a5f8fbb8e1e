//! In a real terminal: raw mode and its end on every way out, resize, Ctrl-C, escapes, suspend, questions.

use std::process::Command;
use std::time::Duration;

use ec2ssh_lab::{HostKey, Instance, Sshd};

use crate::support::RealSshd;
use crate::support::pty::Terminal;
use crate::support::{ID, World, keygen};

/// A world whose host key is known already, and a session in it under a shell that says how it ended.
fn session(command: &str) -> (World, Terminal) {
    let (world, port) = World::with_instance();
    world.run(&format!("-q --host-keys accept-new -p {port} my-instance true")).expect(0);
    let line = format!(
        "\"$EC2SSH\" -tt -p {port} my-instance {command}; echo \"status $?\"; stty -a | grep -o '.icanon\\|.echo '"
    );
    let terminal = Terminal::run(&world, &line);
    (world, terminal)
}

/// That the session is over, with this status, and the terminal is as it was.
#[track_caller]
fn assert_restored(terminal: &mut Terminal, status: u32) {
    terminal.wait_for(&format!("status {status}"));
    terminal.wait();
    let text = terminal.text();
    assert!(!text.contains("-icanon") && !text.contains("-echo "), "{text}");
    assert!(!terminal.is_raw());
}

fn ec2ssh_pid(terminal: &Terminal) -> String {
    let shell = terminal.child.process_id().unwrap().to_string();
    let output = Command::new("pgrep").args(["-P", &shell, "ec2ssh"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_shell_has_raw_mode_its_size_and_its_term_and_gives_the_terminal_back() {
    let (_world, mut terminal) = session("/bin/sh");
    terminal.wait_raw(true);
    terminal.type_in("stty size; echo $TERM; exit 5\r");
    terminal.wait_for("24 80");
    terminal.wait_for("xterm-256color");
    assert_restored(&mut terminal, 5);
}

#[test]
fn a_resize_reaches_the_far_side_and_ctrl_c_too() {
    let (_world, mut terminal) = session("/bin/sh");
    terminal.wait_raw(true);
    terminal.resize(40, 100);
    terminal.type_in("sleep 0.3; stty size\r");
    terminal.wait_for("40 100");
    terminal.resize(10, 60);
    terminal.type_in("sleep 0.3; stty size\r");
    terminal.wait_for("10 60");
    terminal.type_in("trap 'echo caught' INT; sleep 30\r");
    std::thread::sleep(Duration::from_millis(300));
    terminal.type_in("\u{3}");
    terminal.wait_for("caught");
    terminal.type_in("exit\r");
    terminal.wait_for("status");
}

#[test]
fn the_escapes() {
    let (_world, mut terminal) = session("/bin/sh");
    terminal.wait_raw(true);
    terminal.type_in("\r~?");
    terminal.wait_for("~.   end the session");
    terminal.type_in("\r~~");
    terminal.type_in("x\r");
    terminal.wait_for("~x");
    terminal.type_in("\r~.");
    terminal.wait_for("Disconnected (~.).");
    assert_restored(&mut terminal, 255);
}

#[test]
fn the_way_out_works_while_the_far_side_takes_nothing() {
    // Asleep, it reads nothing; its pty and our windows fill up.
    let (_world, mut terminal) = session("'stty raw -echo; echo ready; sleep 60'");
    terminal.wait_for("ready");
    for _ in 0..200 {
        terminal.type_in(&"x".repeat(1000));
    }
    terminal.type_in("\r~.");
    assert_restored(&mut terminal, 255);
}

#[test]
fn signals_and_their_statuses_restore_the_terminal() {
    for (signal, status) in [("-TERM", 143), ("-HUP", 129)] {
        let (_world, mut terminal) = session("/bin/sh");
        terminal.wait_raw(true);
        Command::new("kill").args([signal, &ec2ssh_pid(&terminal)]).status().unwrap();
        assert_restored(&mut terminal, status);
    }
}

#[test]
fn a_stop_from_outside_gives_the_terminal_back_and_takes_it_again() {
    let (_world, mut terminal) = session("/bin/sh");
    terminal.wait_raw(true);
    let pid = ec2ssh_pid(&terminal);
    Command::new("kill").args(["-TSTP", &pid]).status().unwrap();
    terminal.wait_raw(false);
    Command::new("kill").args(["-CONT", &pid]).status().unwrap();
    terminal.wait_raw(true);
    terminal.type_in("exit 4\r");
    assert_restored(&mut terminal, 4);
}

#[test]
fn a_server_that_dies_ends_the_session_with_one_clear_line() {
    let (world, _) = World::with_instance();
    let sshd = RealSshd::start(&world.cloud, ID, "");
    world.run(&format!("-q --host-keys accept-new -p {} {}@my-instance true", sshd.port, sshd.user)).expect(0);
    let line = format!("\"$EC2SSH\" -p {} {}@my-instance; echo \"status $?\"", sshd.port, sshd.user);
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_raw(true);
    terminal.type_in("kill -9 $(ps -o ppid= -p $$)\r");
    terminal.wait_for("status 255");
    let text = terminal.text();
    assert!(text.contains("the connection was lost"), "{text}");
    assert!(!terminal.is_raw());
}

#[test]
fn a_new_host_key_is_asked_for_and_the_answer_kept() {
    let (world, _) = World::with_instance();
    let host_key = HostKey::fresh();
    let port = world.cloud.sshd(ID, Sshd { host_key: host_key.clone(), ..Sshd::default() });
    let line = format!("\"$EC2SSH\" -p {port} my-instance echo in; echo \"status $?\"");
    let answers: [(&str, u32); 4] = [("no", 255), ("maybe\rno", 255), ("SHA256:another", 255), ("FINGERPRINT", 0)];
    for (answer, status) in answers {
        let mut terminal = Terminal::run(&world, &line);
        terminal.wait_for("Is it the instance's? (yes/no/paste the fingerprint)");
        let text = terminal.text().replace('\n', "");
        assert!(text.contains(&host_key.fingerprint()), "{text}");
        terminal.type_in(&format!("{}\r", answer.replace("FINGERPRINT", &host_key.fingerprint())));
        terminal.wait_for(&format!("status {status}"));
    }
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("status 0");
    assert!(!terminal.text().contains("not known yet"));
}

#[test]
fn a_long_thought_about_the_host_key_is_followed_by_a_fresh_push() {
    let (world, port) = World::with_instance();
    let line = format!("\"$EC2SSH\" -v -p {port} my-instance echo in; echo \"status $?\"");
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("(yes/no/paste the fingerprint)");
    // The pushed key dies while the person thinks.
    std::thread::sleep(Duration::from_secs(46));
    world.cloud.age_keys(Duration::from_secs(60));
    terminal.type_in("yes\r");
    terminal.wait_for("status 0");
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 2);
}

#[test]
fn a_server_that_has_no_patience_with_the_question_is_called_again() {
    let (world, _) = World::with_instance();
    let sshd = RealSshd::start(&world.cloud, ID, "LoginGraceTime 2");
    let line = format!("\"$EC2SSH\" -p {} {}@my-instance echo in; echo \"status $?\"", sshd.port, sshd.user);
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("(yes/no/paste the fingerprint)");
    std::thread::sleep(Duration::from_secs(4));
    terminal.type_in("yes\r");
    terminal.wait_for("status 0");
}

#[test]
fn one_of_several_is_chosen_on_the_terminal() {
    let (world, port) = World::with_instance();
    world.cloud.add(Instance::named("i-0123456789abcde02", "my-other"));
    let line = format!("\"$EC2SSH\" --dry-run -p {port} my-; echo \"status $?\"");
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("Which one? (1-2, or Enter for none)");
    terminal.type_in("7\r");
    terminal.wait_for("A number from 1 to 2:");
    terminal.type_in("2\r");
    terminal.wait_for("status 0");
    assert!(terminal.text().contains("my-other"), "{}", terminal.text());
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("Which one?");
    terminal.type_in("\r");
    terminal.wait_for("status 255");
}

#[test]
fn a_stopped_instance_is_started_after_a_yes_only() {
    let (world, port) = World::with_instance();
    world.cloud.add(Instance::named(ID, "my-instance").state("stopped"));
    let line =
        format!("\"$EC2SSH\" -q --host-keys accept-new --start -p {port} my-instance echo in; echo \"status $?\"");
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("Start it? (yes/no)");
    terminal.type_in("no\r");
    terminal.wait_for("status 255");
    assert_eq!(world.cloud.count("StartInstances"), 0);
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("Start it? (yes/no)");
    terminal.type_in("yes\r");
    terminal.wait_for("status 0");
}

#[test]
fn a_key_files_mode_is_offered_to_be_set_and_its_passphrase_asked_for_without_echo() {
    let (world, port) = World::with_instance();
    world.run(&format!("-q --host-keys accept-new -p {port} my-instance true")).expect(0);
    let key = keygen(world.home.path(), "k.pem", &["-t", "ed25519", "-N", "open sesame"]);
    world.cloud.authorize(ID, "ec2-user", &std::fs::read_to_string(world.path("k.pem.pub")).unwrap());
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let line = format!("\"$EC2SSH\" -i k.pem -p {port} my-instance echo in; echo \"status $?\"");
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("Set it to 0400 now? (yes/no)");
    terminal.type_in("yes\r");
    terminal.wait_for("Passphrase for");
    terminal.type_secret("wrong\r");
    terminal.wait_for("That does not open it.");
    terminal.type_secret("open sesame\r");
    terminal.wait_for("status 0");
    let text = terminal.text();
    assert!(!text.contains("sesame") && !text.contains("wrong"), "{text}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o400);
}

#[test]
fn ctrl_c_at_a_passphrase_gives_the_echo_back() {
    let (world, port) = World::with_instance();
    keygen(world.home.path(), "k", &["-t", "ed25519", "-N", "open sesame"]);
    let line = format!(
        "trap '' INT; (trap - INT; exec \"$EC2SSH\" -i k -p {port} my-instance); echo \"status $?\"; stty -a | grep -o '.echo '"
    );
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("Passphrase for");
    std::thread::sleep(Duration::from_millis(200));
    terminal.type_in("\u{3}");
    terminal.wait_for("status 130");
    terminal.wait();
    assert!(!terminal.text().contains("-echo "), "{}", terminal.text());
}

/// The far side stops without a word; the network itself goes on acknowledging. Takes a minute: that is the promise.
#[test]
fn a_dead_session_ends_by_itself_with_one_clear_line() {
    let (world, _) = World::with_instance();
    let sshd = RealSshd::start(&world.cloud, ID, "");
    world.run(&format!("-q --host-keys accept-new -p {} {}@my-instance true", sshd.port, sshd.user)).expect(0);
    let line = format!("\"$EC2SSH\" -p {} {}@my-instance; echo \"status $?\"", sshd.port, sshd.user);
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_raw(true);
    let pids = sshd.sessions();
    assert!(!pids.is_empty());
    let signal = |name: &str| {
        Command::new("kill").arg(name).args(pids.iter().map(u32::to_string)).status().unwrap();
    };
    signal("-STOP");
    std::thread::sleep(Duration::from_secs(50));
    assert!(terminal.is_raw(), "given up too soon");
    terminal.wait_for("the instance stopped answering: 3 keepalives in a row went unanswered");
    terminal.wait_for("status 255");
    assert!(!terminal.is_raw());
    signal("-KILL");
}

const PANIC: &str = "EC2SSH_TEST_PANICS";

/// Not a test by itself: what the next one runs in a terminal.
#[test]
fn child_that_panics_in_raw_mode() {
    if std::env::var_os(PANIC).is_none() {
        return;
    }
    ec2ssh::cli::guarded(|| {
        let raw = ec2ssh::terminal::raw::RawMode::enter().unwrap();
        println!("entered");
        let mut byte = [0];
        std::io::Read::read_exact(&mut std::io::stdin(), &mut byte).unwrap();
        // So that the drop is not what restores it.
        std::mem::forget(raw);
        panic!("as it was asked to");
    });
}

#[test]
fn a_panic_restores_the_terminal() {
    let world = World::empty();
    let itself = std::env::current_exe().unwrap();
    let line = format!(
        "{PANIC}=1 {} --exact terminal::child_that_panics_in_raw_mode --nocapture; echo \"status $?\"",
        itself.display()
    );
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("entered");
    terminal.wait_raw(true);
    terminal.type_in("x");
    terminal.wait_for("Error: ec2ssh has a defect and cannot go on");
    terminal.wait_for("Caused by: as it was asked to (");
    terminal.wait_for("status 255");
    terminal.wait_raw(false);
}

/// Under a shell with job control, as a person has it.
#[test]
fn the_suspend_escape_gives_the_shell_back_and_fg_the_session() {
    let (world, port) = World::with_instance();
    world.run(&format!("-q --host-keys accept-new -p {port} my-instance true")).expect(0);
    let line = format!(
        "set -m; \"$EC2SSH\" -tt -p {port} my-instance /bin/sh; echo \"stopped $?\"; sleep 0.5; fg; echo \"status $?\""
    );
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_raw(true);
    terminal.type_in("echo before\r");
    terminal.wait_for("\nbefore");
    terminal.type_in("\r~\u{1a}");
    terminal.wait_for("ec2ssh suspended; bring it back with: fg");
    terminal.wait_for("stopped ");
    terminal.wait_raw(true);
    terminal.type_in("echo after; exit 6\r");
    // Once as it is typed, which the shell may be too busy to have on its own line, and once as it is said.
    terminal.wait_until("after", |screen| screen.matches("after").count() == 2);
    terminal.wait_for("status 6");
}

/// A session by this line that is asked to suspend itself where nobody could continue it.
fn assert_not_suspended(line: &str) {
    let (world, port) = World::with_instance();
    world.run(&format!("-q --host-keys accept-new -p {port} my-instance true")).expect(0);
    let mut terminal = Terminal::run(&world, &line.replace("PORT", &port.to_string()));
    terminal.wait_raw(true);
    terminal.type_in("\r~\u{1a}");
    terminal.wait_for("not suspended");
    terminal.type_in("exit 3\r");
    assert_eq!(terminal.wait(), 3);
}

#[test]
fn without_a_shell_to_come_back_to_nothing_is_suspended() {
    // As the terminal's own program, and under a shell without job control that would be stopped with it.
    assert_not_suspended("exec \"$EC2SSH\" -tt -p PORT my-instance /bin/sh");
    assert_not_suspended("\"$EC2SSH\" -tt -p PORT my-instance /bin/sh; exit $?");
}

/// As `docker exec` and a container's first program do it: parent and session have the number 0 here.
#[test]
fn a_parent_in_another_pid_namespace_is_nobody_who_could_continue_us() {
    if !Command::new("unshare").args(["--pid", "--fork", "true"]).status().is_ok_and(|status| status.success()) {
        // This system gives nobody a pid namespace.
        return;
    }
    assert_not_suspended("exec unshare --pid --fork \"$EC2SSH\" -tt -p PORT my-instance /bin/sh");
}

#[test]
fn with_a_pty_and_no_input_ctrl_c_still_ends_it() {
    let (world, port) = World::with_instance();
    world.run(&format!("-q --host-keys accept-new -p {port} my-instance true")).expect(0);
    let line = format!("trap : INT; \"$EC2SSH\" -n -tt -p {port} my-instance 'echo up; sleep 30'; echo \"status $?\"");
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("up");
    assert!(!terminal.is_raw());
    terminal.type_in("\u{3}");
    terminal.wait_for("status 130");
}

#[test]
fn a_shell_without_a_pty_where_none_is_wanted() {
    let (world, port) = World::with_instance();
    world.run(&format!("-q --host-keys accept-new -p {port} my-instance true")).expect(0);
    let mut terminal = Terminal::run(&world, &format!("\"$EC2SSH\" -T -p {port} my-instance; echo \"status $?\""));
    terminal.type_in("tty; exit 8\n");
    terminal.wait_for("not a tty");
    assert!(!terminal.is_raw());
    terminal.wait_for("status 8");
    // And a command has one only where it is asked for.
    let mut terminal = Terminal::run(
        &world,
        &format!("\"$EC2SSH\" -p {port} my-instance tty; \"$EC2SSH\" -t -p {port} my-instance tty"),
    );
    terminal.wait_for("not a tty");
    terminal.wait_for("/dev/");
}

#[test]
fn the_list_is_no_wider_than_the_terminal() {
    let world = World::empty();
    world
        .cloud
        .add(Instance::named(ID, "a-name-that-is-much-longer-than-any-terminal-of-eighty-columns-can-show-in-full"));
    let mut terminal = Terminal::run(&world, "\"$EC2SSH\" list; echo \"status $?\"");
    terminal.wait_for("status 0");
    let text = terminal.text();
    assert_eq!(text.lines().count(), 3, "a line was wrapped:\n{text}");
    assert!(text.contains('…') && text.contains("running"), "{text}");
}
