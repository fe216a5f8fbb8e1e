//! A real ssh-agent with keys.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{World, comes_true, tool};

/// A real ssh-agent, which ends with this value.
pub(crate) struct SshAgent {
    child: Child,
    pub socket: PathBuf,
}

impl SshAgent {
    /// Starts an agent with these keys of the world's home folder.
    pub(crate) fn start(world: &World, keys: &[&str]) -> Self {
        let socket = world.path("agent.sock");
        let mut command = Command::new(tool("ssh-agent"));
        let child = command.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        assert!(comes_true(|| socket.exists()));
        for key in keys {
            let mut add = world.command(tool("ssh-add"));
            let added = add.env("SSH_AUTH_SOCK", &socket).arg("-q").arg(world.path(key)).status().unwrap();
            assert!(added.success(), "{key}");
        }
        Self { child, socket }
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
