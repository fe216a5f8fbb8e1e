//! The agent's accept loop. Runs until the owning ssh has authenticated or exited, then drains the clients that are
//! still connected.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until, timeout};

use super::parent::SshProcess;
use super::socket::{Published, is_own_peer};
use super::wire::{HostKeysRequest, MAX_MESSAGE_LEN, Refused, Request, Response};

/// The longest time that an agent runs. sshd allows two minutes for a login (LoginGraceTime), and an administrator may
/// have configured more.
pub(crate) const LIFETIME: Duration = Duration::from_secs(600);
/// The interval at which the agent checks that the path still leads to a live agent.
const LINK_CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// The time that ssh may take to exit after it disconnects from the agent, if it exits because it was denied.
const OWNER_EXIT_TIMEOUT: Duration = Duration::from_millis(50);
/// The interval between two checks whether ssh has exited.
const OWNER_EXIT_POLL_INTERVAL: Duration = Duration::from_millis(1);
/// The grace period for clients that resolved the symlink before it was repointed but have not connected yet.
const LATE_CLIENT_TIMEOUT: Duration = Duration::from_millis(50);
/// The time limit for clients that are still connected when the agent shuts down; after it they are dropped.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// The backend that holds the key and answers requests.
pub(crate) trait AgentBackend: Send + Sync + 'static {
    /// Returns the public keys to offer in SSH's encoding, each with a comment, once the key is pushed to the instance.
    fn identities(&self) -> impl Future<Output = Vec<(Vec<u8>, String)>> + Send;

    /// Signs a request to log in; returns `None` for any other data.
    fn sign(&self, key: &[u8], data: &[u8]) -> impl Future<Output = Option<Vec<u8>>> + Send;

    /// Returns known_hosts lines for ssh's KnownHostsCommand.
    fn host_keys(&self, request: HostKeysRequest) -> impl Future<Output = Result<String, Refused>> + Send;
}

/// The reason why an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentExit {
    /// The owner received its signature and disconnected.
    LoggedIn,
    /// The owner received the public key, requested no signature and exited: the server rejected the key. ssh may still
    /// have authenticated by another method and moved to the background.
    Denied,
    /// The owner process has exited.
    OwnerExited,
    /// The agent ran for [`LIFETIME`] without a login.
    TimedOut,
}

/// Serves clients until the owner has logged in or exited, or [`LIFETIME`] has passed. Then hands the path on to
/// another agent.
///
/// # Errors
/// Fails if the listener cannot accept connections.
pub(crate) async fn serve<K: AgentBackend>(
    listener: std::os::unix::net::UnixListener,
    published: Published,
    backend: Arc<K>,
    owner: SshProcess,
) -> io::Result<(AgentExit, Drain)> {
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let mut clients: ClientTasks = JoinSet::new();
    let mut link_check = interval(LINK_CHECK_INTERVAL);
    let (late, exited) = (sleep_until(Instant::now() + LIFETIME), owner.exited());
    tokio::pin!(late, exited);
    let mut end = loop {
        tokio::select! {
            client = listener.accept() => admit(client?.0, &published, &backend, owner, &mut clients),
            Some(Ok(Some(end))) = clients.join_next() => break end,
            () = &mut exited => break AgentExit::OwnerExited,
            _ = link_check.tick() => published.reclaim_link(),
            () = &mut late => break AgentExit::TimedOut,
        }
    };
    if end == AgentExit::OwnerExited {
        // ssh exits and closes its connection to the agent at the same time; either event may be seen first.
        let owner_exit = async {
            while let Some(client) = clients.join_next().await {
                if let Ok(Some(own)) = client {
                    return Some(own);
                }
            }
            None
        };
        end = timeout(OWNER_EXIT_TIMEOUT * 2, owner_exit).await.ok().flatten().unwrap_or(end);
    }
    published.withdraw();
    let rest = async move {
        // A client that resolved the path before it was handed on may connect a moment later.
        while let Ok(Ok((client, _))) = timeout(LATE_CLIENT_TIMEOUT, listener.accept()).await {
            admit(client, &published, &backend, owner, &mut clients);
        }
        let _ = timeout(DRAIN_TIMEOUT, async { while clients.join_next().await.is_some() {} }).await;
    };
    Ok((end, Drain(Box::pin(rest))))
}

