//! The outgoing side of a data channel: acknowledgements, bytes, sizes and flags; and in which order they leave.

use std::time::Instant;

use serde_json::json;
use tokio_tungstenite::tungstenite::Bytes;
use uuid::Uuid;

use super::{ACKNOWLEDGE_FLAGS, DataChannel, Error, Frame, Kind, MAX_PAYLOAD, MAX_WAITING, Now, flag, payload};

impl DataChannel {
    pub(super) fn acknowledge(&mut self, sequence: i64, id: u128, now: Now) {
        let content = json!({
            "AcknowledgedMessageType": Kind::OutputStreamData.name(),
            "AcknowledgedMessageId": Uuid::from_u128(id).to_string(),
            "AcknowledgedMessageSequenceNumber": sequence,
            "IsSequentialMessage": true,
        });
        let frame = Frame {
            kind: Kind::Acknowledge,
            sequence: 0,
            flags: ACKNOWLEDGE_FLAGS,
            id: self.fresh_id(),
            created: now.unix_ms,
            payload_type: 0,
            payload: content.to_string().into(),
        };
        self.acknowledgements.push_back(frame.encode());
    }

    pub(super) fn send_data(&mut self, payload_type: u32, payload: Bytes, now: Now) {
        let sequence = self.outgoing.next();
        let frame = Frame {
            kind: Kind::InputStreamData,
            sequence,
            flags: 0,
            id: self.fresh_id(),
            created: now.unix_ms,
            payload_type,
            payload,
        };
        let bytes = frame.encode();
        self.outgoing.push(bytes.clone(), now.instant);
        self.to_send.push_back((sequence, bytes));
    }

    fn fresh_id(&mut self) -> u128 {
        self.next_id = self.next_id.wrapping_add(1);
        // Sets the version and variant of a random UUID (RFC 9562, section 5.4).
        uuid::Builder::from_random_bytes(self.next_id.to_be_bytes()).into_uuid().as_u128()
    }

    /// Whether bytes can be sent now.
    pub(crate) fn can_send(&self) -> bool {
        self.is_open() && !self.is_paused && !self.outgoing.is_full() && self.to_send.len() < MAX_WAITING
    }

    /// Sends bytes to the instance's port or program.
    ///
    /// # Errors
    /// They cannot be encrypted.
    pub(crate) fn send(&mut self, bytes: &[u8], now: Now) -> Result<(), Error> {
        for chunk in bytes.chunks(MAX_PAYLOAD) {
            let payload = match &self.cipher {
                Some(cipher) => cipher.encrypt(chunk)?.into(),
                None => Bytes::copy_from_slice(chunk),
            };
            self.send_data(payload::OUTPUT, payload, now);
        }
        Ok(())
    }

    /// Tells the agent the size of the local terminal, in characters.
    pub(crate) fn resize(&mut self, columns: u32, rows: u32, now: Now) {
        self.send_data(payload::SIZE, json!({ "cols": columns, "rows": rows }).to_string().into(), now);
    }

    /// Asks the agent to close its connection to the port, because our side sends no more.
    pub(crate) fn disconnect(&mut self, now: Now) {
        self.send_data(payload::FLAG, flag::DISCONNECT_TO_PORT.to_be_bytes().to_vec().into(), now);
    }

    /// Asks the agent to end the session. Returns false if the agent is too old to support that, or runs a program: its shells and commands
    /// know no flags.
    pub(crate) fn terminate(&mut self, now: Now) -> bool {
        let knows = self.agent.supports_terminate() && !self.is_program();
        if knows {
            self.send_data(payload::FLAG, flag::TERMINATE_SESSION.to_be_bytes().to_vec().into(), now);
        }
        knows
    }

    /// Removes and returns the next message for the websocket that may leave now.
    pub(crate) fn next_to_send(&mut self, now: Instant) -> Option<Bytes> {
        if let Some(acknowledgement) = self.acknowledgements.pop_front() {
            return Some(acknowledgement);
        }
        // A message that was to be repeated may have been acknowledged in the meantime.
        while let Some((sequence, _)) = self.to_send.front()
            && !self.outgoing.is_pending(*sequence)
        {
            self.to_send.pop_front();
        }
        if self.is_paused || self.to_send.is_empty() || !self.pace.is_due(now) {
            return None;
        }
        self.pace.sent();
        let (sequence, bytes) = self.to_send.pop_front()?;
        self.outgoing.leaves(sequence, now);
        Some(bytes)
    }
}
