//! The task that keeps a data channel moving: the websocket below, the conversation, its timers, its resumption after the
//! connection was lost, and its end, which the service is told of whatever happens.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{Sink, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf};
use tokio::sync::oneshot;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::conversation::{Conversation, Now};
use super::{Error, handshake};
use crate::secret::Secret;
use crate::transport::web::Dialler;
use crate::transport::websocket::{self, WebSocket};

/// From the websocket to the agent's word that bytes may flow; the agent itself gives up after 15 s.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// Bytes on their way between the task and whoever uses the stream.
const PIPE: usize = 128 * 1024;
/// Read at once from the user of the stream.
const CHUNK: usize = 16 * 1024;
/// An idle websocket is asked whether it lives.
const PING: Duration = Duration::from_secs(60);
/// How long it may take to say so, or to acknowledge what was sent.
const DEAD: Duration = Duration::from_secs(20);
/// For a lost connection, the service's word that the session may go on: so many tries.
const TRIES: u32 = 5;
/// For a network that is gone: a lid was closed, a train is in a tunnel.
const NETWORK_BACK: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// After our last byte: for the acknowledgements, and for what the far side says still.
const LINGER: Duration = Duration::from_secs(2);
/// For the service's word that the session has ended.
const FAREWELL: Duration = Duration::from_millis(700);

/// Leave to open the data channel, once.
#[derive(Debug)]
pub struct Grant {
    /// Where.
    pub url: String,
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
    /// For `-v`.
    fn step(&self, text: String);
    /// For the person.
    fn notice(&self, text: String);
}

/// The sessions that the service has not been told the end of.
static OPEN: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

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

/// The port's bytes. Dropping it ends the session.
pub struct SessionStream {
    pipe: DuplexStream,
    /// Why it ended, if not as it should.
    end: Arc<OnceLock<Error>>,
    _alive: oneshot::Sender<()>,
}

impl AsyncRead for SessionStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.pipe).poll_read(cx, into);
        match (&polled, self.end.get()) {
            (Poll::Ready(Ok(())), Some(error)) if into.filled().len() == before && into.remaining() > 0 => {
                Poll::Ready(Err(io::Error::other(error.clone())))
            }
            _ => polled,
        }
    }
}

impl AsyncWrite for SessionStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// Opens the data channel and waits for the agent. However it goes, and also when nobody waits for it any more, the session
/// is ended in the end: to be called within [`spawn`].
///
/// # Errors
/// Whatever stands in the way.
pub async fn open(dialler: Dialler, grant: Grant, broker: Arc<dyn Broker>) -> Result<SessionStream, Error> {
    let url = grant.url.clone();
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
    let (alive, gone) = oneshot::channel();
    let end = Arc::clone(&task.end);
    spawn(task.live(ours, gone));
    Ok(SessionStream { pipe: theirs, end, _alive: alive })
}

async fn connect(dialler: &Dialler, grant: Grant) -> Result<WebSocket, Error> {
    let opened = websocket::open(dialler, &Secret::new(grant.url), &grant.headers).await?;
    let mut socket = opened.socket;
    let (request_id, client_id) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    let hello = handshake::open_data_channel(grant.token.expose(), &request_id, &client_id);
    socket.send(Message::Text(hello.into())).await.map_err(lost)?;
    Ok(socket)
}

fn lost(error: tokio_tungstenite::tungstenite::Error) -> Error {
    Error::Lost(websocket::sort(error).to_string())
}

fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { instant: Instant::now(), unix_ms: u64::try_from(unix.as_millis()).unwrap_or_default() }
}

struct Task {
    conversation: Conversation,
    sink: SplitSink<WebSocket, Message>,
    stream: SplitStream<WebSocket>,
    /// Something was given to the websocket that it may not have passed on yet.
    is_unflushed: bool,
    heard: Instant,
    pinged: Option<Instant>,
    dialler: Dialler,
    url: String,
    broker: Arc<dyn Broker>,
    end: Arc<OnceLock<Error>>,
}

/// What moved.
enum Moved {
    /// From the websocket.
    Message(Bytes),
    /// From the websocket, and without bytes: it lives.
    Heard,
    /// From the user of the stream; 0 is the end.
    Read(usize),
    /// To the user: so many of the bytes that wait.
    Written(usize),
    /// The user of the stream has gone.
    Gone,
    /// The websocket is not what it was.
    Lost(String),
    /// A timer, or something that has no further meaning.
    Nothing,
}

impl Task {
    fn new(socket: WebSocket, dialler: Dialler, url: String, broker: Arc<dyn Broker>) -> Self {
        let (sink, stream) = socket.split();
        Self {
            conversation: Conversation::new(Uuid::new_v4().as_u128()),
            sink,
            stream,
            is_unflushed: false,
            heard: Instant::now(),
            pinged: None,
            dialler,
            url,
            broker,
            end: Arc::default(),
        }
    }

