//! The task of a data channel: moves bytes between the websocket and the local stream, runs the timers, resumes the
//! session after the connection was lost, and ends it.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;
use tokio_tungstenite::tungstenite::Bytes;

use super::api::{KeyError, SessionApi};
use super::data_channel::{DataChannel, Now};
use super::error::Error;
use super::handshake::Version;
use super::item::Item;
use super::local::{LocalReader, LocalWriter};
use super::resume::Resumption;
use super::ws::{self, Received, WsSink, WsStream};
use crate::program::Input;
use crate::web::Connector;
use crate::web::websocket::WebSocket;
use crate::when;

/// Timeout for more data from the far side, once all of ours is acknowledged.
const REMOTE_IDLE_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout for the acknowledgement of our last bytes while the far side sends nothing.
const LAST_ACK_TIMEOUT: Duration = Duration::from_secs(30);
/// Shortest interval between two checks of the connection.
const MIN_CHECK_INTERVAL: Duration = Duration::from_millis(100);

fn now() -> Now {
    Now { instant: Instant::now(), unix_ms: when::unix_milliseconds() }
}

mod lifecycle;

/// The I/O event that woke the task.
enum IoEvent {
    /// Messages arrived from the websocket, or it ended.
    Received(Received),
    /// Input of the local side.
    Read(Input),
    /// The waiting item was delivered to the local side, or a part of it.
    Written,
    /// The local stream was dropped.
    LocalDropped,
    /// A timer, or an event that needs no action.
    Nothing,
}

/// The outcome of a relay that did not fail.
enum End {
    /// The service closed the channel, with this reason.
    Closed(String),
    /// The local side closed the stream, or both directions reached EOF.
    LocalDone,
}

/// The state of the local end of the session.
#[derive(Default)]
struct LocalEnd {
    /// The received item that waits to be delivered to the local side.
    waiting: Option<Item>,
    /// The time when the local side stopped sending, or of the last transfer after that.
    input_ended: Option<Instant>,
    /// Whether the agent has been told that the local side stopped sending.
    end_sent: bool,
}

/// The task that runs a session.
pub(super) struct Relay {
    data_channel: DataChannel,
    ws_sink: WsSink,
    ws_stream: WsStream,
    resumption: Resumption,
    connector: Connector,
    url: String,
    api: Arc<dyn SessionApi>,
    /// Receives the reports that the agent cannot connect.
    refusals: mpsc::UnboundedSender<()>,
    /// The error that ended the session, if any; shared with the local stream.
    pub(super) end: Arc<OnceLock<Error>>,
}

impl Relay {
    pub(super) fn new(
        data_channel: DataChannel,
        socket: WebSocket,
        connector: Connector,
        url: String,
        api: Arc<dyn SessionApi>,
        refusals: mpsc::UnboundedSender<()>,
    ) -> Self {
        let (ws_sink, ws_stream) = ws::split(socket);
        Self {
            data_channel,
            ws_sink,
            ws_stream,
            resumption: Resumption::default(),
            connector,
            url,
            api,
            refusals,
            end: Arc::default(),
        }
    }

    fn take(&mut self, messages: &[Bytes]) -> Result<(), Error> {
        let taken = messages.iter().try_for_each(|bytes| self.data_channel.take(bytes, now()));
        for _ in 0..self.data_channel.take_refusals() {
            let _ = self.refusals.send(());
        }
        taken
    }

    /// Returns the version of the agent, after the handshake.
    pub(super) fn agent(&self) -> Version {
        self.data_channel.agent()
    }

    /// Whether the program of the session has a terminal.
    pub(super) fn is_interactive(&self) -> bool {
        self.data_channel.is_interactive()
    }

    /// Takes a program that has printed nothing for running; returns false if a handshake has begun.
    pub(super) fn assume_open(&mut self) -> bool {
        self.data_channel.assume_open()
    }

