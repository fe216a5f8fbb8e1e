//! A session's life: its data channel is opened, its task runs, and the service is told of its end whatever happens.

use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::SinkExt;
use futures_util::future::join_all;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::relay::Task;
use super::stream::SessionStream;
use super::{Error, handshake};
use crate::secret::Secret;
use crate::transport::web::Dialler;
use crate::transport::websocket::{self, WebSocket};

/// From the websocket to the agent's word that bytes may flow; the agent itself gives up after 15 s.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// Bytes on their way between the task and whoever uses the stream.
const PIPE: usize = 128 * 1024;

/// Leave to open the data channel, once.
#[derive(Debug)]
pub struct Grant {
    /// Where; it may be signed.
    pub url: Secret<String>,
    /// What opens it.
    pub token: Secret<String>,
    /// What signs the upgrade.
    pub headers: Vec<(String, Secret<String>)>,
}

/// Why a session cannot be resumed now.
#[derive(Debug)]
pub struct NoGrant {
    /// In words.
    pub why: String,
    /// It is the network, which may come back.
    pub is_network: bool,
}

/// A future of a [`Broker`].
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The service's side of one session, apart from its data channel.
pub trait Broker: Send + Sync + 'static {
    /// Leave to open the data channel anew; `None`: the session is over.
    fn resume(&self, old_url: String) -> Answer<'_, Result<Option<Grant>, NoGrant>>;
    /// Ends the session.
    fn terminate(&self) -> Answer<'_, ()>;
    /// Ends the session by connections that nobody has used: for a runtime of its own.
    fn terminate_afresh(&self) -> Answer<'_, ()>;
    /// For `-v`.
    fn step(&self, text: String);
    /// For the person.
    fn notice(&self, text: String);
}

/// The sessions that the service has not been told the end of.
static OPEN: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// Those who can end them, where the tasks that would are no longer run.
static BROKERS: Mutex<Vec<Weak<dyn Broker>>> = Mutex::new(Vec::new());

fn brokers() -> Vec<Arc<dyn Broker>> {
    BROKERS.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
}

/// Whether there is a session that the service takes for open.
pub fn any_open() -> bool {
    !brokers().is_empty()
}

/// Ends each session, by connections of this runtime; but not for ever.
pub async fn terminate_all(patience: Duration) {
    let brokers = brokers();
    let _ = timeout(patience, join_all(brokers.iter().map(|broker| broker.terminate_afresh()))).await;
}

/// Runs a piece of a session's life that must come to its end although nobody waits for it.
pub fn spawn(life: impl Future<Output = ()> + Send + 'static) {
    OPEN.spawn(life);
}

/// Waits until the service has been told of each session's end, but not for ever. For the end of the program: what
/// used the streams must have been dropped.
pub async fn all_ended(patience: Duration) {
    if !OPEN.is_empty() {
        OPEN.close();
        let _ = timeout(patience, OPEN.wait()).await;
        OPEN.reopen();
    }
}

/// Opens the data channel and waits for the agent. Where that fails the session is ended; whoever drops this future has to
/// end it himself. To be called within [`spawn`].
///
/// # Errors
/// Whatever stands in the way.
pub async fn open(dialler: Dialler, grant: Grant, broker: Arc<dyn Broker>) -> Result<SessionStream, Error> {
    BROKERS.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&broker));
    let url = grant.url.expose().clone();
    let opened = async {
        let mut task = Task::new(connect(&dialler, grant).await?, dialler, url, Arc::clone(&broker));
        match timeout(HANDSHAKE, task.handshake()).await {
            Ok(done) => done.map(|()| task),
            Err(_) => Err(Error::NoHandshake(HANDSHAKE.as_secs())),
        }
    };
    let task = match opened.await {
        Ok(task) => task,
        Err(error) => {
            broker.terminate().await;
            return Err(error);
        }
    };
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let (stream, gone) = SessionStream::new(theirs, Arc::clone(&task.end));
    spawn(task.live(ours, gone));
    Ok(stream)
}

/// A websocket to the data channel, with its first message sent.
pub(super) async fn connect(dialler: &Dialler, grant: Grant) -> Result<WebSocket, Error> {
    let opened = websocket::open(dialler, &grant.url, &grant.headers).await?;
    let mut socket = opened.socket;
    let (request_id, client_id) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    let hello = handshake::open_data_channel(grant.token.expose(), &request_id, &client_id);
    socket.send(Message::Text(hello.into())).await.map_err(lost)?;
    Ok(socket)
}

fn lost(error: tungstenite::Error) -> Error {
    Error::Lost(websocket::sort(error).to_string())
}
