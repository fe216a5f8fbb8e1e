//! Multiplexes many streams over one (smux, protocol version 1), as agents newer than 3.0.196.0 do in port forwarding
//! sessions. Does no I/O: bytes in, bytes and events out.
//!
//! A frame is version, command, length (u16) and stream (u32) in little-endian byte order, then its data. A stream has
//! no half-close. Keepalives are omitted, because they defeat the session's idle timeout; the websocket below detects
//! dead connections instead.

use std::collections::BTreeSet;

/// The version of the protocol.
const VERSION: u8 = 1;
const HEADER: usize = 8;
/// The most data that both sides accept in a frame, in bytes.
pub const MAX_FRAME_DATA: usize = 32768;

/// Limit for the streams that are open at a time.
const MAX_STREAMS: usize = 1024;

const SYN: u8 = 0;
const FIN: u8 = 1;
const PSH: u8 = 2;
const NOP: u8 = 3;

/// An event caused by the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The other side opened a stream.
    Opened(u32),
    /// Bytes arrived on a stream.
    Data(u32, Vec<u8>),
    /// The other side closed a stream, in both directions.
    Closed(u32),
}

/// The reason why the bytes are not valid smux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the error messages document the variants")]
pub enum Malformed {
    #[error("unsupported smux version {0}")]
    Version(u8),
    #[error("unknown smux command {0}")]
    Command(u8),
    #[error("unexpected frame for stream {0}")]
    Stream(u32),
}

/// The state of one side of a multiplexed connection.
#[derive(Debug)]
pub struct Mux {
    next: u32,
    open: BTreeSet<u32>,
    /// Streams that we closed, until the other side closes them, too.
    closed: BTreeSet<u32>,
    /// The beginning of a frame that has not arrived completely.
    partial: Vec<u8>,
}

impl Mux {
    /// Creates the client side, whose streams have odd numbers from 3 on.
    pub fn client() -> Self {
        Self::numbered_from(3)
    }

    /// Creates the server side, whose streams have even numbers.
    pub fn server() -> Self {
        Self::numbered_from(2)
    }

    fn numbered_from(next: u32) -> Self {
        Self { next, open: BTreeSet::new(), closed: BTreeSet::new(), partial: Vec::new() }
    }

    /// Opens a stream. Returns its number and the bytes to send.
    pub fn open(&mut self) -> (u32, Vec<u8>) {
        let stream = self.next;
        self.next += 2;
        self.open.insert(stream);
        (stream, frame(SYN, stream, &[]))
    }

    /// Returns the bytes to send for this data; empty if the stream is not open.
    pub fn data(&self, stream: u32, bytes: &[u8]) -> Vec<u8> {
        if !self.open.contains(&stream) {
            return Vec::new();
        }
        bytes.chunks(MAX_FRAME_DATA).flat_map(|chunk| frame(PSH, stream, chunk)).collect()
    }

    /// Closes a stream and returns the bytes to send.
    pub fn close(&mut self, stream: u32) -> Vec<u8> {
        if !self.open.remove(&stream) {
            return Vec::new();
        }
        self.closed.insert(stream);
        frame(FIN, stream, &[])
    }

    /// Processes received bytes, which may end anywhere in a frame.
    ///
    /// # Errors
    /// Fails if the bytes are not valid smux.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Malformed> {
        self.partial.extend_from_slice(bytes);
        let mut events = Vec::new();
        let mut used = 0;
        while let Some((command, stream, data)) = split(&self.partial[used..])? {
            used += HEADER + data.len();
            events.extend(match command {
                NOP => None,
                // Streams of the other side have numbers of the other parity.
                SYN if stream % 2 != self.next % 2 && self.open.len() < MAX_STREAMS && self.open.insert(stream) => {
                    Some(Event::Opened(stream))
                }
                PSH if self.open.contains(&stream) => Some(Event::Data(stream, data.to_vec())),
                FIN if self.open.remove(&stream) => Some(Event::Closed(stream)),
                // The frame was on its way when we closed the stream.
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
    let length = u16::try_from(data.len()).expect("a chunk fits into one frame");
    let mut out = vec![VERSION, command];
    out.extend(length.to_le_bytes());
    out.extend(stream.to_le_bytes());
    out.extend_from_slice(data);
    out
}

/// Command, stream and data of a frame.
type Parts<'a> = (u8, u32, &'a [u8]);

/// Returns the first frame, if it is complete.
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
