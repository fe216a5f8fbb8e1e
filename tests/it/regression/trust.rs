//! Reports about who and what is trusted on this machine.

use std::process::{Child, Stdio};

use crate::support::place::Place;
use crate::support::{BINARY, Run, World, tool, wait_for_line};

/// Answers on a socket as another user: the process that listens is the one that the system names.
const STRANGER: &str = "
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
try:
    os.setuid(65534)
except PermissionError:
    print('not root', flush=True)
    sys.exit()
listener.listen()
print('listening', flush=True)
client, _ = listener.accept()
client.recv(1000)
";

/// Ends the process with the test.
struct Stranger(Child);

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A socket that another user put at the path of the agent could vouch for host keys.
#[test]
fn host_keys_of_another_user_are_refused() {
    let world = World::empty();
    let socket = world.path("agent");
    let mut command = world.command(tool("python3"));
    command.args(["-c", STRANGER]).arg(&socket).stdout(Stdio::piped());
    let mut stranger = Stranger(command.spawn().unwrap());
    let said = wait_for_line(stranger.0.stdout.take().unwrap(), "\n");
    if said.contains("not root") {
        return;
    }
    let run =
        world.run(&format!("known-hosts answer --agent {} HOSTNAME my-instance NONE", socket.display())).expect(1);
    assert!(run.stderr.contains("a process of another user answers there"), "{run}");
    assert_eq!(run.out(), "");
}

/// A cache that others may write to could name another instance, and known_hosts there could vouch for any host.
#[test]
fn folders_of_others_are_not_used() {
    let (world, port) = World::trusted();
    let open = |folder: &str, mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(world.path(folder), mode).unwrap();
    };
    let line = format!("-v -p {port} my-instance true");
    assert!(world.run(&line).expect(0).stderr.contains("using the cached look-up"));
    open("cache/ec2ssh", 0o777);
    let run = world.run(&line).expect(0);
    assert!(run.stderr.contains("may be written to by others") && !run.stderr.contains("using the cached"), "{run}");
    assert_eq!(run.stderr.matches("the cache is not used").count(), 1, "{run}");
    open("cache/ec2ssh", 0o700);
    open("data/ec2ssh", 0o777);
    // The key that is known there does not count, and nobody confirms it.
    let run = world.run(&line).expect(255);
    assert_eq!(run.stderr.matches("may be written to by others").count(), 1, "{run}");
}

/// The runtime folder could be replaced by whoever may write to the folder above.
#[test]
fn sockets_are_not_put_into_open_folders() {
    let place = Place::new();
    place.ssh(&["my-instance", "true"]).expect(0);
    let above = |mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(place.world.path("run"), mode).unwrap();
    };
    above(0o777);
    let run = place.ssh(&["my-instance", "true"]).expect(255);
    assert!(run.stderr.contains("that others may not write to"), "{run}");
    above(0o1777);
    place.ssh(&["my-instance", "true"]).expect(0);
}

/// Starts `ec2ssh proxy`, as ssh does, and has a login signed by its agent: by itself, and by another process.
const TWO_CLIENTS: &str = r#"
import os, socket, struct, subprocess, sys, time
path, command = sys.argv[1], sys.argv[2:]

def string(data):
    return struct.pack('>I', len(data)) + data

def ask(agent, message):
    agent.sendall(string(message))
    length = struct.unpack('>I', agent.recv(4, socket.MSG_WAITALL))[0]
    return agent.recv(length, socket.MSG_WAITALL)

def signed():
    agent = socket.socket(socket.AF_UNIX)
    agent.connect(path)
    keys = ask(agent, b'\x0b')
    key = keys[9:9 + struct.unpack('>I', keys[5:9])[0]]
    fields = [os.environ['LOGIN'].encode(), b'ssh-connection', b'publickey']
    login = string(b'session') + b'\x32' + b''.join(map(string, fields)) + b'\x01' + string(b'ssh-ed25519') + string(key)
    return ask(agent, b'\x0d' + string(key) + string(login) + bytes(4))[0]

if not command:
    print(signed())
    sys.exit()
proxy = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
while not os.path.exists(path):
    time.sleep(0.01)
print(subprocess.run([sys.executable, '-c', os.environ['SCRIPT'], path], stdout=subprocess.PIPE, text=True).stdout.strip())
print(signed())
proxy.kill()
"#;

/// SSH_AGENT_FAILURE and SSH_AGENT_SIGN_RESPONSE (draft-ietf-sshm-ssh-agent).
const REFUSED_AND_SIGNED: &str = "5\n14\n";

#[test]
fn agent_signs_for_its_own_ssh_only() {
    let place = Place::new();
    let line = format!("-p {} -l {} my-instance", place.sshd.port, place.sshd.user);
    let path = place.world.path("run/ec2ssh/agent");
    let mut python = place.world.command(tool("python3"));
    python.args(["-c", TWO_CLIENTS]).arg(&path).arg(BINARY);
    python.args(["proxy", "--agent"]).arg(&path).args(line.split_whitespace());
    python.env("LOGIN", &place.sshd.user).env("SCRIPT", TWO_CLIENTS);
    assert_eq!(Run::of(python.output().unwrap()).out(), REFUSED_AND_SIGNED);
}
