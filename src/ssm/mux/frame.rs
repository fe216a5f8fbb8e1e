//! The frames of smux version 1, by which the agent carries several connections over one session
//! (<https://github.com/xtaci/smux>): eight bytes of header, then the data. Pure.

use bytes::{Buf, Bytes, BytesMut};

/// The version of the protocol.
const VERSION: u8 = 1;
/// The length of the header in bytes: version, command, length (16 bits) and stream (32 bits), both little-endian.
const HEADER: usize = 8;
/// The largest payload of a frame in bytes.
pub(super) const MAX_PAYLOAD: usize = 32_768;

/// The commands of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Opens a new stream.
    Open,
    /// Ends a stream, in both directions.
    End,
    /// Carries data of a stream.
    Data,
    /// Keeps the session alive.
    Nothing,
}

/// A frame of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The command of the frame.
    pub command: Command,
    /// The number of the stream.
    pub stream: u32,
    /// The data of the stream.
    pub data: Bytes,
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an invalid smux frame")]
pub(super) struct Malformed;

impl Frame {
    /// Returns a frame without data.
    pub(super) fn bare(command: Command, stream: u32) -> Self {
        Self { command, stream, data: Bytes::new() }
    }

    /// Appends the frame; its data must not be longer than [`MAX_PAYLOAD`].
    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        let length = u16::try_from(self.data.len()).expect("data is cut to the largest payload");
        into.extend([VERSION, self.command.number()]);
        into.extend(length.to_le_bytes());
        into.extend(self.stream.to_le_bytes());
        into.extend_from_slice(&self.data);
    }

    /// Takes the next frame off the received bytes; `None` if it is not complete.
    ///
    /// # Errors
    /// The bytes are no frame.
    pub(super) fn decode(received: &mut BytesMut) -> Result<Option<Self>, Malformed> {
        let Some(&[version, command, low, high, a, b, c, d]) = received.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        if version != VERSION {
            return Err(Malformed);
        }
        let command = Command::of(command).ok_or(Malformed)?;
        let length = usize::from(u16::from_le_bytes([low, high]));
        if received.len() < HEADER + length {
            return Ok(None);
        }
        received.advance(HEADER);
        let data = received.split_to(length).freeze();
        Ok(Some(Self { command, stream: u32::from_le_bytes([a, b, c, d]), data }))
    }
}

impl Command {
    fn number(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::End => 1,
            Self::Data => 2,
            Self::Nothing => 3,
        }
    }

    fn of(number: u8) -> Option<Self> {
        [Self::Open, Self::End, Self::Data, Self::Nothing].into_iter().find(|command| command.number() == number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_are_those_of_the_protocol() {
        let mut bytes = Vec::new();
        Frame::bare(Command::Open, 3).encode(&mut bytes);
        Frame { command: Command::Data, stream: 3, data: Bytes::from_static(b"hi") }.encode(&mut bytes);
        Frame::bare(Command::End, 0x0102_0304).encode(&mut bytes);
        assert_eq!(
            bytes,
            b"\x01\x00\x00\x00\x03\x00\x00\x00\x01\x02\x02\x00\x03\x00\x00\x00hi\x01\x01\x00\x00\x04\x03\x02\x01"
        );
        assert_eq!(Frame::decode(&mut BytesMut::from(&b"\x02\x00\x00\x00\x03\x00\x00\x00"[..])), Err(Malformed));
        assert_eq!(Frame::decode(&mut BytesMut::from(&b"\x01\x09\x00\x00\x03\x00\x00\x00"[..])), Err(Malformed));
    }

    proptest! {
        /// However the bytes are cut, the same frames come out.
        #[test]
        fn frames_survive_any_cut(sizes in proptest::collection::vec(0..600_usize, 1..8), cut in 1..40_usize) {
            let frames: Vec<Frame> = sizes
                .iter()
                .zip(3..)
                .map(|(size, stream)| Frame { command: Command::Data, stream, data: vec![7; *size].into() })
                .collect();
            let mut bytes = Vec::new();
            frames.iter().for_each(|frame| frame.encode(&mut bytes));
            let (mut received, mut found) = (BytesMut::new(), Vec::new());
            for chunk in bytes.chunks(cut) {
                received.extend_from_slice(chunk);
                while let Some(frame) = Frame::decode(&mut received).unwrap() {
                    found.push(frame);
                }
            }
            prop_assert_eq!(found, frames);
        }
    }
}
