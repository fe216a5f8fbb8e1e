//! The client side for ssh's KnownHostsCommand: requests host keys from the agent of the ProxyCommand, which knows the
//! instance.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::parent::SshProcess;
use super::socket::{agent_of, is_own_peer};
use super::wire::{HostKeysRequest, Refused, Request, Response};

/// The time limit of an answer: the agent waits for the instance's console output, which has a time limit of its own, or for a person. A
/// server ends a login after two minutes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(110);
/// The time for which an agent may not be there yet: it is made when its ssh has been started.
const START_TIMEOUT: Duration = Duration::from_secs(1);
const START_POLL_INTERVAL: Duration = Duration::from_millis(5);
/// The largest response accepted, in bytes; a known_hosts line has a few hundred.
const MAX_RESPONSE_LEN: u32 = 1024 * 1024;

/// Requests the known_hosts lines for the instance that this ssh is about to reach. Asks the agent of this ssh: other
/// agents behind the same path may serve an instance of the same name in another account.
///
/// # Errors
/// Fails if the agent cannot be reached, is another user's, or does not respond in time.
pub(crate) async fn host_keys(
    path: &Path,
    owner: SshProcess,
    request: HostKeysRequest,
) -> io::Result<Result<String, Refused>> {
    let begun = tokio::time::Instant::now();
    let agent = loop {
        let own = agent_of(path, owner);
        match UnixStream::connect(own.as_deref().unwrap_or(path)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound && begun.elapsed() < START_TIMEOUT => {
                tokio::time::sleep(START_POLL_INTERVAL).await;
            }
            other => break other?,
        }
    };
    if !is_own_peer(&agent) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "a process of another user answers there"));
    }
    let answer = timeout(ANSWER_TIMEOUT, ask(agent, request)).await;
    Ok(Response::host_keys(&answer??).ok_or(Refused))
}

/// Returns the response to the request, without its length prefix.
async fn ask(mut agent: UnixStream, request: HostKeysRequest) -> io::Result<Vec<u8>> {
    agent.write_all(&Request::HostKeys(request).encode()).await?;
    let length = agent.read_u32().await?.min(MAX_RESPONSE_LEN);
    let mut message = Vec::new();
    agent.take(u64::from(length)).read_to_end(&mut message).await?;
    Ok(message)
}