/// The remaining work after the owner is done and the path is handed on: serving the last clients.
pub(crate) struct Drain(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Drain {
    /// Serves the last clients, up to the time limit.
    pub(crate) async fn finish(self) {
        self.0.await;
    }
}

/// The tasks of the clients. Each returns the session's outcome; `None` unless its client was the owner and is done.
type ClientTasks = JoinSet<Option<AgentExit>>;

/// The state of one client connection, as far as it decides the outcome.
#[derive(Clone, Copy, Debug, Default)]
struct ClientState {
    identity_sent: bool,
    signed: bool,
    forwarded: bool,
}

impl ClientState {
    /// Returns the session's outcome if the owning ssh process is done with the agent; `None` otherwise.
    async fn end(self, owner: SshProcess) -> Option<AgentExit> {
        match self {
            Self { signed: true, .. } => Some(AgentExit::LoggedIn),
            // An ssh that continues with other authentication methods also disconnects, but keeps running.
            Self { identity_sent: true, .. } if exits_soon(owner).await => Some(AgentExit::Denied),
            Self { .. } => None,
        }
    }
}

/// Whether this process exits shortly after it has disconnected from the agent.
async fn exits_soon(owner: SshProcess) -> bool {
    let until = Instant::now() + OWNER_EXIT_TIMEOUT;
    while !owner.has_exited() {
        if Instant::now() > until {
            return false;
        }
        tokio::time::sleep(OWNER_EXIT_POLL_INTERVAL).await;
    }
    true
}

/// Starts a task that serves a client. A client of another agent behind the same path is passed on to that agent,
/// because all clients connect to the youngest one.
fn admit(
    client: UnixStream,
    published: &Published,
    backend: &Arc<impl AgentBackend>,
    owner: SshProcess,
    clients: &mut ClientTasks,
) {
    if !is_own_peer(&client) {
        return;
    }
    let from = client.peer_cred().ok().and_then(|peer| peer.pid()).unwrap_or(0);
    let other = if owner.is(from) { None } else { published.agent_of(from) };
    let backend = Arc::clone(backend);
    clients.spawn(async move {
        match other {
            Some(other) => pass_on(client, &other, from).await,
            None => serve_client(client, &*backend, owner, from).await,
        }
    });
}

/// Relays a client to the agent that it belongs to.
async fn pass_on(mut client: UnixStream, other: &Path, from: i32) -> Option<AgentExit> {
    let mut other = UnixStream::connect(other).await.ok()?;
    other.write_all(&Request::OnBehalf(u32::try_from(from).ok()?).encode()).await.ok()?;
    let _ = tokio::io::copy_bidirectional(&mut client, &mut other).await;
    None
}

/// Serves one client until it disconnects. Returns the session's outcome if the client was the owner and is done.
async fn serve_client(
    mut client: UnixStream,
    backend: &impl AgentBackend,
    owner: SshProcess,
    mut from: i32,
) -> Option<AgentExit> {
    let mut found = ClientState::default();
    while let Some(message) = read(&mut client).await {
        let response = match Request::decode(&message) {
            Request::OnBehalf(process) => {
                from = i32::try_from(process).unwrap_or(0);
                continue;
            }
            Request::Forwarded => {
                found.forwarded = true;
                Response::Failure
            }
            // A forwarded connection comes from the remote side of a session, which must not use this key.
            _ if found.forwarded => Response::Failure,
            Request::Sign { .. } if !owner.may_sign(from) => Response::Failure,
            request => answer(request, backend).await,
        };
        found.identity_sent |= matches!(&response, Response::Identities(keys) if !keys.is_empty());
        found.signed |= matches!(response, Response::Signature(_));
        if client.write_all(&response.encode()).await.is_err() {
            break;
        }
    }
    if owner.is(from) { found.end(owner).await } else { None }
}

/// Reads the next message, without its length prefix.
async fn read(client: &mut UnixStream) -> Option<Vec<u8>> {
    let length = usize::try_from(client.read_u32().await.ok()?).ok()?;
    if length == 0 || length > MAX_MESSAGE_LEN {
        return None;
    }
    let mut message = vec![0; length];
    client.read_exact(&mut message).await.ok()?;
    Some(message)
}

async fn answer(request: Request, backend: &impl AgentBackend) -> Response {
    match request {
        Request::Identities => Response::Identities(backend.identities().await),
        Request::Sign { key, data } => backend.sign(&key, &data).await.map_or(Response::Failure, Response::Signature),
        Request::HostKeys(request) => Response::HostKeys(backend.host_keys(request).await),
        Request::OnBehalf(_) | Request::Forwarded | Request::Other => Response::Failure,
    }
}
