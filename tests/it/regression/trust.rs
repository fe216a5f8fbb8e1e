//! Reports about who and what is trusted on this machine.

use std::process::{Child, Stdio};

use crate::support::{World, tool, wait_for_line};

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
