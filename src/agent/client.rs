//! The other end, for ssh's KnownHostsCommand: it asks the agent of the ProxyCommand, which knows the instance.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::owner::Owner;
use super::socket::agent_of;
use super::wire::{HostKeysRequest, Refused, Request, Response};

/// The agent waits for the instance's console, and that has a limit of its own.
const PATIENCE: Duration = Duration::from_secs(20);
/// A known_hosts line is a few hundred bytes.
const LONGEST: u32 = 1024 * 1024;

/// Lines of known_hosts for the instance that this ssh is about to reach, by its own agent: others for the same path may
/// be for another account's instance of the same name.
///
/// # Errors
/// When nobody is there, or does not answer in time.
pub fn host_keys(path: &Path, owner: Owner, request: HostKeysRequest) -> io::Result<Result<String, Refused>> {
    let own = agent_of(path, owner);
    let mut agent = UnixStream::connect(own.as_deref().unwrap_or(path))?;
    agent.set_read_timeout(Some(PATIENCE))?;
    agent.write_all(&Request::HostKeys(request).encode())?;
    let mut length = [0; 4];
    agent.read_exact(&mut length)?;
    let mut message = Vec::new();
    let length = u32::from_be_bytes(length).min(LONGEST);
    agent.take(u64::from(length)).read_to_end(&mut message)?;
    Ok(Response::host_keys(&message).ok_or(Refused))
}