    /// Runs the handshake until data may be sent, or until the session of a program has ended.
    pub(super) async fn handshake(&mut self) -> Result<(), Error> {
        while !self.data_channel.is_open() {
            let (next_tick, can_take) = (self.data_channel.next_tick(Instant::now()), self.data_channel.can_take());
            tokio::select! {
                received = self.ws_stream.recv(), if can_take => match received {
                    Received::Messages(messages) => self.take(&messages)?,
                    Received::End(why) => return Err(Error::Lost(why)),
                },
                () = self.ws_sink.flush(&mut self.data_channel) => {}
                () = until(next_tick) => {}
            }
            self.data_channel.tick(now());
            match self.data_channel.closed() {
                // A program that has printed nothing.
                Some("") if self.data_channel.is_program() => return Ok(()),
                // The program has ended by now; what it has printed goes first.
                Some(_) if self.data_channel.has_received() => return Ok(()),
                Some(reason) => return Err(Error::Ended(reason.to_owned())),
                None => {}
            }
            if let Some(wanted) = self.data_channel.wanted_key() {
                let key_id = wanted.key_id.clone();
                let failed = |KeyError { reason, denied }| Error::Key { key_id, reason, denied };
                let key = self.api.data_key(wanted).await.map_err(failed)?;
                self.data_channel.provide_key(&key, now())?;
            }
        }
        if let Some(message) = self.data_channel.take_message() {
            self.api.notice(format!("Session Manager says: {message}"));
        }
        Ok(())
    }

    /// Runs the session from the handshake to its end.
    pub(super) async fn run(
        mut self,
        (from_local, mut to_local): (LocalReader, LocalWriter),
        mut dropped: oneshot::Receiver<()>,
    ) {
        match self.relay(from_local, &mut to_local, &mut dropped).await {
            // The service closed the session, so there is nothing left to end.
            Ok(End::Closed(reason)) if reason.is_empty() => {}
            Ok(End::Closed(reason)) => drop(self.end.set(Error::Ended(reason))),
            Ok(End::LocalDone) => self.end_session().await,
            Err(error) => {
                let _ = self.end.set(error);
                // The local side is told first, because ending the session takes longer.
                to_local.shutdown().await;
                return self.api.terminate().await;
            }
        }
        to_local.shutdown().await;
    }

    async fn relay(
        &mut self,
        mut from_local: LocalReader,
        to_local: &mut LocalWriter,
        dropped: &mut oneshot::Receiver<()>,
    ) -> Result<End, Error> {
        let mut local = LocalEnd::default();
        // The outcome, once it is known. Received bytes are delivered before the local side is told.
        let mut end: Option<Result<End, Error>> = None;
        loop {
            if let Some(local_done) = self.next_action(&mut local, end.is_some()) {
                return end.unwrap_or(Ok(local_done));
            }
            let is_over = end.is_some() || self.data_channel.closed().is_some();
            let can_read = self.data_channel.can_send() && local.input_ended.is_none() && !is_over;
            let can_take = self.data_channel.can_take() && !is_over;
            let (next_tick, next_check) = (self.data_channel.next_tick(Instant::now()), self.next_check(&local));
            let event = tokio::select! {
                () = self.ws_sink.flush(&mut self.data_channel), if !is_over => IoEvent::Nothing,
                written = to_local.write(&mut local.waiting), if local.waiting.is_some() => {
                    written.map_or(IoEvent::LocalDropped, |()| IoEvent::Written)
                }
                // Messages that are not read here are not read from the network, so the far side slows down.
                received = self.ws_stream.recv(), if can_take => IoEvent::Received(received),
                input = from_local.next(), if can_read => IoEvent::Read(input),
                _ = &mut *dropped => IoEvent::LocalDropped,
                () = until(next_tick), if !is_over => IoEvent::Nothing,
                () = sleep_until(next_check.into()), if !is_over => IoEvent::Nothing,
            };
            if !can_take {
                self.ws_stream.restart_idle_timer();
            }
            let lost = match event {
                IoEvent::LocalDropped => return Ok(End::LocalDone),
                event => match self.on_event(event, &mut local) {
                    Ok(lost) => lost,
                    Err(error) => {
                        end = Some(Err(error));
                        continue;
                    }
                },
            };
            if is_over || self.data_channel.closed().is_some() {
                continue;
            }
            self.data_channel.tick(now());
            // While nothing is read, the reason of an end may still be unread, so the connection is not checked.
            let Some(why) = lost.or_else(|| if can_take { self.check_alive() } else { None }) else { continue };
            match self.resume_while_draining(&why, to_local, &mut local, dropped).await {
                Some(Ok(true)) => {}
                Some(Ok(false)) => end = Some(Ok(End::Closed("it timed out or was terminated".to_owned()))),
                Some(Err(error)) => end = Some(Err(error)),
                None => return Ok(End::LocalDone),
            }
        }
    }

