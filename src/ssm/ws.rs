//! The websocket below a data channel: sends and receives its messages and detects a dead connection. All state is kept
//! in the two halves, so that every future is cancel-safe.

use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, Sink, SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::{self, Bytes, Message};
use uuid::Uuid;

use super::api::ChannelToken;
use super::data_channel::DataChannel;
use super::error::Error;
use super::handshake;
use crate::web::Connector;
use crate::web::websocket::{self, WebSocket};

/// Limit for the messages that one receive returns.
const MAX_BATCH: usize = 64;
/// Idle time after which the websocket is pinged.
const PING_INTERVAL: Duration = Duration::from_secs(60);
/// Timeout for the reply to a ping, or for the acknowledgement of sent data.
const PONG_TIMEOUT: Duration = Duration::from_secs(20);
/// Time for reading what has already arrived, after sending has failed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The result of one receive.
pub(super) enum Received {
    /// The received messages; empty if only other frames arrived.
    Messages(Vec<Bytes>),
    /// The connection has ended, for this reason.
    End(String),
}

/// The sending half of the websocket.
pub(super) struct WsSink {
    sink: SplitSink<WebSocket, Message>,
    /// Whether messages were given to the websocket and have not been flushed yet.
    unflushed: bool,
    wants_ping: bool,
    /// The time and reason of a send failure, after which nothing can be sent.
    failed: Option<(Instant, String)>,
}

/// The receiving half of the websocket.
pub(super) struct WsStream {
    stream: SplitStream<WebSocket>,
    last_received: Instant,
    pinged: Option<Instant>,
    /// The reason of an end that arrived behind messages, returned by the next receive.
    end: Option<String>,
}

/// Splits a websocket into its two halves.
pub(super) fn split(socket: WebSocket) -> (WsSink, WsStream) {
    let (sink, stream) = socket.split();
    let ws_sink = WsSink { sink, unflushed: false, wants_ping: false, failed: None };
    (ws_sink, WsStream { stream, last_received: Instant::now(), pinged: None, end: None })
}

impl WsSink {
    /// Sends and flushes the queued messages. Resolves once all are flushed or sending fails; stays pending while there
    /// is nothing to send.
    pub(super) async fn flush(&mut self, data_channel: &mut DataChannel) {
        std::future::poll_fn(|cx| {
            if self.failed.is_some() {
                return Poll::Pending;
            }
            let mut sink = Pin::new(&mut self.sink);
            loop {
                match sink.as_mut().poll_ready(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(error)) => break self.failed = Some(why(error)),
                    Poll::Ready(Ok(())) => {}
                }
                let next = match data_channel.next_to_send(Instant::now()) {
                    Some(bytes) => Message::Binary(bytes),
                    None if self.wants_ping => {
                        self.wants_ping = false;
                        Message::Ping(Bytes::from_static(b"keepalive"))
                    }
                    None => break,
                };
                self.unflushed = true;
                if let Err(error) = sink.as_mut().start_send(next) {
                    break self.failed = Some(why(error));
                }
            }
            if self.failed.is_none() && !self.unflushed {
                return Poll::Pending;
            }
            if self.failed.is_none() {
                match sink.poll_flush(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(error)) => self.failed = Some(why(error)),
                    Poll::Ready(Ok(())) => self.unflushed = false,
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Sends a close frame and flushes.
    pub(super) async fn close(&mut self) {
        let _ = self.sink.close().await;
    }
}

fn why(error: tungstenite::Error) -> (Instant, String) {
    (Instant::now(), websocket::to_io_error(error).to_string())
}

impl WsStream {
    /// Receives the next messages, up to `MAX_BATCH` at a time.
    pub(super) async fn recv(&mut self) -> Received {
        if let Some(end) = self.end.take() {
            return Received::End(end);
        }
        let mut messages = Vec::new();
        let first = self.stream.next().await;
        (self.last_received, self.pinged) = (Instant::now(), None);
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Some(Ok(Message::Binary(bytes))) => messages.push(bytes),
                // Other frames only show that the connection is alive.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Frame(_))) => {}
                end => {
                    self.end = Some(ended(end));
                    break;
                }
            }
            next = if messages.len() < MAX_BATCH { self.stream.next().now_or_never() } else { None };
        }
        match self.end.take() {
            Some(end) if messages.is_empty() => Received::End(end),
            end => {
                self.end = end;
                Received::Messages(messages)
            }
        }
    }

    /// Restarts the idle timer after a time in which nothing was read.
    pub(super) fn restart_idle_timer(&mut self) {
        self.last_received = Instant::now();
    }

    /// Returns the reason if the connection is dead, and requests a ping after a long silence. `waits` is the age of
    /// the oldest unacknowledged message.
    pub(super) fn check_alive(&mut self, ws_sink: &mut WsSink, waits: Option<Duration>) -> Option<String> {
        if let Some((since, why)) = &ws_sink.failed
            && since.elapsed() >= DRAIN_TIMEOUT
        {
            return Some(why.clone());
        }
        let is_overdue = |since: Instant| since.elapsed() >= PONG_TIMEOUT;
        let is_unanswered = waits.is_some_and(|time| time >= PONG_TIMEOUT) && is_overdue(self.last_received);
        if self.pinged.is_some_and(is_overdue) || is_unanswered {
            return Some(format!("no response within {} s", PONG_TIMEOUT.as_secs()));
        }
        if self.pinged.is_none() && self.last_received.elapsed() >= PING_INTERVAL {
            (self.pinged, ws_sink.wants_ping) = (Some(Instant::now()), true);
        }
        None
    }

    /// Returns when to check the connection next.
    pub(super) fn next_check(&self, ws_sink: &WsSink, waits: bool) -> Instant {
        let check_alive = self.pinged.map_or(self.last_received + PING_INTERVAL, |pinged| pinged + PONG_TIMEOUT);
        let check_alive = if waits { check_alive.min(self.last_received + PONG_TIMEOUT) } else { check_alive };
        ws_sink.failed.as_ref().map_or(check_alive, |(since, _)| check_alive.min(*since + DRAIN_TIMEOUT))
    }
}

fn ended(message: Option<Result<Message, tungstenite::Error>>) -> String {
    match message {
        Some(Ok(Message::Close(Some(close)))) => {
            format!("closed with code {}: {}", u16::from(close.code), close.reason)
        }
        Some(Err(error)) => websocket::to_io_error(error).to_string(),
        _ => "closed".to_owned(),
    }
}

/// Opens the websocket of the data channel and sends its first message.
pub(super) async fn connect(connector: &Connector, token: ChannelToken) -> Result<WebSocket, Error> {
    let opened = websocket::open(connector, &token.url, &token.headers).await?;
    let mut socket = opened.socket;
    let (request_id, client_id) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    let hello = handshake::open_data_channel(token.token.expose(), &request_id, &client_id);
    socket.send(Message::Text(hello.into())).await.map_err(lost)?;
    Ok(socket)
}

fn lost(error: tungstenite::Error) -> Error {
    Error::Lost(websocket::to_io_error(error).to_string())
}
