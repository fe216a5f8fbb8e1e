//! The life of one agent: it answers until its ssh has logged in, and lets nobody down who is with it then.

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

use super::owner::Owner;
use super::socket::Published;
use super::wire::{HostKeysRequest, LONGEST, Refused, Request, Response};

/// Nobody logs in for longer than this: sshd gives two minutes (LoginGraceTime), and a person may have asked for more.
pub const LIFETIME: Duration = Duration::from_secs(600);
/// How often the path is looked after.
const LOOK: Duration = Duration::from_millis(100);
/// Between ssh's leaving the agent and its own end, when it ends because it was not let in.
const ITS_END: Duration = Duration::from_millis(50);
/// From finding a path to being in its listener's queue it is one call, which may be held up.
const LINGER: Duration = Duration::from_millis(50);
/// Who is with us when we end has this long.
const LAST_CLIENTS: Duration = Duration::from_secs(30);

/// Who has the key.
pub trait Keeper: Send + Sync + 'static {
    /// The public key in SSH's encoding and a comment, once the instance knows it; `None` where it cannot.
    fn identity(&self) -> impl Future<Output = Option<(Vec<u8>, String)>> + Send;

    /// A signature over a request to log in; `None` for anything else.
    fn sign(&self, key: &[u8], data: &[u8]) -> Option<Vec<u8>>;

    /// Lines of known_hosts, for ssh's KnownHostsCommand.
    fn host_keys(&self, request: HostKeysRequest) -> impl Future<Output = Result<String, Refused>> + Send;
}

/// How the life of an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The owner had its signature and left.
    LoggedIn,
    /// The owner was given the key, asked for no signature and is gone: the server did not want the key. It may have gone
    /// on into the background by other means.
    Denied,
    /// The owner is gone.
    Gone,
    /// [`LIFETIME`] is over.
    TooLate,
}

/// Serves until the owner has logged in or is gone, or [`LIFETIME`] is over. Then the path is handed on.
///
/// # Errors
/// When nobody can be listened to.
pub async fn serve<K: Keeper>(
    listener: std::os::unix::net::UnixListener,
    published: Published,
    keeper: Arc<K>,
    owner: Owner,
) -> io::Result<(End, Rest)> {
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let mut clients: Clients = JoinSet::new();
    let mut look = interval(LOOK);
    let (late, gone) = (sleep_until(Instant::now() + LIFETIME), owner.gone());
    tokio::pin!(late, gone);
    let mut end = loop {
        tokio::select! {
            client = listener.accept() => admit(client?.0, &published, &keeper, owner, &mut clients),
            Some(Ok(Some(end))) = clients.join_next() => break end,
            () = &mut gone => break End::Gone,
            _ = look.tick() => published.keep(),
            () = &mut late => break End::TooLate,
        }
    };
    if end == End::Gone {
        // ssh and its connection to us end at once: which of the two is seen first is chance.
        let its_own = async {
            while let Some(client) = clients.join_next().await {
                if let Ok(Some(own)) = client {
                    return Some(own);
                }
            }
            None
        };
        end = timeout(ITS_END * 2, its_own).await.ok().flatten().unwrap_or(end);
    }
    published.withdraw();
    let rest = async move {
        // Whoever found the path before it was handed on comes in until a moment later.
        while let Ok(Ok((client, _))) = timeout(LINGER, listener.accept()).await {
            admit(client, &published, &keeper, owner, &mut clients);
        }
        let _ = timeout(LAST_CLIENTS, async { while clients.join_next().await.is_some() {} }).await;
    };
    Ok((end, Rest(Box::pin(rest))))
}

