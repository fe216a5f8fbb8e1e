//! The task that keeps a data channel moving: bytes between the conversation's websocket and the user's end, its timers, its
//! resumption after the connection was lost, and its end.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::oneshot;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Bytes;
use uuid::Uuid;

use super::Error;
use super::channel::{Broker, NoGrant, connect};
use super::conversation::{Conversation, Now};
use super::line::{self, Ear, Heard, Mouth};
use super::resume::Resumption;
use crate::transport::web::Dialler;
use crate::transport::websocket::WebSocket;

/// Read at once from the user of the stream.
const CHUNK: usize = 16 * 1024;
/// After our last byte has arrived: for what the far side says still.
const LINGER: Duration = Duration::from_secs(2);
/// For our last bytes to arrive, where the far side says nothing more.
const LAST_BYTES: Duration = Duration::from_secs(30);
/// For the service's word that the session has ended.
const FAREWELL: Duration = Duration::from_millis(700);
/// Between two looks where there is nothing to be done.
const REST: Duration = Duration::from_millis(100);

fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { instant: Instant::now(), unix_ms: u64::try_from(unix.as_millis()).unwrap_or_default() }
}

/// What moved.
enum Moved {
    /// From the websocket.
    Heard(Heard),
    /// From the user of the stream; 0 is the end.
    Read(usize),
    /// To the user: so many of the bytes that wait.
    Written(usize),
    /// The user of the stream has gone.
    Gone,
    /// A timer, or something that has no further meaning.
    Nothing,
}

/// How a relay ended, where it did not fail.
enum End {
    /// The service has closed it; its words.
    Closed(String),
    /// Our user has gone, or has said all and been told all.
    Ours,
}

/// What the user's end has said, and what it has been told.
#[derive(Default)]
struct User {
    /// Bytes on their way to him.
    waiting: Bytes,
    /// When he said that he had said all, or when something moved after that.
    said_all: Option<Instant>,
    /// The agent has been told so.
    is_told: bool,
}

/// A session's task.
pub struct Task {
    conversation: Conversation,
    mouth: Mouth,
    ear: Ear,
    resumption: Resumption,
    dialler: Dialler,
    url: String,
    broker: Arc<dyn Broker>,
    /// Why it ended, if not as it should; for the user's end.
    pub(super) end: Arc<OnceLock<Error>>,
}

impl Task {
    pub(super) fn new(socket: WebSocket, dialler: Dialler, url: String, broker: Arc<dyn Broker>) -> Self {
        let (mouth, ear) = line::split(socket);
        Self {
            conversation: Conversation::new(Uuid::new_v4().as_u128()),
            mouth,
            ear,
            resumption: Resumption::default(),
            dialler,
            url,
            broker,
            end: Arc::default(),
        }
    }

    fn take(&mut self, messages: &[Bytes]) -> Result<(), Error> {
        messages.iter().try_for_each(|bytes| self.conversation.take(bytes, now()))
    }

    /// Until bytes may flow.
    pub(super) async fn handshake(&mut self) -> Result<(), Error> {
        while !self.conversation.is_open() {
            let (next_tick, can_take) = (self.conversation.next_tick(), self.conversation.can_take());
            tokio::select! {
                heard = self.ear.listen(), if can_take => match heard {
                    Heard::Messages(messages) => self.take(&messages)?,
                    Heard::End(why) => return Err(Error::Lost(why)),
                },
                () = self.mouth.say(&mut self.conversation) => {}
                () = until(next_tick) => {}
            }
            self.conversation.tick(now());
            if let Some(reason) = self.conversation.closed() {
                return Err(Error::Ended(reason.to_owned()));
            }
        }
        if let Some(message) = self.conversation.take_message() {
            self.broker.notice(format!("Session Manager says: {message}"));
        }
        Ok(())
    }

