//! Reports about home folders that cannot be written.

use std::process::Command;

use ec2ssh_lab::{Instance, Sshd};

use crate::support::pty::Terminal;
use crate::support::{BINARY, ID, Run, World, tool};

/// Creates a world whose instance has printed its host key on the console.
fn verified_world() -> (World, u16) {
    let world = World::empty();
    world.add_amazon_linux();
    world.cloud.add(Instance::named(ID, "my-instance"));
    let sshd = Sshd::default();
    world.cloud.print_host_keys(ID, &[sshd.host_key.public_line()]);
    let port = world.cloud.sshd(ID, sshd);
    (world, port)
}

/// Creates a command without the folders of its own that the other tests give it.
fn at_home(world: &World, home: &str, program: &str) -> Command {
    let mut command = world.command(program);
    for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
        command.env_remove(name);
    }
    command.env("HOME", home);
    command
}

/// Runs a shell script as root in a mount namespace of its own; `None` where there is none.
fn in_namespace(world: &World, script: &str) -> Option<Run> {
    let works = Command::new(tool("unshare")).args(["-m", "true"]).output().is_ok_and(|run| run.status.success());
    let mut command = at_home(world, &world.home.path().display().to_string(), &tool("unshare").display().to_string());
    command.args(["-m", "/bin/sh", "-c", script]).env("EC2SSH", BINARY);
    works.then(|| Run::of(command.output().unwrap()))
}

fn assert_goes_on(run: Run) {
    let run = run.expect(0);
    assert_eq!(run.out(), "in\n");
    assert_eq!(run.stderr.matches("Warning: the host key of i-0123456789abcde01 is not kept").count(), 1, "{run}");
    assert_eq!(run.stderr.lines().count(), 1, "one warning, and nothing else: {run}");
}

/// A home that is no folder, or does not exist, ended a connection whose host key was verified.
#[test]
fn home_that_is_no_folder_costs_one_warning() {
    let (world, port) = verified_world();
    for home in ["/dev/null", "/proc/nobody"] {
        let mut command = at_home(&world, home, BINARY);
        command.args(["-p", &port.to_string(), "my-instance", "echo in"]);
        assert_goes_on(Run::of(command.output().unwrap()));
    }
    // A container's user without an entry in the password file.
    let mut command = at_home(&world, "", tool("setpriv").to_str().unwrap());
    command.env_remove("HOME").args(["--reuid=54321", "--clear-groups", BINARY]);
    command.args(["-p", &port.to_string(), "my-instance", "echo in"]);
    let run = Run::of(command.output().unwrap());
    if !run.stderr.contains("setpriv:") {
        assert_goes_on(run);
    }
}

#[test]
fn read_only_or_full_home_costs_one_warning() {
    let (world, port) = verified_world();
    let connect = format!("exec \"$EC2SSH\" -p {port} my-instance 'echo in'");
    let read_only = format!("mount --bind \"$HOME\" \"$HOME\" && mount -o remount,bind,ro \"$HOME\" && {connect}");
    let full = format!(
        "mount -t tmpfs -o size=4k none \"$HOME\" && head -c 8192 /dev/zero > \"$HOME/x\" 2>/dev/null; {connect}"
    );
    for script in [read_only, full] {
        if let Some(run) = in_namespace(&world, &script) {
            assert_goes_on(run);
        }
    }
}

/// The home belongs to somebody else: `sudo -u` without `-H`.
#[test]
fn home_of_another_owner_costs_one_warning() {
    let (world, port) = verified_world();
    let mut command = at_home(&world, &world.home.path().display().to_string(), tool("setpriv").to_str().unwrap());
    command.args(["--reuid=65534", "--clear-groups", BINARY, "-p", &port.to_string(), "my-instance", "echo in"]);
    let run = Run::of(command.current_dir("/").output().unwrap());
    if !run.stderr.contains("setpriv:") {
        assert_goes_on(run);
    }
}

/// A key that the user confirmed is not asked about again in the session.
#[test]
fn confirmed_key_is_asked_about_once() {
    let (world, port) = World::with_instance();
    let line =
        format!("HOME=/dev/null XDG_DATA_HOME= XDG_CACHE_HOME= \"$EC2SSH\" -p {port} my-instance 'echo we are in'");
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("paste the fingerprint");
    terminal.type_in("yes\n");
    terminal.wait_for("we are in");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(terminal.text().matches("is not known yet").count(), 1, "{}", terminal.text());
}
