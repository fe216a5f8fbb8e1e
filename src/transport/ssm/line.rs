//! The websocket under a conversation: its messages in, what waits for it out, and whether it still lives. What it has begun
//! is in itself, so that each of its futures may be dropped.

use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, Sink, SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::conversation::Conversation;
use crate::transport::websocket::{self, WebSocket};

/// Messages that are taken at a time, where so many are there.
const BATCH: usize = 64;
/// An idle websocket is asked whether it lives.
const PING: Duration = Duration::from_secs(60);
/// How long it may take to say so, or to acknowledge what was sent.
const DEAD: Duration = Duration::from_secs(20);
/// What has arrived is read although nothing can be sent any more, for so long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What came of listening.
pub enum Heard {
    /// Messages, or none where it only said that it lives.
    Messages(Vec<Bytes>),
    /// It has ended.
    End(String),
}

/// The half that sends.
pub struct Mouth {
    sink: SplitSink<WebSocket, Message>,
    /// Something was given to the websocket that it may not have passed on yet.
    is_unflushed: bool,
    wants_ping: bool,
    /// Nothing can be sent any more: since when, and why.
    failed: Option<(Instant, String)>,
}

/// The half that listens.
pub struct Ear {
    stream: SplitStream<WebSocket>,
    heard: Instant,
    pinged: Option<Instant>,
    /// It ended right behind messages that are not processed yet.
    end: Option<String>,
}

/// The two halves of a websocket.
pub fn split(socket: WebSocket) -> (Mouth, Ear) {
    let (sink, stream) = socket.split();
    let mouth = Mouth { sink, is_unflushed: false, wants_ping: false, failed: None };
    (mouth, Ear { stream, heard: Instant::now(), pinged: None, end: None })
}

impl Mouth {
    /// Gives the websocket what waits for it, and has it sent. Returns when all is; without anything to do it never does.
    pub async fn say(&mut self, conversation: &mut Conversation) {
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
                let next = match conversation.next_to_send() {
                    Some(bytes) => Message::Binary(bytes),
                    None if self.wants_ping => {
                        self.wants_ping = false;
                        Message::Ping(Bytes::from_static(b"keepalive"))
                    }
                    None => break,
                };
                self.is_unflushed = true;
                if let Err(error) = sink.as_mut().start_send(next) {
                    break self.failed = Some(why(error));
                }
            }
            if self.failed.is_none() && !self.is_unflushed {
                return Poll::Pending;
            }
            if self.failed.is_none() {
                match sink.poll_flush(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(error)) => self.failed = Some(why(error)),
                    Poll::Ready(Ok(())) => self.is_unflushed = false,
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Closes the websocket.
    pub async fn close(&mut self) {
        let _ = self.sink.close().await;
    }
}

fn why(error: tokio_tungstenite::tungstenite::Error) -> (Instant, String) {
    (Instant::now(), websocket::sort(error).to_string())
}

impl Ear {
    /// The next messages, as many as are there.
    pub async fn listen(&mut self) -> Heard {
        if let Some(end) = self.end.take() {
            return Heard::End(end);
        }
        let mut messages = Vec::new();
        let first = self.stream.next().await;
        (self.heard, self.pinged) = (Instant::now(), None);
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Some(Ok(Message::Binary(bytes))) => messages.push(bytes),
                // That it says something is all that counts.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Frame(_))) => {}
                end => {
                    self.end = Some(ended(end));
                    break;
                }
            }
            next = if messages.len() < BATCH { self.stream.next().now_or_never() } else { None };
        }
        match self.end.take() {
            Some(end) if messages.is_empty() => Heard::End(end),
            end => {
                self.end = end;
                Heard::Messages(messages)
            }
        }
    }

    /// Nobody has listened for a while, which says nothing of the websocket.
    pub fn has_rested(&mut self) {
        self.heard = Instant::now();
    }

    /// Whether it still lives; why not. Asks, where it has been silent for long. `waits`: an acknowledgement has been waited
    /// for so long.
    pub fn look(&mut self, mouth: &mut Mouth, waits: Option<Duration>) -> Option<String> {
        if let Some((since, why)) = &mouth.failed
            && since.elapsed() >= LAST_WORDS
        {
            return Some(why.clone());
        }
        let is_dead = |since: Instant| since.elapsed() >= DEAD;
        let is_unanswered = waits.is_some_and(|time| time >= DEAD) && is_dead(self.heard);
        if self.pinged.is_some_and(is_dead) || is_unanswered {
            return Some(format!("no answer in {} s", DEAD.as_secs()));
        }
        if self.pinged.is_none() && self.heard.elapsed() >= PING {
            (self.pinged, mouth.wants_ping) = (Some(Instant::now()), true);
        }
        None
    }

    /// When to look next.
    pub fn next_look(&self, mouth: &Mouth, waits: bool) -> Instant {
        let look = self.pinged.map_or(self.heard + PING, |pinged| pinged + DEAD);
        let look = if waits { look.min(self.heard + DEAD) } else { look };
        mouth.failed.as_ref().map_or(look, |(since, _)| look.min(*since + LAST_WORDS))
    }
}

fn ended(message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>) -> String {
    match message {
        Some(Ok(Message::Close(Some(close)))) => {
            format!("closed with code {}: {}", u16::from(close.code), close.reason)
        }
        Some(Err(error)) => websocket::sort(error).to_string(),
        _ => "closed".to_owned(),
    }
}
