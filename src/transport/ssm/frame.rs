//! One message of the data channel: a header in big-endian, then the payload. Reads and writes it, and knows nothing of
//! order or meaning.
//!
//! The layout is that of amazon-ssm-agent's `agent/session/contracts/agentmessage.go`. A header is 116 bytes long; the
//! service's `channel_closed` has been seen with 112, without the payload's type.

use sha2::{Digest, Sha256};
use tokio_tungstenite::tungstenite::Bytes;

/// The usual length of a header, up to the payload's length.
const HEADER: usize = 116;
/// The shortest one: without the payload's type.
const SHORT_HEADER: usize = 112;

/// What kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the protocol's own")]
pub enum Kind {
    InputStreamData,
    OutputStreamData,
    Acknowledge,
    ChannelClosed,
    StartPublication,
    PausePublication,
    /// One that this version does not know.
    Other,
}

impl Kind {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::InputStreamData => "input_stream_data",
            Self::OutputStreamData => "output_stream_data",
            Self::Acknowledge => "acknowledge",
            Self::ChannelClosed => "channel_closed",
            Self::StartPublication => "start_publication",
            Self::PausePublication => "pause_publication",
            Self::Other => "",
        }
    }

    fn named(name: &[u8]) -> Self {
        let all = [
            Self::InputStreamData,
            Self::OutputStreamData,
            Self::Acknowledge,
            Self::ChannelClosed,
            Self::StartPublication,
            Self::PausePublication,
        ];
        let end = name.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1);
        all.into_iter().find(|kind| kind.name().as_bytes() == &name[..end]).unwrap_or(Self::Other)
    }

    /// These two come with nothing in them, not even a digest.
    fn is_bare(self) -> bool {
        matches!(self, Self::StartPublication | Self::PausePublication)
    }
}

/// What a payload is.
pub mod payload {
    /// Bytes of the session.
    pub const OUTPUT: u32 = 1;
    /// The agent's first word.
    pub const HANDSHAKE_REQUEST: u32 = 5;
    /// Our answer to it.
    pub const HANDSHAKE_RESPONSE: u32 = 6;
    /// Its last word: bytes may flow.
    pub const HANDSHAKE_COMPLETE: u32 = 7;
    /// A signal: [`super::flag`].
    pub const FLAG: u32 = 10;
}

/// The signals, as a u32 in a payload of type [`payload::FLAG`].
pub mod flag {
    /// Our connection is closed: close the port's, too.
    pub const DISCONNECT_TO_PORT: u32 = 1;
    /// End the session.
    pub const TERMINATE_SESSION: u32 = 2;
    /// From the agent: the port cannot be connected to.
    pub const CONNECT_TO_PORT_ERROR: u32 = 3;
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What kind.
    pub kind: Kind,
    /// Its place among the stream data of its direction; 0 for other kinds.
    pub sequence: i64,
    /// Bit 0 SYN, bit 1 FIN.
    pub flags: u64,
    /// Its UUID.
    pub id: u128,
    /// When it was made, in ms since the Unix epoch.
    pub created: u64,
    /// One of [`payload`]; 0 where the header has none.
    pub payload_type: u32,
    /// What it carries.
    pub payload: Bytes,
}

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages are the documentation")]
pub enum Malformed {
    #[error("a message of {0} bytes is too short")]
    Short(usize),
    #[error("a header of {0} bytes")]
    Header(usize),
    #[error("a payload of {claimed} bytes in a message that has {there}")]
    Length { claimed: usize, there: usize },
    #[error("a payload that is not what its digest says")]
    Digest,
}

impl Frame {
    /// The message's bytes.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(HEADER + 4 + self.payload.len());
        out.extend(u32_of(HEADER).to_be_bytes());
        let mut name = [b' '; 32];
        name[..self.kind.name().len()].copy_from_slice(self.kind.name().as_bytes());
        out.extend(name);
        out.extend(1_u32.to_be_bytes());
        out.extend(self.created.to_be_bytes());
        out.extend(self.sequence.to_be_bytes());
        out.extend(self.flags.to_be_bytes());
        // The halves of the UUID change places.
        out.extend(self.id.rotate_left(64).to_be_bytes());
        out.extend(Sha256::digest(&self.payload));
        out.extend(self.payload_type.to_be_bytes());
        out.extend(u32_of(self.payload.len()).to_be_bytes());
        out.extend_from_slice(&self.payload);
        out.into()
    }

    /// Reads one. The payload shares the memory of `bytes`.
    ///
    /// # Errors
    /// When it is cut off, or says of itself what is not so.
    pub fn decode(bytes: &Bytes) -> Result<Self, Malformed> {
        let short = Malformed::Short(bytes.len());
        let header = u32::from_be_bytes(field(bytes, 0).ok_or(short.clone())?) as usize;
        if !matches!(header, SHORT_HEADER | HEADER) {
            return Err(Malformed::Header(header));
        }
        let claimed = u32::from_be_bytes(field(bytes, header).ok_or(short.clone())?) as usize;
        let begin = header + 4;
        let there = bytes.len() - begin;
        if claimed > there {
            return Err(Malformed::Length { claimed, there });
        }
        let payload = bytes.slice(begin..begin + claimed);
        let kind = Kind::named(&bytes[4..36]);
        if !kind.is_bare() && !payload.is_empty() && Sha256::digest(&payload)[..] != bytes[80..112] {
            return Err(Malformed::Digest);
        }
        let has_type = header == HEADER;
        Ok(Self {
            kind,
            created: u64::from_be_bytes(field(bytes, 40).ok_or(short.clone())?),
            sequence: i64::from_be_bytes(field(bytes, 48).ok_or(short.clone())?),
            flags: u64::from_be_bytes(field(bytes, 56).ok_or(short.clone())?),
            id: u128::from_be_bytes(field(bytes, 64).ok_or(short.clone())?).rotate_left(64),
            payload_type: if has_type { u32::from_be_bytes(field(bytes, 112).ok_or(short)?) } else { 0 },
            payload,
        })
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Messages are some kilobytes long.
fn u32_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
