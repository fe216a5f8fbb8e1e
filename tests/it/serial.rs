//! `ec2ssh serial`: the service's API, the host key, and a session with the real ssh, to a real sshd in place of the console's server.

use std::fs;

use ec2ssh_lab::{Fault, Instance};

use crate::support::pty::{PRINT_MODES, Terminal};
use crate::support::{ID, RealSshd, World, wait_until};

const HOST: &str = "serial-console.ec2-instance-connect.eu-west-1.aws";

/// A world with an instance, and a server in place of its region's serial console. ssh's configuration leads its name there.
fn world() -> Option<(World, RealSshd)> {
    let world = World::empty();
    world.cloud.add(Instance::named(ID, "web-1"));
    world.cloud.console(ID, "posted", "[    0.00] Linux version 6.1\r\n\x1b[2Jlogin prompt of late\r\n");
    let user = format!("{ID}.port0");
    let sshd = RealSshd::start_as(&world.cloud, ID, &user, "LogLevel DEBUG1");
    if sshd.user != user {
        // Only root can give the server such a user.
        return None;
    }
    let config = format!("Host {HOST}\n  HostName 127.0.0.1\n  Port {}\n  User nobody\n", sshd.port);
    world.file("ssh_config", &config, 0o600);
    Some((world, sshd))
}

fn trust(world: &World, sshd: &RealSshd) {
    let key = fs::read_to_string(sshd.host_key("ed25519")).unwrap();
    let ecdsa = fs::read_to_string(sshd.host_key("ecdsa")).unwrap();
    fs::write(world.path(".ssh/known_hosts"), format!("{HOST} {key}{HOST} {ecdsa}")).unwrap();
}

fn serial(world: &World, options: &str) -> Terminal {
    Terminal::run(world, &format!("\"$EC2SSH\" serial -F ssh_config {options} web-1; {PRINT_MODES}"))
}

/// The console's own lines come first; the key is pushed for the console, a break arrives, and `~.` ends it.
#[test]
fn console_opens_and_takes_a_break() {
    let Some((world, sshd)) = world() else { return };
    trust(&world, &sshd);
    let mut terminal = serial(&world, "");
    terminal.wait_for("login prompt of late");
    terminal.wait_for("press Enter if it stays blank");
    terminal.wait_raw(true);
    terminal.type_in("echo $((40+2))\r");
    terminal.wait_for("42");
    terminal.type_in("\r~B");
    wait_until("the break arrives", || sshd.log().contains("request break"));
    terminal.type_in("\r~.");
    terminal.assert_restored(255);
    assert_eq!((world.cloud.count("SendSerialConsoleSSHPublicKey"), world.cloud.count("SendSSHPublicKey")), (1, 0));
    wait_until("its socket is gone", || {
        fs::read_dir(world.path("run/ec2ssh")).is_ok_and(|folder| {
            folder.flatten().all(|entry| !entry.file_name().to_string_lossy().starts_with("serial-"))
        })
    });
}

#[test]
fn session_ends_with_the_shell_s_status() {
    let Some((world, sshd)) = world() else { return };
    trust(&world, &sshd);
    let mut terminal = serial(&world, "");
    terminal.wait_raw(true);
    terminal.type_in("exit 3\r");
    terminal.assert_restored(3);
}

/// A key that is neither published nor known is shown to the person, with what AWS publishes; nothing is stored without a yes.
#[test]
fn other_host_key_needs_a_person_s_yes() {
    let Some((world, sshd)) = world() else { return };
    let mut refused = serial(&world, "");
    refused.wait_for("AWS publishes for eu-west-1: SHA256:h2AaGAWO4Hathhtm");
    refused.wait_for("paste the fingerprint");
    refused.type_in("no\r");
    refused.wait_for("host key verification failed");
    refused.assert_restored(255);
    let mut strict = serial(&world, "--host-keys strict");
    strict.wait_for("host key verification failed");
    strict.assert_restored(255);
    assert!(!world.known_hosts().exists());
    assert!(!sshd.log().contains("Accepted publickey"), "nobody logged in");
    let mut terminal = serial(&world, "");
    terminal.wait_for("paste the fingerprint");
    terminal.type_in("yes\r");
    terminal.wait_raw(true);
    terminal.type_in("exit\r");
    terminal.assert_restored(0);
    assert!(fs::read_to_string(world.known_hosts()).unwrap().starts_with(HOST));
    let mut again = serial(&world, "");
    again.wait_raw(true);
    again.type_in("exit\r");
    again.assert_restored(0);
}

