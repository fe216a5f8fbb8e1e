//! Several connections over one session, by smux version 1: the agent's way of forwarding a port. `frame` is the wire format, `stream` one
//! connection.
//!
//! The protocol has no half-close: the end of a stream ends it in both directions, and the agent closes its connection then. So the end of
//! the local input is held back until the answer has ended, or has paused for some time. Nor does a stream have flow control: a
//! reader that is slow makes the whole session wait, and one that takes nothing for some time loses its stream.

mod frame;
mod stream;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::io::Stream;
use frame::{Command, Frame};
pub(crate) use stream::MuxStream;
use stream::{Request, Shared};

/// The first number of a client's stream, and the step to the next one.
const FIRST_STREAM: u32 = 3;
const STREAM_STEP: u32 = 2;
/// The size of a read from the session in bytes.
const CHUNK: usize = 32 * 1024;
/// The number of requests of all streams that wait for the session.
const QUEUE_LENGTH: usize = 16;
/// The interval of keepalives towards an agent that wants them.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// The interval at which the streams' times are looked at.
const TICK: Duration = Duration::from_millis(250);

/// A session that carries several connections; the last of its handles ends it.
#[derive(Clone)]
pub(crate) struct Mux {
    requests: mpsc::Sender<Request>,
    ended: CancellationToken,
}

impl Mux {
    /// Starts to speak over a session's stream. `refusals` receives the agent's reports that it cannot connect, which name no
    /// stream; `keepalive` is for agents that end a silent session.
    pub(crate) fn start(
        session: impl Stream + 'static,
        refusals: mpsc::UnboundedReceiver<()>,
        keepalive: bool,
    ) -> Self {
        let (requests, asked) = mpsc::channel(QUEUE_LENGTH);
        let ended = CancellationToken::new();
        let driver = Driver {
            streams: BTreeMap::new(),
            next: FIRST_STREAM,
            received: BytesMut::new(),
            out: Vec::new(),
            keepalive: keepalive.then(|| Instant::now() + KEEPALIVE_INTERVAL),
        };
        let done = ended.clone();
        tokio::spawn(async move {
            driver.run(session, asked, refusals).await;
            done.cancel();
        });
        Self { requests, ended }
    }

    /// Whether the session has ended.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Opens a connection in the session.
    ///
    /// # Errors
    /// The session has ended.
    pub(crate) async fn open(&self) -> io::Result<MuxStream> {
        let (reply, answer) = oneshot::channel();
        let ended = || io::Error::new(io::ErrorKind::ConnectionAborted, "the session has ended");
        self.requests.send(Request::Open(reply)).await.map_err(|_| ended())?;
        let (number, shared) = answer.await.map_err(|_| ended())?;
        Ok(MuxStream::new(number, shared, self.requests.clone()))
    }
}

/// The task of a session.
struct Driver {
    streams: BTreeMap<u32, Arc<Shared>>,
    next: u32,
    received: BytesMut,
    out: Vec<u8>,
    keepalive: Option<Instant>,
}

impl Driver {
    async fn run(
        mut self,
        session: impl Stream,
        mut asked: mpsc::Receiver<Request>,
        mut refusals: mpsc::UnboundedReceiver<()>,
    ) {
        let (mut from, mut to) = tokio::io::split(session);
        let mut chunk = vec![0; CHUNK];
        let mut tick = Instant::now() + TICK;
        loop {
            // While much is unread nothing more is taken, and while something waits to be sent nothing more is accepted.
            let can_read = !self.streams.values().any(|stream| stream.is_full());
            let can_ask = self.out.is_empty();
            tokio::select! {
                read = from.read(&mut chunk), if can_read => match read {
                    Ok(count) if count > 0 && self.take(&chunk[..count]).is_ok() => {}
                    _ => break,
                },
                written = to.write(&self.out), if !self.out.is_empty() => match written {
                    Ok(count) if count > 0 => drop(self.out.drain(..count)),
                    _ => break,
                },
                request = asked.recv(), if can_ask => match request {
                    Some(request) => self.serve(request),
                    // The last handle has gone, and with it the last stream.
                    None => break,
                },
                Some(()) = refusals.recv() => self.refuse_oldest(),
                () = sleep_until(tick) => {
                    tick = Instant::now() + TICK;
                    self.look_at_times();
                }
            }
        }
        self.streams.values().for_each(|stream| stream.end(stream::End::Lost));
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), frame::Malformed> {
        self.received.extend_from_slice(bytes);
        while let Some(Frame { command, stream, data }) = Frame::decode(&mut self.received)? {
            let Some(shared) = self.streams.get(&stream) else { continue };
            match command {
                Command::Data => shared.push(data),
                Command::End => {
                    shared.end(stream::End::Ended);
                    self.streams.remove(&stream);
                    // The agent has ended both directions; this lets it forget the stream.
                    self.send(&Frame::bare(Command::End, stream));
                }
                Command::Open | Command::Nothing => {}
            }
        }
        Ok(())
    }

    fn serve(&mut self, request: Request) {
        match request {
            Request::Open(reply) => {
                let number = self.next;
                self.next = self.next.wrapping_add(STREAM_STEP);
                let shared = Arc::<Shared>::default();
                if reply.send((number, Arc::clone(&shared))).is_ok() {
                    self.streams.insert(number, shared);
                    self.send(&Frame::bare(Command::Open, number));
                }
            }
            Request::Data(stream, data) if self.streams.contains_key(&stream) => {
                self.send(&Frame { command: Command::Data, stream, data: data.into() });
            }
            Request::Data(..) => {}
            Request::InputEnded(stream) => {
                if let Some(shared) = self.streams.get(&stream) {
                    shared.input_ended();
                }
            }
            Request::Drop(stream) => self.end(stream, stream::End::Ended),
        }
    }

    /// Ends a stream from this side.
    fn end(&mut self, stream: u32, why: stream::End) {
        if let Some(shared) = self.streams.remove(&stream) {
            shared.end(why);
            self.send(&Frame::bare(Command::End, stream));
        }
    }

    /// The agent could not connect: it names no stream, and connects one after the other.
    fn refuse_oldest(&mut self) {
        let oldest = self.streams.iter().find(|(_, shared)| !shared.has_received()).map(|(stream, _)| *stream);
        if let Some(stream) = oldest {
            self.end(stream, stream::End::Refused);
        }
    }

    fn look_at_times(&mut self) {
        if self.streams.values().any(|stream| stream.is_full()) {
            self.streams.values().filter(|stream| !stream.is_full()).for_each(|stream| stream.was_held_up());
        }
        let due: Vec<(u32, stream::End)> =
            self.streams.iter().filter_map(|(number, shared)| Some((*number, shared.is_due()?))).collect();
        for (number, why) in due {
            self.end(number, why);
        }
        if self.keepalive.is_some_and(|due| due <= Instant::now()) {
            self.keepalive = Some(Instant::now() + KEEPALIVE_INTERVAL);
            self.send(&Frame::bare(Command::Nothing, 0));
        }
    }

    fn send(&mut self, frame: &Frame) {
        frame.encode(&mut self.out);
    }
}

#[cfg(test)]
mod tests;
