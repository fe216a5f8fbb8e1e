//! The words of ssh_config: read by ssh, honored where ec2ssh has the option, and named where it does not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::forwarding::Real;
use crate::support::{Run, tool, wait_until};

/// The binary with this ssh_config, as if it were the user's: ssh looks for it in the home folder of the password file.
fn with_config(real: &Real, config: &str, line: &str) -> Command {
    let folder = real.world.path("bin");
    fs::create_dir_all(&folder).unwrap();
    let path = real.world.file("ssh_config_of_the_user", config, 0o600);
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> {0}/calls\ncase \" $* \" in *' -F '*) exec {1} \"$@\";; esac\nexec {1} -F {2} \"$@\"\n",
        real.world.home.path().display(),
        tool("ssh").display(),
        path.display()
    );
    fs::write(folder.join("ssh"), script).unwrap();
    fs::set_permissions(folder.join("ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = real.world.ec2ssh(line);
    command.env("PATH", format!("{}:{}", folder.display(), std::env::var("PATH").unwrap()));
    command
}

fn run(real: &Real, config: &str, line: &str) -> Run {
    Run::of(with_config(real, config, line).output().unwrap())
}

/// The binary with this file named by `-F`.
fn with_file(real: &Real, config: &str, line: &str) -> Command {
    let path = real.world.file("ssh_config", config, 0o600);
    real.world.ec2ssh(&format!("-F {} {line}", path.display()))
}

fn run_with_file(real: &Real, config: &str, line: &str) -> Run {
    Run::of(with_file(real, config, line).output().unwrap())
}

#[test]
fn options_of_the_host_are_honored() {
    let real = Real::start("AcceptEnv APP_* NAME");
    let (port, user) = (real.sshd.port, &real.sshd.user);
    let config = format!(
        "Host other\n  Port 1\nHost my-*\n  Port {port}\n  User {user}\n  SetEnv NAME=value\n  RemoteCommand echo $NAME $APP_A\n  SendEnv APP_*\nMatch originalhost my-instance exec \"true\"\n  RequestTTY no\n"
    );
    let mut command = with_file(&real, &config, "my-instance");
    let run = Run::of(command.env("APP_A", "sent").output().unwrap()).expect(0);
    assert_eq!((run.out().as_str(), run.stderr.as_str()), ("value sent\n", ""));
    // It goes from the letters over the config file to ssh_config.
    real.world.config("[defaults]\nremote-command = \"echo from config.toml\"\n");
    assert_eq!(run_with_file(&real, &config, "my-instance").expect(0).out(), "from config.toml\n");
    assert_eq!(
        run_with_file(&real, &config, "-o RemoteCommand=none my-instance echo typed").expect(0).out(),
        "typed\n"
    );
    let refused = run_with_file(&real, &config, "my-instance echo typed").expect(255);
    assert!(
        refused.stderr.starts_with("Error: there is a COMMAND, and a RemoteCommand in ssh_config or config.toml\n"),
        "{refused}"
    );
}

/// The defaults that ssh prints are not the user's wish: the image's user and the pushed key stay.
#[test]
fn defaults_of_ssh_are_not_taken() {
    let real = Real::start("");
    let config = "Host nothing-here\n  User nobody\n";
    let plan = run(&real, config, "--dry-run my-instance").expect(0).out();
    assert!(plan.contains("ec2-user") && !plan.contains("id_ed25519"), "{plan}");
    let config = "Host *\n  IdentityFile ~/.ssh/id_ed25519\n  HashKnownHosts yes\n  ControlMaster auto\n  ControlPath /tmp/x\n  ServerAliveInterval 30\n";
    let run = run(&real, config, "--dry-run my-instance").expect(0);
    assert!(run.out().contains("ec2-user") && run.stderr.is_empty(), "{run}");
}

#[test]
fn lacking_options_are_named_once() {
    let real = Real::start("");
    let config = format!("Host my-*\n  Port {}\n  Ciphers aes128-ctr\n  ForwardX11 yes\n", real.sshd.port);
    let run = run(&real, &config, &format!("-l {} my-instance echo on", real.sshd.user)).expect(0);
    let expected = "Warning: ec2ssh does not have ForwardX11, Ciphers; ssh does, and connects through ec2ssh after: ec2ssh config install --match my-instance\n";
    assert_eq!((run.out().as_str(), run.stderr.as_str()), ("on\n", expected));
}

/// Lists, completions and plain ssh's own ProxyCommand never have ssh read its files: `Match exec` runs programs.
#[test]
fn ssh_is_asked_only_for_sessions() {
    let real = Real::start("");
    let calls = || fs::read_to_string(real.world.path("calls")).unwrap_or_default().lines().count();
    run(&real, "", "list").expect(0);
    run(&real, "", "complete -- my-").expect(0);
    run(&real, "", &format!("proxy my-instance:{}", real.sshd.port));
    run(&real, "", &real.line("-F none", "true")).expect(0);
    assert_eq!(calls(), 0);
    run(&real, "", &real.line("", "true")).expect(0);
    assert_eq!(calls(), 2, "the files, and ssh's defaults");
}

/// A program of `Match exec` that hangs does not hold up the connection for long.
#[test]
fn hanging_match_exec_is_given_up() {
    let real = Real::start("");
    let config = "Match exec \"sleep 60\"\n  Port 1\n";
    let run = run(&real, config, &real.line("-v", "echo on")).expect(0);
    assert!(run.out() == "on\n" && run.stderr.contains("ssh -G took over 5 s, perhaps for a Match exec"), "{run}");
}

/// HostName leads to another instance, and ProxyJump through one; what ssh calls a host that is no instance is reached by ssh.
#[test]
fn names_and_jumps_of_ssh_config_are_followed() {
    use ec2ssh_lab::Instance;
    let real = Real::start("LogLevel VERBOSE");
    let hop = crate::support::RealSshd::start(&real.world.cloud, "i-0123456789abcde02", "LogLevel VERBOSE");
    real.world.cloud.add(Instance::named("i-0123456789abcde02", "bastion"));
    let private = Instance {
        private_ip: Some("127.0.0.1".to_owned()),
        ..Instance::named("i-0123456789abcde03", "db-1").private()
    };
    real.world.cloud.add(private);
    let db = crate::support::RealSshd::start(&real.world.cloud, "i-0123456789abcde03", "LogLevel VERBOSE");
    let user = &real.sshd.user;
    let key = crate::support::keygen(real.world.home.path(), "corp", &["-t", "ed25519", "-N", ""]);
    hop.authorize(&fs::read_to_string(key.with_extension("pub")).unwrap());
    let config = format!(
        "Host database\n  HostName db-1\n  Port {}\n  User {user}\nHost bastion\n  Port {1}\n  User {user}\nHost gate.corp\n  HostName localhost\n  Port {1}\n  User {user}\n  IdentityFile {2}\n  StrictHostKeyChecking accept-new\n  UserKnownHostsFile {3}\n",
        db.port,
        hop.port,
        key.display(),
        real.world.path("corp_hosts").display(),
    );
    let options = "--host-keys accept-new";
    let first = run_with_file(&real, &config, &format!("{options} bastion true")).expect(0);
    assert!(first.stderr.contains("Accepted the new host key of i-0123456789abcde02"), "{first}");
    for jump in ["bastion", "gate.corp", "bastion,gate.corp"] {
        let run = run_with_file(&real, &config, &format!("{options} -J {jump} database echo in")).expect(0);
        assert_eq!(run.out(), "in\n", "{jump}: {run}");
    }
    let logins = |sshd: &crate::support::RealSshd| sshd.log().matches("Accepted publickey").count();
    wait_until("all logins are in the log", || logins(&db) == 3);
    assert!(logins(&hop) >= 4, "{}", hop.log());
    let run = run_with_file(&real, &config, &format!("{options} -J bastion,bastion database true")).expect(255);
    assert_eq!(run.stderr, "Error: bastion is named twice among the jump hosts\n");
    // The host key of the hop is verified as any other.
    let mut hop = hop;
    hop.replace_host_keys();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let run = run_with_file(&real, &config, &format!("{options} -J bastion database true")).expect(255);
    assert!(run.stderr.contains("host key"), "{run}");
}