    /// Until bytes may flow.
    async fn handshake(&mut self) -> Result<(), Error> {
        while !self.conversation.is_open() {
            let next_tick = self.conversation.next_tick();
            let moved = tokio::select! {
                message = next(&mut self.stream) => message,
                sent = push(&mut self.sink, &mut self.conversation, &mut self.is_unflushed) => sent,
                () = until(next_tick) => Moved::Nothing,
            };
            match moved {
                Moved::Message(bytes) => self.conversation.take(&bytes, now())?,
                Moved::Lost(why) => return Err(Error::Lost(why)),
                _ => {}
            }
            self.conversation.tick(now());
            if let Some(reason) = self.conversation.closed() {
                return Err(Error::Ended(reason.to_owned()));
            }
        }
        if let Some(message) = self.conversation.take_message() {
            self.broker.notice(message);
        }
        Ok(())
    }

    /// From the handshake to the end.
    async fn live(mut self, pipe: DuplexStream, gone: oneshot::Receiver<()>) {
        let (from_user, mut to_user) = tokio::io::split(pipe);
        match self.relay(from_user, &mut to_user, gone).await {
            // The service has closed it: there is nothing to be ended.
            Ok(Some(reason)) if reason.is_empty() => {}
            Ok(Some(reason)) => drop(self.end.set(Error::Ended(reason))),
            Ok(None) => self.farewell().await,
            Err(error) => {
                let _ = self.end.set(error);
                // The user learns of it now, the service a moment later.
                let _ = to_user.shutdown().await;
                drop(to_user);
                return self.broker.terminate().await;
            }
        }
        let _ = to_user.shutdown().await;
    }

    /// Moves bytes until one side ends it: the service (its words), or our user (`None`).
    async fn relay(
        &mut self,
        mut from_user: ReadHalf<DuplexStream>,
        to_user: &mut WriteHalf<DuplexStream>,
        mut gone: oneshot::Receiver<()>,
    ) -> Result<Option<String>, Error> {
        let mut chunk = vec![0; CHUNK];
        let mut waiting = Bytes::new();
        // When our user said that he had said all.
        let mut said_all: Option<Instant> = None;
        let mut is_disconnected = false;
        loop {
            if waiting.is_empty() {
                waiting = self.conversation.next_received().unwrap_or_default();
            }
            if waiting.is_empty()
                && let Some(reason) = self.conversation.closed()
            {
                return Ok(Some(reason.to_owned()));
            }
            if said_all.is_some() && self.conversation.is_settled() && !is_disconnected {
                self.conversation.disconnect(now());
                is_disconnected = true;
            }
            let can_read = self.conversation.can_send() && said_all.is_none();
            let (next_tick, next_look) = (self.conversation.next_tick(), self.next_look(said_all));
            let moved = tokio::select! {
                sent = push(&mut self.sink, &mut self.conversation, &mut self.is_unflushed) => sent,
                // What is not taken from here is not taken from the network: the far side slows down.
                written = to_user.write(&waiting), if !waiting.is_empty() => {
                    written.map_or(Moved::Gone, Moved::Written)
                }
                message = next(&mut self.stream), if waiting.is_empty() => message,
                read = from_user.read(&mut chunk), if can_read => Moved::Read(read.unwrap_or_default()),
                _ = &mut gone => Moved::Gone,
                () = until(next_tick) => Moved::Nothing,
                () = sleep_until(next_look.into()) => Moved::Nothing,
            };
            match moved {
                Moved::Heard => (self.heard, self.pinged) = (Instant::now(), None),
                Moved::Message(bytes) => {
                    (self.heard, self.pinged) = (Instant::now(), None);
                    self.conversation.take(&bytes, now())?;
                    said_all = said_all.map(|_| Instant::now());
                }
                Moved::Read(0) => said_all = Some(Instant::now()),
                Moved::Read(count) => self.conversation.send(&chunk[..count], now()),
                Moved::Written(count) => {
                    drop(waiting.split_to(count));
                    // Nobody listened meanwhile.
                    self.heard = Instant::now();
                }
                Moved::Gone => return Ok(None),
                Moved::Lost(why) => {
                    if !self.resume(&why).await? {
                        return Ok(Some("the service says that it has timed out".to_owned()));
                    }
                }
                Moved::Nothing => {}
            }
            self.conversation.tick(now());
            if said_all.is_some_and(|when| when.elapsed() >= LINGER) && waiting.is_empty() {
                return Ok(None);
            }
            if waiting.is_empty()
                && let Some(why) = self.look()
                && !self.resume(&why).await?
            {
                return Ok(Some("the service says that it has timed out".to_owned()));
            }
        }
    }

    /// When to look after the connection, or after a user who has said all.
    fn next_look(&self, said_all: Option<Instant>) -> Instant {
        let look = self.pinged.map_or(self.heard + PING, |pinged| pinged + DEAD);
        let look = if self.conversation.is_settled() { look } else { look.min(self.heard + DEAD) };
        // Not at once again, where nothing can be done.
        let look = look.max(Instant::now() + Duration::from_millis(100));
        said_all.map_or(look, |when| look.min(when + LINGER))
    }

