//! Reports about the block for OpenSSH, and about clients that read it and are not OpenSSH.

use std::path::Path;

use crate::support::place::Place;
use crate::support::{Run, keygen, tool};

/// `-o IdentitiesOnly=yes`, on the command line or in a wrapper, ended in "permission denied".
#[test]
fn identities_only_finds_the_key() {
    let place = Place::new();
    place.ssh(&["-o", "IdentitiesOnly=yes", "my-instance", "true"]).expect(0);
    place
        .ssh(&["-o", "IdentitiesOnly=yes", "-o", "PreferredAuthentications=publickey", "my-instance", "true"])
        .expect(0);
    let run = Run::of(
        place.command("scp").args(["-o", "IdentitiesOnly=yes", "ssh_config", "my-instance:/tmp"]).output().unwrap(),
    );
    run.expect(0);
    place.assert_clean();
    let left = std::fs::read_dir(place.world.path("run/ec2ssh")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().ends_with(".pub")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn git_works_with_identities_only() {
    let place = Place::new();
    let home = place.world.home.path();
    let git = |words: &[&str]| {
        let mut git = place.world.command(tool("git"));
        git.args(["-c", "user.name=t", "-c", "user.email=t@t"]).args(words);
        git.env("GIT_SSH_COMMAND", format!("{} -o IdentitiesOnly=yes", place.ssh_command()));
        Run::of(git.current_dir(home).output().unwrap()).expect(0)
    };
    git(&["init", "-q", "origin"]);
    git(&["-C", "origin", "commit", "-q", "--allow-empty", "-m", "first"]);
    git(&["clone", "-q", &format!("ssh://my-instance{}/origin", home.display()), "clone"]);
    assert!(git(&["-C", "clone", "log", "--oneline"]).out().contains("first"));
}

/// Ansible adds `-o` options of its own: a user, the methods, a timeout, and with a key file IdentitiesOnly.
#[test]
fn ansible_works_with_its_own_options() {
    let ansible = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/ansible");
    assert!(ansible.is_file(), "ansible is not installed: run `make test`, which installs it");
    let place = Place::new();
    let mut command = place.world.command(&ansible);
    command.args(["my-instance", "-i", "my-instance,", "-m", "ping", "-u", &place.sshd.user, "-T", "20"]);
    command.arg("--ssh-extra-args=-o IdentitiesOnly=yes");
    command.env("ANSIBLE_SSH_ARGS", format!("-F {} -o ControlMaster=no", place.config.display()));
    command.env("ANSIBLE_HOME", place.world.path("ansible")).env("ANSIBLE_NOCOLOR", "1");
    command.env("ANSIBLE_PYTHON_INTERPRETER", tool("python3"));
    let run = Run::of(command.output().unwrap());
    assert!(run.code == 0 && run.out().contains("\"ping\": \"pong\""), "{run}");
    place.assert_clean();
}

const PARAMIKO: &str = r#"
import sys, paramiko
config = paramiko.SSHConfig.from_path(sys.argv[1]).lookup('my-instance')
proxy = paramiko.ProxyCommand(config['proxycommand'])
client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
client.connect('my-instance', username=config['user'], sock=proxy, key_filename=sys.argv[2], allow_agent=False, look_for_keys=False)
print(client.exec_command('echo in')[1].read().decode().strip())
client.close()
proxy.close()
print(proxy.process.stderr.read().decode())
"#;

/// paramiko reads the block: it gives pipes to the ProxyCommand, and knows neither ProxyUseFdpass nor IdentityAgent.
#[test]
fn paramiko_is_carried_and_told() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    assert!(python.is_file(), "paramiko is not installed: run `make test`, which installs it");
    let place = Place::new();
    let key = keygen(place.world.home.path(), "key", &["-t", "ed25519", "-N", ""]);
    place.sshd.authorize(&std::fs::read_to_string(key.with_extension("pub")).unwrap());
    let mut command = place.world.command(python);
    command.args(["-c", PARAMIKO]).arg(&place.config).arg(key);
    let run = Run::of(command.output().unwrap()).expect(0);
    let out = run.out();
    assert!(out.starts_with("in\n"), "{run}");
    assert!(out.contains("takes no socket from its ProxyCommand"), "{run}");
    assert!(out.contains(&format!("ec2ssh proxy -l {} my-instance", place.sshd.user)), "{run}");
    place.assert_clean();
}

/// ssh itself without the socket (`-o ProxyUseFdpass=no`) logs in by the same path.
#[test]
fn ssh_without_fdpass_logs_in() {
    let place = Place::new();
    place.ssh(&["-o", "ProxyUseFdpass=no", "my-instance", "true"]).expect(0);
}
