//! Many streams over one (smux, protocol version 1): what agents newer than 3.0.196.0 speak in port forwarding sessions.
//! Pure: bytes in, bytes and events out.
//!
//! A frame is version, command, length (u16) and stream (u32) in little-endian, then its data. A stream has no half that
//! could be closed alone. Keepalives are left out, because they defeat the session's idle timeout; what they were for does
//! the websocket below.

use std::collections::BTreeSet;

/// The version of the protocol.
const VERSION: u8 = 1;
const HEADER: usize = 8;
/// The largest frame that both sides take.
pub const LARGEST: usize = 32768;

/// Streams at a time.
const MOST: usize = 1024;

const SYN: u8 = 0;
const FIN: u8 = 1;
const PSH: u8 = 2;
const NOP: u8 = 3;

/// What the other side did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It opened a stream.
    Opened(u32),
    /// Bytes on a stream.
    Data(u32, Vec<u8>),
    /// It closed a stream, in both directions.
    Closed(u32),
}

/// Why the bytes are no smux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages are the documentation")]
pub enum Malformed {
    #[error("smux version {0}, where there is only 1")]
    Version(u8),
    #[error("an smux command {0}, which there is not")]
    Command(u8),
    #[error("a frame for the stream {0}, which is not open")]
    Stream(u32),
}

/// One side of the streams.
#[derive(Debug)]
pub struct Mux {
    next: u32,
    open: BTreeSet<u32>,
    /// Closed by us; the other side may not know yet.
    closed: BTreeSet<u32>,
    /// The beginning of a frame whose rest has not come.
    partial: Vec<u8>,
}

impl Mux {
    /// The client's side: its streams are odd, from 3 on.
    pub fn client() -> Self {
        Self::numbered_from(3)
    }

    /// The server's side: its streams are even.
    pub fn server() -> Self {
        Self::numbered_from(2)
    }

    fn numbered_from(next: u32) -> Self {
        Self { next, open: BTreeSet::new(), closed: BTreeSet::new(), partial: Vec::new() }
    }

    /// Opens a stream; its number, and what to send.
    pub fn open(&mut self) -> (u32, Vec<u8>) {
        let stream = self.next;
        self.next += 2;
        self.open.insert(stream);
        (stream, frame(SYN, stream, &[]))
    }

    /// What to send for these bytes on an open stream; nothing on one that is not.
    pub fn data(&self, stream: u32, bytes: &[u8]) -> Vec<u8> {
        if !self.open.contains(&stream) {
            return Vec::new();
        }
        bytes.chunks(LARGEST).flat_map(|chunk| frame(PSH, stream, chunk)).collect()
    }

    /// Closes a stream; what to send.
    pub fn close(&mut self, stream: u32) -> Vec<u8> {
        if !self.open.remove(&stream) {
            return Vec::new();
        }
        self.closed.insert(stream);
        frame(FIN, stream, &[])
    }

    /// Takes bytes in, cut wherever they may be.
    ///
    /// # Errors
    /// When they are no smux.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Malformed> {
        self.partial.extend_from_slice(bytes);
        let mut events = Vec::new();
        let mut used = 0;
        while let Some((command, stream, data)) = split(&self.partial[used..])? {
            used += HEADER + data.len();
            events.extend(match command {
                NOP => None,
                // Its numbers are of the other parity than ours.
                SYN if stream % 2 != self.next % 2 && self.open.len() < MOST && self.open.insert(stream) => {
                    Some(Event::Opened(stream))
                }
                PSH if self.open.contains(&stream) => Some(Event::Data(stream, data.to_vec())),
                FIN if self.open.remove(&stream) => Some(Event::Closed(stream)),
                // It was on its way when we closed.
                PSH | FIN if self.closed.contains(&stream) => None,
                _ => return Err(Malformed::Stream(stream)),
            });
            if command == FIN {
                self.closed.remove(&stream);
            }
        }
        self.partial.drain(..used);
        Ok(events)
    }
}

fn frame(command: u8, stream: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("a chunk is not longer than LARGEST");
    let mut out = vec![VERSION, command];
    out.extend(length.to_le_bytes());
    out.extend(stream.to_le_bytes());
    out.extend_from_slice(data);
    out
}

/// Command, stream and data of a frame.
type Parts<'a> = (u8, u32, &'a [u8]);

/// The first frame, if all of it is here.
fn split(bytes: &[u8]) -> Result<Option<Parts<'_>>, Malformed> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
    let [version, command, l0, l1, s0, s1, s2, s3] = *header;
    if version != VERSION {
        return Err(Malformed::Version(version));
    }
    if command > NOP {
        return Err(Malformed::Command(command));
    }
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    Ok(rest.get(..length).map(|data| (command, u32::from_le_bytes([s0, s1, s2, s3]), data)))
}