    /// Whether the connection still lives; why not.
    fn look(&mut self) -> Option<String> {
        let dead = |since: Instant| since.elapsed() >= DEAD;
        let unanswered = self.conversation.waiting_for(now()) >= DEAD && dead(self.heard);
        if self.pinged.is_some_and(dead) || unanswered {
            return Some(format!("no answer in {} s", DEAD.as_secs()));
        }
        if self.pinged.is_none() && self.heard.elapsed() >= PING {
            self.pinged = Some(Instant::now());
            self.is_unflushed = true;
            let ping = Message::Ping(Bytes::from_static(b"keepalive"));
            // A sink that takes nothing is dead, too: the next look sees it.
            let _ = Pin::new(&mut self.sink).start_send(ping);
        }
        None
    }

    /// A new websocket for the same session; `false`: the service says that it is over.
    async fn resume(&mut self, why: &str) -> Result<bool, Error> {
        self.broker.step(format!("the connection to Session Manager was lost ({why}); resuming the session"));
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        loop {
            let why = match self.broker.resume(self.url.clone()).await {
                Ok(None) => return Ok(false),
                Ok(Some(grant)) => {
                    let url = grant.url.clone();
                    match connect(&self.dialler, grant).await {
                        Ok(socket) => {
                            self.taken_up(socket, url);
                            return Ok(true);
                        }
                        Err(error) => NoGrant { why: error.to_string(), is_network: true },
                    }
                }
                Err(no) => no,
            };
            tries += 1;
            if (!why.is_network && tries >= TRIES) || begun.elapsed() >= NETWORK_BACK {
                return Err(Error::Lost(why.why));
            }
            self.broker.step(format!("not yet: {}", why.why));
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn taken_up(&mut self, socket: WebSocket, url: String) {
        (self.sink, self.stream) = socket.split();
        (self.url, self.heard, self.pinged, self.is_unflushed) = (url, Instant::now(), None, false);
        self.conversation.reconnected(now());
        self.broker.step("the session goes on".to_owned());
    }

    /// Our user has gone: the agent is told, and the service where the agent does not see to it.
    async fn farewell(&mut self) {
        let is_told = self.conversation.terminate(now());
        let goodbye = async {
            while is_told && self.conversation.closed().is_none() {
                let moved = tokio::select! {
                    sent = push(&mut self.sink, &mut self.conversation, &mut self.is_unflushed) => sent,
                    message = next(&mut self.stream) => message,
                };
                match moved {
                    Moved::Message(bytes) if self.conversation.take(&bytes, now()).is_ok() => {}
                    Moved::Nothing | Moved::Heard => {}
                    _ => return false,
                }
                while self.conversation.next_received().is_some() {}
            }
            is_told
        };
        if timeout(FAREWELL, goodbye).await != Ok(true) {
            self.broker.terminate().await;
        }
        let _ = timeout(FAREWELL, self.sink.close()).await;
    }
}

/// The next message with bytes in it, or the websocket's end.
async fn next(stream: &mut SplitStream<WebSocket>) -> Moved {
    match stream.next().await {
        Some(Ok(Message::Binary(bytes))) => Moved::Message(bytes),
        Some(Ok(Message::Close(close))) => Moved::Lost(match close {
            Some(close) => format!("closed with code {}: {}", u16::from(close.code), close.reason),
            None => "closed".to_owned(),
        }),
        // That it says something is all that counts.
        Some(Ok(_)) => Moved::Heard,
        Some(Err(error)) => Moved::Lost(websocket::sort(error).to_string()),
        None => Moved::Lost("closed".to_owned()),
    }
}

/// Gives the websocket what is to be sent, and has it sent. Without anything to do it never returns. What it has begun is in
/// its arguments, so that it may be dropped.
async fn push(
    sink: &mut SplitSink<WebSocket, Message>,
    conversation: &mut Conversation,
    is_unflushed: &mut bool,
) -> Moved {
    std::future::poll_fn(|cx| {
        let failed = |error| Poll::Ready(Moved::Lost(websocket::sort(error).to_string()));
        loop {
            match Pin::new(&mut *sink).poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return failed(error),
                Poll::Pending => return Poll::Pending,
            }
            let Some(bytes) = conversation.next_to_send() else { break };
            *is_unflushed = true;
            if let Err(error) = Pin::new(&mut *sink).start_send(Message::Binary(bytes)) {
                return failed(error);
            }
        }
        if !*is_unflushed {
            return Poll::Pending;
        }
        match Pin::new(&mut *sink).poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                *is_unflushed = false;
                Poll::Ready(Moved::Nothing)
            }
            Poll::Ready(Err(error)) => failed(error),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}