    /// From the handshake to the end.
    pub(super) async fn live(mut self, pipe: DuplexStream, mut gone: oneshot::Receiver<()>) {
        let (from_user, mut to_user) = tokio::io::split(pipe);
        match self.relay(from_user, &mut to_user, &mut gone).await {
            // The service has closed it: there is nothing to be ended.
            Ok(End::Closed(reason)) if reason.is_empty() => {}
            Ok(End::Closed(reason)) => drop(self.end.set(Error::Ended(reason))),
            Ok(End::Ours) => self.farewell().await,
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

    async fn relay(
        &mut self,
        mut from_user: ReadHalf<DuplexStream>,
        to_user: &mut WriteHalf<DuplexStream>,
        gone: &mut oneshot::Receiver<()>,
    ) -> Result<End, Error> {
        let mut chunk = vec![0; CHUNK];
        let mut user = User::default();
        // How it ended. What has come is the user's before he is told.
        let mut end: Option<Result<End, Error>> = None;
        loop {
            if let Some(ours) = self.serve(&mut user, end.is_some()) {
                return end.unwrap_or(Ok(ours));
            }
            let is_over = end.is_some() || self.conversation.closed().is_some();
            let can_read = self.conversation.can_send() && user.said_all.is_none() && !is_over;
            let can_take = self.conversation.can_take() && !is_over;
            let (next_tick, next_look) = (self.conversation.next_tick(), self.next_look(&user));
            let moved = tokio::select! {
                () = self.mouth.say(&mut self.conversation), if !is_over => Moved::Nothing,
                written = to_user.write(&user.waiting), if !user.waiting.is_empty() => {
                    written.map_or(Moved::Gone, Moved::Written)
                }
                // What is not taken from here is not taken from the network: the far side slows down.
                heard = self.ear.listen(), if can_take => Moved::Heard(heard),
                read = from_user.read(&mut chunk), if can_read => Moved::Read(read.unwrap_or_default()),
                _ = &mut *gone => Moved::Gone,
                () = until(next_tick), if !is_over => Moved::Nothing,
                () = sleep_until(next_look.into()), if !is_over => Moved::Nothing,
            };
            if !can_take {
                self.ear.has_rested();
            }
            let lost = match moved {
                Moved::Gone => return Ok(End::Ours),
                moved => match self.follow(moved, &chunk, &mut user) {
                    Ok(lost) => lost,
                    Err(error) => {
                        end = Some(Err(error));
                        continue;
                    }
                },
            };
            if is_over || self.conversation.closed().is_some() {
                continue;
            }
            self.conversation.tick(now());
            // Where nobody listens, the last words may still be on their way.
            let Some(why) = lost.or_else(|| if can_take { self.look() } else { None }) else { continue };
            match self.resume_beside(&why, to_user, &mut user, gone).await {
                Some(Ok(true)) => {}
                Some(Ok(false)) => end = Some(Ok(End::Closed("the service says that it has timed out".to_owned()))),
                Some(Err(error)) => end = Some(Err(error)),
                None => return Ok(End::Ours),
            }
        }
    }

    /// Resumes the session, while what has come goes on to the user; `None`: he has gone.
    async fn resume_beside(
        &mut self,
        why: &str,
        to_user: &mut WriteHalf<DuplexStream>,
        user: &mut User,
        gone: &mut oneshot::Receiver<()>,
    ) -> Option<Result<bool, Error>> {
        let resumed = self.resume(why);
        tokio::pin!(resumed);
        loop {
            tokio::select! {
                resumed = &mut resumed => return Some(resumed),
                written = to_user.write(&user.waiting), if !user.waiting.is_empty() => match written {
                    Ok(count) => drop(user.waiting.split_to(count)),
                    Err(_) => return None,
                },
                _ = &mut *gone => return None,
            }
        }
    }

    /// What follows from what moved; why the connection was lost, if it was.
    fn follow(&mut self, moved: Moved, chunk: &[u8], user: &mut User) -> Result<Option<String>, Error> {
        match moved {
            Moved::Heard(Heard::Messages(messages)) => {
                self.take(&messages)?;
                user.moved();
            }
            Moved::Heard(Heard::End(why)) => return Ok(Some(why)),
            Moved::Read(0) => user.said_all = Some(Instant::now()),
            Moved::Read(count) => self.conversation.send(&chunk[..count], now()),
            Moved::Written(count) => {
                drop(user.waiting.split_to(count));
                user.moved();
            }
            Moved::Gone | Moved::Nothing => {}
        }
        Ok(None)
    }

    /// What follows from how far the two sides have come; `is_over`: there is nothing more to come.
    fn serve(&mut self, user: &mut User, is_over: bool) -> Option<End> {
        if user.waiting.is_empty() {
            user.waiting = self.conversation.next_received().unwrap_or_default();
        }
        if !user.waiting.is_empty() {
            return None;
        }
        if let Some(reason) = self.conversation.closed() {
            return Some(End::Closed(reason.to_owned()));
        }
        if is_over {
            return Some(End::Ours);
        }
        let quiet = user.said_all?.elapsed();
        match (self.conversation.is_settled(), user.is_told) {
            (true, false) => {
                self.conversation.disconnect(now());
                user.is_told = true;
                None
            }
            (true, true) if quiet >= LINGER => Some(End::Ours),
            (false, _) if quiet >= LAST_BYTES => Some(End::Ours),
            _ => None,
        }
    }

    fn next_look(&self, user: &User) -> Instant {
        let look = self.ear.next_look(&self.mouth, self.waits());
        let wait = if self.conversation.is_settled() { LINGER } else { LAST_BYTES };
        let look = match user.said_all {
            Some(when) if user.waiting.is_empty() => look.min(when + wait),
            _ => look,
        };
        look.max(Instant::now() + REST)
    }

    /// An acknowledgement is waited for, and may be expected.
    fn waits(&self) -> bool {
        !self.conversation.is_settled() && !self.conversation.is_paused()
    }

    fn look(&mut self) -> Option<String> {
        let waits = self.waits().then(|| self.conversation.waiting_for(now()));
        self.ear.look(&mut self.mouth, waits)
    }

    /// A new websocket for the same session; `false`: the service says that it is over.
    async fn resume(&mut self, why: &str) -> Result<bool, Error> {
        self.broker.step(format!("the connection to Session Manager was lost ({why}); resuming the session"));
        let mut pause = self.resumption.lost(self.conversation.progress(), Instant::now());
        if self.resumption.is_hopeless(Instant::now()) {
            return Err(Error::Lost(why.to_owned()));
        }
        loop {
            sleep(pause).await;
            let NoGrant { why, is_network } = match self.broker.resume(self.url.clone()).await {
                Ok(None) => return Ok(false),
                Ok(Some(grant)) => {
                    let url = grant.url.expose().clone();
                    match connect(&self.dialler, grant).await {
                        Ok(socket) => {
                            self.taken_up(socket, url);
                            return Ok(true);
                        }
                        Err(error) => NoGrant { why: error.to_string(), is_network: error.may_pass() },
                    }
                }
                Err(no) => no,
            };
            match self.resumption.failed(is_network, Instant::now()) {
                Some(next) => pause = next,
                None => return Err(Error::Lost(why)),
            }
            self.broker.step(format!("not yet: {why}"));
        }
    }

    fn taken_up(&mut self, socket: WebSocket, url: String) {
        (self.mouth, self.ear) = line::split(socket);
        self.url = url;
        self.resumption.had(Instant::now());
        self.conversation.reconnected(now());
        self.broker.step("the session goes on".to_owned());
    }

    /// Our user has gone: the agent is told, and the service where the agent does not see to it.
    async fn farewell(&mut self) {
        let is_told = self.conversation.terminate(now());
        let goodbye = async {
            while is_told && self.conversation.closed().is_none() {
                tokio::select! {
                    () = self.mouth.say(&mut self.conversation) => {}
                    heard = self.ear.listen() => match heard {
                        Heard::Messages(messages) => {
                            let taken = messages.iter().try_for_each(|bytes| self.conversation.take(bytes, now()));
                            if taken.is_err() {
                                return false;
                            }
                        }
                        Heard::End(_) => return false,
                    },
                }
                while self.conversation.next_received().is_some() {}
            }
            is_told
        };
        if timeout(FAREWELL, goodbye).await != Ok(true) {
            self.broker.terminate().await;
        }
        let _ = timeout(FAREWELL, self.mouth.close()).await;
    }
}

impl User {
    /// Something moved: what he waits for may still come.
    fn moved(&mut self) {
        self.said_all = self.said_all.map(|_| Instant::now());
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}