/// What is left to do for others when the owner is through and the path is handed on: the last clients are served.
pub struct Rest(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Rest {
    /// Does it.
    pub async fn finish(self) {
        self.0.await;
    }
}

/// Each with how it ended for the owner, if it was he and did.
type Clients = JoinSet<Option<End>>;

/// What came of a client.
#[derive(Clone, Copy, Debug, Default)]
struct Client {
    given: bool,
    signed: bool,
    is_forwarded: bool,
}

impl Client {
    /// Whether the owner, if it was he, is through with us.
    async fn end(self, owner: Owner) -> Option<End> {
        match self {
            Self { signed: true, .. } => Some(End::LoggedIn),
            // An ssh that goes on without us leaves us as well, but lives on.
            Self { given: true, .. } if ends(owner).await => Some(End::Denied),
            Self { .. } => None,
        }
    }
}

/// Whether this process is at its end: it has left us, and is gone a moment later.
async fn ends(owner: Owner) -> bool {
    let until = Instant::now() + ITS_END;
    while !owner.has_gone() {
        if Instant::now() > until {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    true
}

/// Has a client served, if it is ours. One that belongs to another agent behind the same path is passed on to it: the
/// youngest is asked by all.
fn admit(client: UnixStream, published: &Published, keeper: &Arc<impl Keeper>, owner: Owner, clients: &mut Clients) {
    let Ok(peer) = client.peer_cred() else { return };
    // The folder is closed to others; the super-user may come in, as everywhere.
    if peer.uid() != rustix::process::geteuid().as_raw() && peer.uid() != 0 {
        return;
    }
    let from = peer.pid().unwrap_or(0);
    let other = if owner.is(from) { None } else { published.agent_of(from) };
    let keeper = Arc::clone(keeper);
    clients.spawn(async move {
        match other {
            Some(other) => pass_on(client, &other, from).await,
            None => serve_client(client, &*keeper, owner, from).await,
        }
    });
}

/// Passes a client on to the agent that it belongs to.
async fn pass_on(mut client: UnixStream, other: &Path, from: i32) -> Option<End> {
    let mut other = UnixStream::connect(other).await.ok()?;
    other.write_all(&Request::OnBehalf(u32::try_from(from).ok()?).encode()).await.ok()?;
    let _ = tokio::io::copy_bidirectional(&mut client, &mut other).await;
    None
}

/// Answers one client until it leaves; says how it ended for the owner, if it was he and did.
async fn serve_client(mut client: UnixStream, keeper: &impl Keeper, owner: Owner, mut from: i32) -> Option<End> {
    let mut found = Client::default();
    while let Some(message) = read(&mut client).await {
        let response = match Request::decode(&message) {
            Request::OnBehalf(process) => {
                from = i32::try_from(process).unwrap_or(0);
                continue;
            }
            Request::Forwarded => {
                found.is_forwarded = true;
                Response::Failure
            }
            // Whoever is at the far side of a session has no business with it.
            _ if found.is_forwarded => Response::Failure,
            request => answer(request, keeper).await,
        };
        found.given |= matches!(&response, Response::Identities(keys) if !keys.is_empty());
        found.signed |= matches!(response, Response::Signature(_));
        if client.write_all(&response.encode()).await.is_err() {
            break;
        }
    }
    if owner.is(from) { found.end(owner).await } else { None }
}

/// The next message, its length left out.
async fn read(client: &mut UnixStream) -> Option<Vec<u8>> {
    let length = usize::try_from(client.read_u32().await.ok()?).ok()?;
    if length == 0 || length > LONGEST {
        return None;
    }
    let mut message = vec![0; length];
    client.read_exact(&mut message).await.ok()?;
    Some(message)
}

async fn answer(request: Request, keeper: &impl Keeper) -> Response {
    match request {
        Request::Identities => Response::Identities(keeper.identity().await.into_iter().collect()),
        Request::Sign { key, data } => keeper.sign(&key, &data).map_or(Response::Failure, Response::Signature),
        Request::HostKeys(request) => Response::HostKeys(keeper.host_keys(request).await),
        Request::OnBehalf(_) | Request::Forwarded | Request::Other => Response::Failure,
    }
}
