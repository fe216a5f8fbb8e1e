//! Tests of the multiplexer with an agent in memory, on a paused clock.

use tokio::io::{DuplexStream, duplex};

use super::*;

struct Agent {
    stream: DuplexStream,
    received: BytesMut,
    refusals: mpsc::UnboundedSender<()>,
}

impl Agent {
    async fn next(&mut self) -> Frame {
        loop {
            if let Some(frame) = Frame::decode(&mut self.received).unwrap() {
                return frame;
            }
            assert_ne!(self.stream.read_buf(&mut self.received).await.unwrap(), 0, "the session has ended");
        }
    }

    async fn send(&mut self, command: Command, stream: u32, data: &'static [u8]) {
        let mut bytes = Vec::new();
        Frame { command, stream, data: data.into() }.encode(&mut bytes);
        self.stream.write_all(&bytes).await.unwrap();
    }
}

fn session(keepalive: bool) -> (Mux, Agent) {
    let (ours, theirs) = duplex(1 << 20);
    let (refusals, refused) = mpsc::unbounded_channel();
    (Mux::start(ours, refused, keepalive), Agent { stream: theirs, received: BytesMut::new(), refusals })
}

fn data(stream: u32, data: &'static [u8]) -> Frame {
    Frame { command: Command::Data, stream, data: data.into() }
}

#[tokio::test(start_paused = true)]
async fn streams_are_opened_and_ended() {
    let (mux, mut agent) = session(false);
    let (mut first, mut second) = (mux.open().await.unwrap(), mux.open().await.unwrap());
    assert_eq!(agent.next().await, Frame::bare(Command::Open, 3));
    assert_eq!(agent.next().await, Frame::bare(Command::Open, 5));
    second.write_all(b"two").await.unwrap();
    first.write_all(b"one").await.unwrap();
    assert_eq!([agent.next().await, agent.next().await], [data(5, b"two"), data(3, b"one")]);
    agent.send(Command::Data, 5, b"answer").await;
    agent.send(Command::End, 5, b"").await;
    let mut answer = String::new();
    second.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "answer");
    assert!(second.closed().is_cancelled());
    assert_eq!(agent.next().await, Frame::bare(Command::End, 5));
    drop(first);
    assert_eq!(agent.next().await, Frame::bare(Command::End, 3));
    assert!(!mux.is_ended());
    drop((second, mux));
    assert_eq!(agent.stream.read_buf(&mut agent.received).await.unwrap(), 0, "the last handle ends the session");
}

/// The agent would close its connection with the end of the stream, so the answer comes first.
#[tokio::test(start_paused = true)]
async fn end_of_input_waits_for_the_answer() {
    let (mux, mut agent) = session(false);
    let mut stream = mux.open().await.unwrap();
    stream.write_all(b"question").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!([agent.next().await, agent.next().await], [Frame::bare(Command::Open, 3), data(3, b"question")]);
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(4000)).await;
        agent.send(Command::Data, 3, b"x").await;
    }
    let begun = Instant::now();
    assert_eq!(agent.next().await, Frame::bare(Command::End, 3), "after a pause");
    assert!(begun.elapsed() >= Duration::from_secs(5) && begun.elapsed() < Duration::from_secs(6));
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "xxxxx");
}

/// The report names no stream: it is of the oldest that has received nothing.
#[tokio::test(start_paused = true)]
async fn refusal_ends_the_oldest_silent_stream() {
    let (mux, mut agent) = session(false);
    let (mut first, mut second, mut third) =
        (mux.open().await.unwrap(), mux.open().await.unwrap(), mux.open().await.unwrap());
    agent.send(Command::Data, 3, b"x").await;
    assert_eq!(first.read_u8().await.unwrap(), b'x');
    agent.refusals.send(()).unwrap();
    assert_eq!(second.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    agent.send(Command::Data, 7, b"y").await;
    assert_eq!(third.read_u8().await.unwrap(), b'y');
}

/// A reader that takes nothing loses its stream, and the others go on.
#[tokio::test(start_paused = true)]
async fn stalled_stream_is_given_up() {
    let (mux, mut agent) = session(false);
    let (mut stalled, mut other) = (mux.open().await.unwrap(), mux.open().await.unwrap());
    let sending = async {
        for _ in 0..200 {
            agent.send(Command::Data, 3, &[7; MAX_SENT]).await;
        }
        agent.send(Command::Data, 5, b"z").await;
    };
    let ((), byte) = tokio::join!(sending, other.read_u8());
    assert_eq!(byte.unwrap(), b'z');
    let mut rest = Vec::new();
    assert!(stalled.read_to_end(&mut rest).await.is_err());
}

const MAX_SENT: usize = frame::MAX_PAYLOAD;

#[tokio::test(start_paused = true)]
async fn old_agents_get_keepalives() {
    let (_mux, mut agent) = session(true);
    let begun = Instant::now();
    assert_eq!(agent.next().await, Frame::bare(Command::Nothing, 0));
    assert!((9..12).contains(&begun.elapsed().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn end_of_the_session_breaks_all_streams() {
    let (mux, agent) = session(false);
    let mut stream = mux.open().await.unwrap();
    drop(agent);
    assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    assert!(mux.is_ended() || mux.open().await.is_err());
}
