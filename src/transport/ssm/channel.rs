//! The lifecycle of a session: opens its data channel, runs its task, and makes sure that the service is told of its
//! end.

use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::SinkExt;
use futures_util::future::join_all;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::relay::Relay;
use super::stream::SessionStream;
use super::{Error, handshake};
use crate::secret::Secret;
use crate::transport::web::Connector;
use crate::transport::websocket::{self, WebSocket};

/// Timeout for the handshake on an open websocket; the agent itself gives up after 15 s.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// Capacity in bytes of the pipe between the task and the user of the stream.
const PIPE_CAPACITY: usize = 128 * 1024;

/// Single-use credentials for a session's data channel: URL, token and signed headers.
#[derive(Debug)]
pub struct ChannelToken {
    /// The URL of the data channel; may be presigned.
    pub url: Secret<String>,
    /// The token that opens the data channel.
    pub token: Secret<String>,
    /// The headers that sign the websocket upgrade.
    pub headers: Vec<(String, Secret<String>)>,
}

/// The reason why a session cannot be resumed now.
#[derive(Debug)]
pub struct ResumeError {
    /// The reason as readable text.
    pub why: String,
    /// Whether the network failed, which may recover.
    pub is_network: bool,
}

/// A boxed future returned by a [`SessionApi`].
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The API calls and the progress reports of one session, apart from its data channel.
pub trait SessionApi: Send + Sync + 'static {
    /// Returns new credentials for the data channel, or `None` if the session is over.
    fn resume(&self, old_url: String) -> BoxFuture<'_, Result<Option<ChannelToken>, ResumeError>>;
    /// Ends the session at the service.
    fn terminate(&self) -> BoxFuture<'_, ()>;
    /// Ends the session over new connections, for use on another runtime.
    fn terminate_with_fresh_pool(&self) -> BoxFuture<'_, ()>;
    /// Reports a step, shown with `-v`.
    fn step(&self, text: String);
    /// Shows a notice to the user.
    fn notice(&self, text: String);
}

/// The tasks of sessions whose end has not been reported to the service yet.
static SESSION_TASKS: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// The brokers that can end the sessions when their tasks no longer run, for example after a panic.
static SESSION_APIS: Mutex<Vec<Weak<dyn SessionApi>>> = Mutex::new(Vec::new());

fn session_apis() -> Vec<Arc<dyn SessionApi>> {
    SESSION_APIS.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
}

/// Whether a session may still be open at the service.
pub fn any_open() -> bool {
    !session_apis().is_empty()
}

/// Ends each session over new connections on this runtime, within `limit`.
pub async fn terminate_all(limit: Duration) {
    let session_apis = session_apis();
    let _ = timeout(limit, join_all(session_apis.iter().map(|api| api.terminate_with_fresh_pool()))).await;
}

/// Spawns a part of a session's lifecycle that must finish although no task awaits it.
pub fn spawn(lifecycle: impl Future<Output = ()> + Send + 'static) {
    SESSION_TASKS.spawn(lifecycle);
}

/// Waits, for `limit` at most, until the service has been told of each session's end. Called when the program ends;
/// the streams must have been dropped before.
pub async fn wait_until_all_ended(limit: Duration) {
    if !SESSION_TASKS.is_empty() {
        SESSION_TASKS.close();
        let _ = timeout(limit, SESSION_TASKS.wait()).await;
        SESSION_TASKS.reopen();
    }
}

/// Opens the data channel and waits for the agent's handshake. On failure the session is ended; a caller that drops
/// this future has to end it itself. Must be called within [`spawn`].
///
/// # Errors
/// Fails if the websocket cannot be opened, or if the handshake fails or times out.
pub async fn open(connector: Connector, grant: ChannelToken, api: Arc<dyn SessionApi>) -> Result<SessionStream, Error> {
    SESSION_APIS.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&api));
    let url = grant.url.expose().clone();
    let opened = async {
        let mut task = Relay::new(connect(&connector, grant).await?, connector, url, Arc::clone(&api));
        match timeout(HANDSHAKE_TIMEOUT, task.handshake()).await {
            Ok(done) => done.map(|()| task),
            Err(_) => Err(Error::NoHandshake(HANDSHAKE_TIMEOUT.as_secs())),
        }
    };
    let task = match opened.await {
        Ok(task) => task,
        Err(error) => {
            api.terminate().await;
            return Err(error);
        }
    };
    let (ours, theirs) = tokio::io::duplex(PIPE_CAPACITY);
    let (stream, dropped) = SessionStream::new(theirs, Arc::clone(&task.end));
    spawn(task.run(ours, dropped));
    Ok(stream)
}

/// Opens the websocket of the data channel and sends its first message.
pub(super) async fn connect(connector: &Connector, grant: ChannelToken) -> Result<WebSocket, Error> {
    let opened = websocket::open(connector, &grant.url, &grant.headers).await?;
    let mut socket = opened.socket;
    let (request_id, client_id) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    let hello = handshake::open_data_channel(grant.token.expose(), &request_id, &client_id);
    socket.send(Message::Text(hello.into())).await.map_err(lost)?;
    Ok(socket)
}

fn lost(error: tungstenite::Error) -> Error {
    Error::Lost(websocket::to_io_error(error).to_string())
}
