//! Tests in a real terminal: raw mode and its end on every exit path, resize, Ctrl-C, escapes, suspend, prompts.

use std::process::Command;

use ec2ssh_lab::{HostKey, Instance, Sshd};

use crate::support::RealSshd;
use crate::support::pty::{PRINT_MODES, Terminal};
use crate::support::{ID, World, keygen, wait_until};

/// Opens a session to an instance with a known host key, under a shell that prints the exit status and the terminal
/// modes.
fn session(command: &str) -> (World, Terminal) {
    let (world, port) = World::trusted();
    let line = format!("\"$EC2SSH\" -tt -p {port} my-instance {command}; {PRINT_MODES}");
    let terminal = Terminal::run(&world, &line);
    (world, terminal)
}

fn ec2ssh_pid(terminal: &Terminal) -> String {
    let shell = terminal.child.process_id().unwrap().to_string();
    let output = Command::new("pgrep").args(["-P", &shell, "ec2ssh"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// An interactive shell has raw mode, the terminal's size and TERM. Afterwards the terminal is restored.
#[test]
fn shell_session_sets_up_and_restores_terminal() {
    let (_world, mut terminal) = session("/bin/sh");
    terminal.wait_raw(true);
    terminal.type_in("stty size; echo $TERM; exit 5\r");
    terminal.wait_for("24 80");
    terminal.wait_for("xterm-256color");
    terminal.assert_restored(5);
}

#[test]
fn resize_and_ctrl_c_reach_remote_side() {
    let (_world, mut terminal) = session("/bin/sh");
    terminal.wait_raw(true);
    terminal.resize(40, 100);
    terminal.type_in("until stty size | grep '40 1''00'; do sleep 0.1; done\r");
    terminal.wait_for("40 100");
    terminal.resize(10, 60);
    terminal.type_in("until stty size | grep '10 6''0'; do sleep 0.1; done\r");
    terminal.wait_for("10 60");
    terminal.type_in("trap 'echo caught' INT; sh -c 'echo rea\"\"dy; exec sleep 30'\r");
    terminal.wait_for("ready");
    terminal.type_in("\u{3}");
    terminal.wait_for("caught");
    terminal.type_in("exit\r");
    terminal.wait_for("status");
}

#[test]
fn tilde_escapes_are_handled() {
    let (_world, mut terminal) = session("/bin/sh");
    terminal.wait_raw(true);
    terminal.type_in("\r~?");
    terminal.wait_for("~.   end the session");
    terminal.type_in("\r~~");
    terminal.type_in("x\r");
    terminal.wait_for("~x");
    terminal.type_in("\r~.");
    terminal.wait_for("Disconnected (~.).");
    terminal.assert_restored(255);
}

/// The escape ~. ends the session even if the remote side reads nothing and all windows are full.
#[test]
fn disconnect_escape_works_with_full_windows() {
    // The sleeping command reads nothing, so its pty and our windows fill up.
    let (_world, mut terminal) = session("'stty raw -echo; echo ready; sleep 60'");
    terminal.wait_for("ready");
    for _ in 0..200 {
        terminal.type_in(&"x".repeat(1000));
    }
    terminal.type_in("\r~.");
    terminal.assert_restored(255);
}

#[test]
fn signals_restore_terminal_and_set_status() {
    for (signal, status) in [("-TERM", 143), ("-HUP", 129)] {
        let (_world, mut terminal) = session("/bin/sh");
        terminal.wait_raw(true);
        Command::new("kill").args([signal, &ec2ssh_pid(&terminal)]).status().unwrap();
        terminal.assert_restored(status);
    }
}

/// SIGTSTP from another process restores the terminal, and SIGCONT enters raw mode again.
#[test]
fn external_stop_restores_terminal_until_continued() {
    let (_world, mut terminal) = session("/bin/sh");
    terminal.wait_raw(true);
    let pid = ec2ssh_pid(&terminal);
    Command::new("kill").args(["-TSTP", &pid]).status().unwrap();
    terminal.wait_raw(false);
    Command::new("kill").args(["-CONT", &pid]).status().unwrap();
    terminal.wait_raw(true);
    terminal.type_in("exit 4\r");
    terminal.assert_restored(4);
}

#[test]
fn killed_server_ends_session_with_one_line() {
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

/// A new host key is confirmed by pasting its fingerprint. Only then is it stored, and later connections do not ask
/// again.
#[test]
fn confirmed_host_key_is_stored() {
    let (world, _) = World::with_instance();
    let host_key = HostKey::fresh();
    let port = world.cloud.sshd(ID, Sshd { host_key: host_key.clone(), ..Sshd::default() });
    let line = format!("\"$EC2SSH\" -p {port} my-instance echo in; echo \"status $?\"");
    let answers: [(&str, u32); 4] = [("no", 255), ("maybe\rno", 255), ("SHA256:another", 255), ("FINGERPRINT", 0)];
    for (answer, status) in answers {
        let mut terminal = Terminal::run(&world, &line);
        terminal.wait_for("Is this the key of the instance? (yes/no/paste the fingerprint)");
        let text = terminal.text().replace('\n', "");
        assert!(text.contains(&host_key.fingerprint()), "{text}");
        terminal.type_in(&format!("{}\r", answer.replace("FINGERPRINT", &host_key.fingerprint())));
        terminal.wait_for(&format!("status {status}"));
    }
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("status 0");
    assert!(!terminal.text().contains("not known yet"));
}

/// A server whose LoginGraceTime ends during the host key prompt is dialed again.
#[test]
fn login_grace_timeout_during_prompt_reconnects() {
    let (world, _) = World::with_instance();
    let sshd = RealSshd::start(&world.cloud, ID, "LoginGraceTime 2");
    let line = format!("\"$EC2SSH\" -p {} {}@my-instance echo in; echo \"status $?\"", sshd.port, sshd.user);
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("(yes/no/paste the fingerprint)");
    wait_until("sshd gives up", || sshd.sessions().is_empty());
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
    terminal.wait_for("Enter a number from 1 to 2:");
    terminal.type_in("2\r");
    terminal.wait_for("status 0");
    assert!(terminal.text().contains("my-other"), "{}", terminal.text());
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("Which one?");
    terminal.type_in("\r");
    terminal.wait_for("status 255");
}

#[test]
fn stopped_instance_starts_only_after_yes() {
    let (world, port) = World::with_instance();
    world.cloud.add(Instance::named(ID, "my-instance").state("stopped"));
    let line = format!(
        "\"$EC2SSH\" --host-keys accept-new --start -p {port} my-instance 'echo in; sleep 1'; echo \"status $?\""
    );
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("Start it? (yes/no)");
    terminal.type_in("no\r");
    terminal.wait_for("status 255");
    assert_eq!(world.cloud.count("StartInstances"), 0);
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("Start it? (yes/no)");
    terminal.type_in("yes\r");
    terminal.wait_for("to run (");
    terminal.wait_for("status 0");
    // The progress is gone when the session begins.
    assert!(!terminal.text().contains("waiting"), "{}", terminal.text());
}

/// A prompt offers to set the mode of a key file, and its passphrase is read without echo.
#[test]
fn key_file_prompts_fix_mode_and_hide_passphrase() {
    let (world, port) = World::trusted();
    let key = keygen(world.home.path(), "k.pem", &["-t", "ed25519", "-N", "open sesame"]);
    world.cloud.authorize(ID, "ec2-user", &std::fs::read_to_string(world.path("k.pem.pub")).unwrap());
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let line = format!("\"$EC2SSH\" -i k.pem -p {port} my-instance echo in; echo \"status $?\"");
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("Set it to 0400 now? (yes/no)");
    terminal.type_in("yes\r");
    terminal.wait_for("Passphrase for");
    terminal.type_secret("wrong\r");
    terminal.wait_for("Wrong passphrase.");
    terminal.type_secret("open sesame\r");
    terminal.wait_for("status 0");
    let text = terminal.text();
    assert!(!text.contains("sesame") && !text.contains("wrong"), "{text}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o400);
}

#[test]
fn ctrl_c_at_passphrase_restores_echo() {
    let (world, port) = World::with_instance();
    keygen(world.home.path(), "k", &["-t", "ed25519", "-N", "open sesame"]);
    let line = format!(
        "trap '' INT; (trap - INT; exec \"$EC2SSH\" -i k -p {port} my-instance); echo \"status $?\"; stty -a | grep -o '.echo '"
    );
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("Passphrase for");
    terminal.wait_for_no_echo();
    terminal.type_in("\u{3}");
    terminal.wait_for("status 130");
    terminal.wait();
    assert!(!terminal.text().contains("-echo "), "{}", terminal.text());
}

const PANIC: &str = "EC2SSH_TEST_PANICS";

/// Helper of the next test, which runs it in a terminal; without the variable it does nothing.
#[test]
fn child_that_panics_in_raw_mode() {
    if std::env::var_os(PANIC).is_none() {
        return;
    }
    ec2ssh::internals::with_panic_hook(|| {
        let raw = ec2ssh::internals::RawMode::enter().unwrap();
        println!("entered");
        let mut byte = [0];
        std::io::Read::read_exact(&mut std::io::stdin(), &mut byte).unwrap();
        // Without this, dropping `raw` would restore the terminal.
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
    terminal.wait_for("Error: internal error (panic)");
    terminal.wait_for("Caused by: as it was asked to (");
    terminal.wait_for("status 255");
    terminal.wait_raw(false);
}

/// The session runs under a shell with job control, as in interactive use.
#[test]
fn suspend_escape_returns_to_shell_until_fg() {
    let (world, port) = World::trusted();
    let line = format!(
        "set -m; \"$EC2SSH\" -tt -p {port} my-instance /bin/sh; echo \"stopped $?\"; sleep 0.5; fg; echo \"status $?\""
    );
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_raw(true);
    terminal.type_in("echo before\r");
    terminal.wait_until("before", |screen| screen.matches("before").count() == 2);
    terminal.type_in("\r~\u{1a}");
    terminal.wait_for("ec2ssh suspended; resume with: fg");
    terminal.wait_for("stopped ");
    terminal.wait_raw(true);
    terminal.type_in("echo after; exit 6\r");
    // The word appears twice: as echoed input, which is not always on a line of its own because the shell may be busy,
    // and as output.
    terminal.wait_until("after", |screen| screen.matches("after").count() == 2);
    terminal.wait_for("status 6");
}

/// Checks that a session is not suspended where nothing could resume it.
fn assert_not_suspended(line: &str) {
    let (world, port) = World::trusted();
    let mut terminal = Terminal::run(&world, &line.replace("PORT", &port.to_string()));
    terminal.wait_raw(true);
    terminal.type_in("\r~\u{1a}");
    terminal.wait_for("not suspended");
    terminal.type_in("exit 3\r");
    assert_eq!(terminal.wait(), 3);
}

#[test]
fn no_suspend_without_job_control() {
    // ec2ssh runs as the terminal's own program, and under a shell without job control that would be stopped with it.
    assert_not_suspended("exec \"$EC2SSH\" -tt -p PORT my-instance /bin/sh");
    assert_not_suspended("\"$EC2SSH\" -tt -p PORT my-instance /bin/sh; exit $?");
}

/// As with `docker exec` or the first program of a container, the ids of the parent and of the session are 0.
#[test]
fn no_suspend_with_parent_in_other_namespace() {
    if !Command::new("unshare").args(["--pid", "--fork", "true"]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this system does not permit a new PID namespace");
        return;
    }
    assert_not_suspended("exec unshare --pid --fork \"$EC2SSH\" -tt -p PORT my-instance /bin/sh");
}

#[test]
fn ctrl_c_ends_session_without_input() {
    let (world, port) = World::trusted();
    let line = format!("trap : INT; \"$EC2SSH\" -n -tt -p {port} my-instance 'echo up; sleep 30'; echo \"status $?\"");
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("up");
    assert!(!terminal.is_raw());
    terminal.type_in("\u{3}");
    terminal.wait_for("status 130");
}

#[test]
fn pty_is_allocated_only_if_wanted() {
    let (world, port) = World::trusted();
    let mut terminal = Terminal::run(&world, &format!("\"$EC2SSH\" -T -p {port} my-instance; echo \"status $?\""));
    terminal.type_in("tty; exit 8\n");
    terminal.wait_for("not a tty");
    assert!(!terminal.is_raw());
    terminal.wait_for("status 8");
    // A command gets a pty only on request.
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