    /// Resumes the session while received bytes are still written to the local stream. Returns `None` if that stream
    /// was dropped.
    async fn resume_while_draining(
        &mut self,
        why: &str,
        to_local: &mut LocalWriter,
        local: &mut LocalEnd,
        dropped: &mut oneshot::Receiver<()>,
    ) -> Option<Result<bool, Error>> {
        let resumed = self.resume(why);
        tokio::pin!(resumed);
        loop {
            tokio::select! {
                resumed = &mut resumed => return Some(resumed),
                written = to_local.write(&mut local.waiting), if local.waiting.is_some() => {
                    if written.is_err() {
                        return None;
                    }
                }
                _ = &mut *dropped => return None,
            }
        }
    }

    /// Handles an event. Returns the reason if the connection was lost.
    fn on_event(&mut self, event: IoEvent, local: &mut LocalEnd) -> Result<Option<String>, Error> {
        match event {
            IoEvent::Received(Received::Messages(messages)) => {
                self.take(&messages)?;
                local.event();
            }
            IoEvent::Received(Received::End(why)) => return Ok(Some(why)),
            IoEvent::Read(Input::Eof) => local.input_ended = Some(Instant::now()),
            IoEvent::Read(Input::Bytes(bytes)) => self.data_channel.send(&bytes, now())?,
            IoEvent::Read(Input::Resized(size)) => self.data_channel.resize(size.columns, size.rows, now()),
            IoEvent::Written => local.event(),
            IoEvent::LocalDropped | IoEvent::Nothing => {}
        }
        Ok(None)
    }

    /// Prepares the next bytes for the local stream, tells the agent when the local side stopped sending, and returns
    /// the outcome once both sides are done. `is_over`: nothing more will arrive.
    fn next_action(&mut self, local: &mut LocalEnd, is_over: bool) -> Option<End> {
        if local.waiting.is_none() {
            local.waiting = self.data_channel.next_received();
        }
        if local.waiting.is_some() {
            return None;
        }
        if let Some(reason) = self.data_channel.closed() {
            return Some(End::Closed(reason.to_owned()));
        }
        if is_over {
            return Some(End::LocalDone);
        }
        if self.data_channel.is_program() {
            // The end of a program's input is not the end of its output.
            return None;
        }
        let quiet = local.input_ended?.elapsed();
        match (self.data_channel.is_settled(), local.end_sent) {
            (true, false) => {
                self.data_channel.disconnect(now());
                local.end_sent = true;
                None
            }
            (true, true) if quiet >= REMOTE_IDLE_TIMEOUT => Some(End::LocalDone),
            (false, _) if quiet >= LAST_ACK_TIMEOUT => Some(End::LocalDone),
            _ => None,
        }
    }

    fn next_check(&self, local: &LocalEnd) -> Instant {
        let check_alive = self.ws_stream.next_check(&self.ws_sink, self.awaits_ack());
        let wait = if self.data_channel.is_settled() { REMOTE_IDLE_TIMEOUT } else { LAST_ACK_TIMEOUT };
        let check_alive = match local.input_ended {
            Some(when) if local.waiting.is_none() && !self.data_channel.is_program() => check_alive.min(when + wait),
            _ => check_alive,
        };
        check_alive.max(Instant::now() + MIN_CHECK_INTERVAL)
    }

    /// Whether an acknowledgement is outstanding and sending is not paused.
    fn awaits_ack(&self) -> bool {
        !self.data_channel.is_settled() && !self.data_channel.is_paused()
    }

    fn check_alive(&mut self) -> Option<String> {
        let awaits_ack = self.awaits_ack().then(|| self.data_channel.waiting_for(now()));
        self.ws_stream.check_alive(&mut self.ws_sink, awaits_ack)
    }
}

impl LocalEnd {
    /// Restarts the timeout that follows the end of the local input, because data was still transferred.
    fn event(&mut self) {
        self.input_ended = self.input_ended.map(|_| Instant::now());
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}
