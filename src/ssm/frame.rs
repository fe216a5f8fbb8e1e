//! A message of the data channel: a header in big-endian byte order, then the payload. Encodes and decodes messages
//! and knows nothing of their order or meaning.
//!
//! The layout is that of amazon-ssm-agent's `agent/session/contracts/agentmessage.go`. A header is 116 bytes long; the
//! service's `channel_closed` has been seen with 112 bytes, without the payload type.

use sha2::{Digest, Sha256};
use tokio_tungstenite::tungstenite::Bytes;

/// The usual header length, up to the payload length field.
const HEADER: usize = 116;
/// The shortest header length, without the payload type.
const SHORT_HEADER: usize = 112;

/// The type of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in the protocol")]
pub(crate) enum Kind {
    InputStreamData,
    OutputStreamData,
    Acknowledge,
    ChannelClosed,
    StartPublication,
    PausePublication,
    /// A type that this version does not know.
    Other,
}

impl Kind {
    /// Returns the name used on the wire.
    pub(crate) fn name(self) -> &'static str {
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

    fn from_name(name: &[u8]) -> Self {
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

    /// Whether messages of this type carry neither a payload nor a digest.
    fn is_bare(self) -> bool {
        matches!(self, Self::StartPublication | Self::PausePublication)
    }
}

/// The types of a payload.
pub(crate) mod payload {
    /// Bytes of the session's stream.
    pub(crate) const OUTPUT: u32 = 1;
    /// The size of the local terminal.
    pub(crate) const SIZE: u32 = 3;
    /// The agent's handshake request, its first message.
    pub(crate) const HANDSHAKE_REQUEST: u32 = 5;
    /// The client's response to the handshake request.
    pub(crate) const HANDSHAKE_RESPONSE: u32 = 6;
    /// The agent's last message of the handshake; data may be sent after it.
    pub(crate) const HANDSHAKE_COMPLETE: u32 = 7;
    /// A text by which the agent sees whether both sides have the key.
    pub(crate) const CHALLENGE_REQUEST: u32 = 8;
    /// The client's answer to it.
    pub(crate) const CHALLENGE_RESPONSE: u32 = 9;
    /// A signal, one of [`super::flag`].
    pub(crate) const FLAG: u32 = 10;
    /// Bytes of a command's standard error.
    pub(crate) const STDERR: u32 = 11;
    /// The exit status of a command, as text.
    pub(crate) const EXIT_CODE: u32 = 12;
}

/// The signals, each a u32 in a payload of type [`payload::FLAG`].
pub(crate) mod flag {
    /// Tells the agent to close its connection to the port.
    pub(crate) const DISCONNECT_TO_PORT: u32 = 1;
    /// Tells the agent to end the session.
    pub(crate) const TERMINATE_SESSION: u32 = 2;
    /// Tells us that the agent cannot connect to the port.
    pub(crate) const CONNECT_TO_PORT_ERROR: u32 = 3;
}

/// A message of the data channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The type of the message.
    pub kind: Kind,
    /// The sequence number of stream data, for each direction; 0 for other kinds.
    pub sequence: i64,
    /// The flag bits: bit 0 is SYN, bit 1 is FIN.
    pub flags: u64,
    /// The UUID of the message.
    pub id: u128,
    /// The creation time in ms since the Unix epoch.
    pub created: u64,
    /// The payload type, one of [`payload`]; 0 if the header has none.
    pub payload_type: u32,
    /// The content of the message.
    pub payload: Bytes,
}

/// The reason why bytes cannot be decoded as a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the error messages document the variants")]
pub(crate) enum Malformed {
    #[error("a message of {0} bytes, which is too short")]
    Short(usize),
    #[error("an unsupported header length of {0} bytes")]
    Header(usize),
    #[error("a payload length of {claimed} bytes with only {there} bytes left")]
    Length { claimed: usize, there: usize },
    #[error("a payload that does not match its digest")]
    Digest,
}

impl Frame {
    /// Encodes the message as bytes.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(HEADER + 4 + self.payload.len());
        out.extend(to_u32(HEADER).to_be_bytes());
        let mut name = [b' '; 32];
        name[..self.kind.name().len()].copy_from_slice(self.kind.name().as_bytes());
        out.extend(name);
        out.extend(1_u32.to_be_bytes());
        out.extend(self.created.to_be_bytes());
        out.extend(self.sequence.to_be_bytes());
        out.extend(self.flags.to_be_bytes());
        // The protocol swaps the two halves of the UUID.
        out.extend(self.id.rotate_left(64).to_be_bytes());
        out.extend(Sha256::digest(&self.payload));
        out.extend(self.payload_type.to_be_bytes());
        out.extend(to_u32(self.payload.len()).to_be_bytes());
        out.extend_from_slice(&self.payload);
        out.into()
    }

    /// Decodes a message. The payload shares the memory of `bytes`.
    ///
    /// # Errors
    /// Fails if the message is truncated, its header length is unsupported, or its payload does not match its length or
    /// digest.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Self, Malformed> {
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
        let kind = Kind::from_name(&bytes[4..36]);
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

/// Converts a length to u32; messages are only a few kilobytes long.
fn to_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
pub(super) mod tests;