/// ssh stops only itself: the shell would not get its terminal back.
#[test]
fn suspend_returns_to_the_shell() {
    let Some((world, sshd)) = world() else { return };
    trust(&world, &sshd);
    let line = "set -m; \"$EC2SSH\" serial -F ssh_config web-1; echo \"stopped $?\"; fg; echo \"status $?\"";
    let mut terminal = Terminal::run(&world, line);
    terminal.wait_raw(true);
    terminal.type_in("echo rea''dy\r");
    terminal.wait_for("ready");
    terminal.type_in("\r~\u{1a}");
    terminal.wait_for("stopped ");
    terminal.wait_raw(true);
    terminal.type_in("exit 6\r");
    terminal.wait_for("status 6");
}

#[test]
fn termination_restores_the_terminal() {
    let Some((world, sshd)) = world() else { return };
    trust(&world, &sshd);
    let mut terminal = serial(&world, "");
    terminal.wait_raw(true);
    terminal.type_in("echo rea''dy\r");
    terminal.wait_for("ready");
    let shell = terminal.child.process_id().unwrap().to_string();
    let killed = std::process::Command::new("pkill").args(["-TERM", "-P", &shell, "ec2ssh"]).status().unwrap();
    assert!(killed.success());
    terminal.assert_restored(143);
}

/// Every error of the API is said in words, with what to type.
#[test]
fn errors_of_the_service_are_explained() {
    let world = World::empty();
    world.cloud.add(Instance::named(ID, "web-1"));
    let table = [
        ("SerialConsoleAccessDisabledException", "aws ec2 enable-serial-console-access"),
        ("EC2InstanceTypeInvalidException", "Nitro"),
        ("SerialConsoleSessionUnsupportedException", "aws ec2 stop-instances --instance-ids i-"),
        ("EC2InstanceStateInvalidException", "not running"),
        ("AuthException", "ec2-instance-connect:SendSerialConsoleSSHPublicKey"),
        ("AccessDeniedException", "ec2-instance-connect:SendSerialConsoleSSHPublicKey"),
    ];
    for (code, words) in table {
        world.cloud.fail("SendSerialConsoleSSHPublicKey", Fault::error(400, code, "it said no"), 1);
        let mut terminal = Terminal::run_at(&world, 300, "\"$EC2SSH\" serial web-1; echo \"status $?\"");
        terminal.wait_for(words);
        terminal.wait_for("status 255");
    }
    let old = Instance { instance_type: "t2.micro".to_owned(), ..Instance::named(ID, "web-1") };
    world.cloud.add(old);
    let mut terminal = Terminal::run_at(&world, 300, "\"$EC2SSH\" serial web-1");
    terminal.wait_for("Nitro");
}

/// A server that denies the session, and one that cannot be reached; a script would hold the only session for ever.
#[test]
fn session_that_is_not_opened_is_explained() {
    let Some((world, sshd)) = world() else { return };
    trust(&world, &sshd);
    world.cloud.age_keys(std::time::Duration::from_secs(0));
    let mut unreachable = serial(&world, "-o Port=1");
    unreachable.wait_for("did not come as far as the login");
    unreachable.wait_for("status 255");
    let run = world.run("serial web-1").expect(255);
    assert!(run.stderr.contains("needs a terminal") && run.stderr.contains("info --console"), "{run}");
}

/// The service needs half a minute to end a session.
#[test]
fn busy_console_is_tried_again() {
    let Some((world, sshd)) = world() else { return };
    trust(&world, &sshd);
    let busy = Fault::error(400, "SerialConsoleSessionLimitExceededException", "a session is active");
    world.cloud.fail("SendSerialConsoleSSHPublicKey", busy, 1);
    let mut terminal = serial(&world, "");
    terminal.wait_for("waiting for another session on the serial console");
    terminal.wait_raw(true);
    terminal.type_in("exit\r");
    terminal.assert_restored(0);
}

#[test]
fn missing_ssh_is_named() {
    let world = World::empty();
    world.cloud.add(Instance::named(ID, "web-1"));
    let mut terminal = Terminal::run(&world, "PATH=/nowhere \"$EC2SSH\" serial web-1");
    terminal.wait_for("cannot start ssh");
    terminal.wait_for("openssh-client");
}
