//! The messages of a data channel, written from the description of the protocol.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Encodes a message to the client. Without a payload type its header is the short one, except for the publication
/// messages.
pub(super) fn message(kind: &str, sequence: i64, flags: u64, payload_type: Option<u32>, payload: &[u8]) -> Vec<u8> {
    let is_bare = kind.ends_with("_publication");
    let header: u32 = if payload_type.is_some() || is_bare { 116 } else { 112 };
    let mut out = header.to_be_bytes().to_vec();
    let filler = if header == 112 { '\0' } else { ' ' };
    let name: String = kind.chars().chain(std::iter::repeat(filler)).take(32).collect();
    out.extend(name.as_bytes());
    out.extend(1_u32.to_be_bytes());
    out.extend(1_577_840_461_000_u64.to_be_bytes());
    out.extend(sequence.to_be_bytes());
    out.extend(flags.to_be_bytes());
    let id = Uuid::new_v4().into_bytes();
    out.extend([&id[8..], &id[..8]].concat());
    out.extend(if is_bare { [0; 32].to_vec() } else { Sha256::digest(payload).to_vec() });
    if header == 116 {
        out.extend(payload_type.unwrap_or_default().to_be_bytes());
    }
    out.extend(u32::try_from(payload.len()).unwrap_or_default().to_be_bytes());
    out.extend(payload);
    out
}

/// A decoded message of the client.
pub(super) struct Frame {
    pub kind: String,
    pub sequence: i64,
    pub id: Uuid,
    pub payload_type: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// Decodes a message; `None` if any field is invalid, including the digest.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let payload = bytes.get(120..)?.to_vec();
        let id: Vec<u8> = [&bytes[72..80], &bytes[64..72]].concat();
        let fits = number(0)? == 116
            && number(36)? == 1
            && usize::try_from(number(116)?).ok()? == payload.len()
            && Sha256::digest(&payload)[..] == bytes[80..112]
            && bytes[40..48] != [0; 8];
        let kind = String::from_utf8_lossy(&bytes[4..36]).trim_end_matches(' ').to_owned();
        fits.then_some(Self {
            kind,
            sequence: i64::from_be_bytes(bytes[48..56].try_into().ok()?),
            id: Uuid::from_slice(&id).ok()?,
            payload_type: number(112)?,
            payload,
        })
    }
}

/// Encodes the acknowledgement of a message of the client.
pub(super) fn acknowledgement(frame: &Frame) -> Vec<u8> {
    let content = json!({
        "AcknowledgedMessageType": "input_stream_data",
        "AcknowledgedMessageId": frame.id.to_string(),
        "AcknowledgedMessageSequenceNumber": frame.sequence,
        "IsSequentialMessage": true,
    });
    message("acknowledge", 0, 3, Some(0), content.to_string().as_bytes())
}

/// Returns the number of the message that the client acknowledges, if all of the acknowledgement is right.
pub(super) fn acknowledged(payload: &[u8], sent: i64) -> Result<i64, String> {
    let content: Value = serde_json::from_slice(payload).unwrap_or_default();
    let sequence = content["AcknowledgedMessageSequenceNumber"].as_i64().unwrap_or(-1);
    let fits = content["AcknowledgedMessageType"] == "output_stream_data"
        && content["IsSequentialMessage"] == true
        && content["AcknowledgedMessageId"].as_str().is_some_and(|id| Uuid::parse_str(id).is_ok())
        && (0..sent).contains(&sequence);
    if fits { Ok(sequence) } else { Err(format!("an acknowledgement: {content}")) }
}

/// Encodes the service's last message, with this text for the user.
pub(super) fn channel_closed(session_id: &str, output: &str, short_header: bool) -> Vec<u8> {
    let content = json!({
        "MessageId": Uuid::new_v4().to_string(),
        "CreatedDate": "2026-11-23T00:00:00.000Z",
        "DestinationId": "destination",
        "SessionId": session_id,
        "MessageType": "channel_closed",
        "SchemaVersion": 1,
        "Output": output,
    });
    let payload_type = (!short_header).then_some(0);
    message("channel_closed", 0, 0, payload_type, content.to_string().as_bytes())
}
