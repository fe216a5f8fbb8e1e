//! The client side for ssh's KnownHostsCommand: requests host keys from the agent of the ProxyCommand, which knows the
//! instance.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::parent::SshProcess;
use super::socket::agent_of;
use super::wire::{HostKeysRequest, Refused, Request, Response};

/// The read timeout. The agent waits for the instance's console output, which has a time limit of its own.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// The largest response accepted, in bytes; a known_hosts line has a few hundred.
const MAX_RESPONSE_LEN: u32 = 1024 * 1024;

/// Requests the known_hosts lines for the instance that this ssh is about to reach. Asks the agent of this ssh: other
/// agents behind the same path may serve an instance of the same name in another account.
///
/// # Errors
/// Fails if the agent cannot be reached or does not respond in time.
pub(crate) fn host_keys(
    path: &Path,
    owner: SshProcess,
    request: HostKeysRequest,
) -> io::Result<Result<String, Refused>> {
    let own = agent_of(path, owner);
    let mut agent = UnixStream::connect(own.as_deref().unwrap_or(path))?;
    agent.set_read_timeout(Some(READ_TIMEOUT))?;
    agent.write_all(&Request::HostKeys(request).encode())?;
    let mut length = [0; 4];
    agent.read_exact(&mut length)?;
    let mut message = Vec::new();
    let length = u32::from_be_bytes(length).min(MAX_RESPONSE_LEN);
    agent.take(u64::from(length)).read_to_end(&mut message)?;
    Ok(Response::host_keys(&message).ok_or(Refused))
}
