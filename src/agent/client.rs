//! The other end, for ssh's KnownHostsCommand: it asks the agent of the ProxyCommand, which knows the instance.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::wire::{HostKeysRequest, Request, Response};

/// The agent waits for the instance's console, and that has a limit of its own.
const PATIENCE: Duration = Duration::from_secs(20);
/// A known_hosts line is a few hundred bytes.
const LONGEST: u32 = 1024 * 1024;

/// Lines of known_hosts for the instance that the agent at this path is for.
///
/// # Errors
/// When nobody is there, or does not answer in time.
pub fn host_keys(path: &Path, request: HostKeysRequest) -> io::Result<String> {
    let mut agent = UnixStream::connect(path)?;
    agent.set_read_timeout(Some(PATIENCE))?;
    agent.write_all(&Request::HostKeys(request).encode())?;
    let mut length = [0; 4];
    agent.read_exact(&mut length)?;
    let mut message = Vec::new();
    agent.take(u64::from(u32::from_be_bytes(length).min(LONGEST))).read_to_end(&mut message)?;
    Response::host_keys(&message).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}
