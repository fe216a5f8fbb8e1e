//! The client's side of a data channel as a state machine: messages in, messages and bytes out. Pure: no socket, and the
//! time is passed in.

use std::collections::VecDeque;
use std::time::Instant;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Bytes;
use uuid::Uuid;

use super::Error;
use super::frame::{Frame, Kind, flag, payload};
use super::handshake::{self, Version};
use super::reliable::{Incoming, Outgoing, Verdict};

/// The largest payload we send: what plugin and agent send themselves.
pub const PAYLOAD: usize = 1024;
/// As many characters of what others want a person to read.
const WORDS: usize = 1000;
/// So many messages may wait for the websocket before no more are taken from it: each that comes is acknowledged.
const BACKLOG: usize = 4096;
/// Bytes of the session that may wait for whoever reads them; then the far side is made to wait. Acknowledgements and pings
/// come by the same way: it must not be shut too early.
const READ_AHEAD: usize = 1 << 20;
/// On an acknowledgement: SYN and FIN, as the plugin has it.
const ACKNOWLEDGE_FLAGS: u64 = 3;

/// The time, as the messages need it.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For timeouts.
    pub instant: Instant,
    /// For the messages: ms since the Unix epoch.
    pub unix_ms: u64,
}

/// How far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// The agent has not said yet that bytes may flow.
    Handshake,
    Open,
    /// The service has closed it; its words, if any.
    Closed(String),
}

/// A conversation.
#[derive(Debug)]
pub struct Conversation {
    phase: Phase,
    agent: Version,
    /// The agent's handshake has been answered.
    has_answered: bool,
    incoming: Incoming<Taken>,
    outgoing: Outgoing<Bytes>,
    /// The service does not want data for the moment.
    is_paused: bool,
    /// Something for the websocket.
    to_send: VecDeque<Bytes>,
    /// Bytes of the session, in order.
    received: VecDeque<Bytes>,
    /// How many bytes those are.
    received_bytes: usize,
    /// How much has come in its turn, or was acknowledged in its turn: that it grows is what counts.
    progress: u64,
    /// What the administrators of the account tell everybody; untrusted.
    message: Option<String>,
    /// Of the next message; they only have to differ.
    next_id: u128,
}

/// A message of the agent's, waiting for its turn.
#[derive(Debug)]
struct Taken {
    payload_type: u32,
    payload: Bytes,
}

impl AsRef<[u8]> for Taken {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

impl Conversation {
    /// A new one; `seed` is random, for the messages' ids.
    pub fn new(seed: u128) -> Self {
        Self {
            phase: Phase::Handshake,
            agent: Version::default(),
            has_answered: false,
            incoming: Incoming::default(),
            outgoing: Outgoing::default(),
            is_paused: false,
            to_send: VecDeque::new(),
            received: VecDeque::new(),
            received_bytes: 0,
            progress: 0,
            message: None,
            next_id: seed,
        }
    }

    /// Takes a message from the websocket.
    ///
    /// # Errors
    /// When it makes no sense, or says that the session cannot be.
    pub fn take(&mut self, bytes: &Bytes, now: Now) -> Result<(), Error> {
        let frame = Frame::decode(bytes).map_err(|error| Error::Malformed(error.to_string()))?;
        match frame.kind {
            Kind::OutputStreamData => self.take_data(frame, now)?,
            Kind::Acknowledge => self.take_acknowledgement(&frame, now)?,
            Kind::ChannelClosed => self.phase = Phase::Closed(reason(&frame.payload)),
            Kind::PausePublication => self.is_paused = true,
            Kind::StartPublication => self.is_paused = false,
            // Our own direction, or one from the future.
            Kind::InputStreamData | Kind::Other => {}
        }
        Ok(())
    }

    fn take_data(&mut self, frame: Frame, now: Now) -> Result<(), Error> {
        // Whoever sends, listens.
        self.is_paused = false;
        let (sequence, id) = (frame.sequence, frame.id);
        // A copy: a slice would keep the whole of what it was read from in memory.
        let taken = Taken { payload_type: frame.payload_type, payload: Bytes::copy_from_slice(&frame.payload) };
        if self.incoming.take(sequence, taken) == Verdict::Refused {
            return Ok(());
        }
        self.acknowledge(sequence, id, now);
        while let Some(Taken { payload_type, payload }) = self.incoming.next_in_order() {
            self.progress += 1;
            self.process(payload_type, payload, now)?;
        }
        Ok(())
    }

    fn process(&mut self, payload_type: u32, bytes: Bytes, now: Now) -> Result<(), Error> {
        match payload_type {
            payload::HANDSHAKE_REQUEST if self.has_answered => Err(Error::Malformed("a second handshake".to_owned())),
            payload::HANDSHAKE_REQUEST => {
                self.has_answered = true;
                let answered = handshake::answer(&bytes)?;
                self.agent = answered.agent;
                self.send_data(payload::HANDSHAKE_RESPONSE, answered.response.into(), now);
                answered.declined.map_or(Ok(()), |what| Err(Error::Unsupported(what)))
            }
            payload::HANDSHAKE_COMPLETE => {
                let complete: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                let message = complete["CustomerMessage"].as_str().filter(|text| !text.trim().is_empty());
                self.message = message.map(shortened);
                if self.phase == Phase::Handshake {
                    self.phase = Phase::Open;
                }
                Ok(())
            }
            payload::OUTPUT if self.phase == Phase::Handshake => {
                Err(Error::Malformed("data before the end of the handshake".to_owned()))
            }
            payload::OUTPUT if bytes.is_empty() => Ok(()),
            payload::OUTPUT => {
                self.received_bytes += bytes.len();
                self.received.push_back(bytes);
                Ok(())
            }
            payload::FLAG if bytes[..] == flag::CONNECT_TO_PORT_ERROR.to_be_bytes() => Err(Error::PortRefused),
            _ => Ok(()),
        }
    }

    fn take_acknowledgement(&mut self, frame: &Frame, now: Now) -> Result<(), Error> {
        self.is_paused = false;
        let content: Value = serde_json::from_slice(&frame.payload).unwrap_or_default();
        let sequence = content["AcknowledgedMessageSequenceNumber"].as_i64();
        let sequence = sequence.ok_or_else(|| Error::Malformed("an acknowledgement of nothing".to_owned()))?;
        let before = self.outgoing.waiting();
        self.outgoing.acknowledge(sequence, now.instant);
        self.progress += u64::from(self.outgoing.waiting() < before);
        Ok(())
    }

    fn acknowledge(&mut self, sequence: i64, id: u128, now: Now) {
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
        self.to_send.push_back(frame.encode());
    }

    fn send_data(&mut self, payload_type: u32, payload: Bytes, now: Now) {
        let frame = Frame {
            kind: Kind::InputStreamData,
            sequence: self.outgoing.next(),
            flags: 0,
            id: self.fresh_id(),
            created: now.unix_ms,
            payload_type,
            payload,
        };
        let bytes = frame.encode();
        self.outgoing.push(bytes.clone(), now.instant);
        self.to_send.push_back(bytes);
    }

    fn fresh_id(&mut self) -> u128 {
        self.next_id = self.next_id.wrapping_add(1);
        // Version and variant of a random UUID (RFC 9562, 5.4).
        uuid::Builder::from_random_bytes(self.next_id.to_be_bytes()).into_uuid().as_u128()
    }

    /// Bytes may flow.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// The service's words at the end, once it has closed the channel.
    pub fn closed(&self) -> Option<&str> {
        match &self.phase {
            Phase::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether bytes can be sent now.
    pub fn can_send(&self) -> bool {
        self.is_open() && !self.is_paused && !self.outgoing.is_full()
    }

    /// Whether messages may be taken from the websocket now.
    pub fn can_take(&self) -> bool {
        self.to_send.len() < BACKLOG && self.received_bytes < READ_AHEAD
    }

    /// Sends bytes to the instance's port.
    pub fn send(&mut self, bytes: &[u8], now: Now) {
        for chunk in bytes.chunks(PAYLOAD) {
            self.send_data(payload::OUTPUT, Bytes::copy_from_slice(chunk), now);
        }
    }

    /// Closes the agent's connection to the port: our side has said all.
    pub fn disconnect(&mut self, now: Now) {
        self.send_data(payload::FLAG, flag::DISCONNECT_TO_PORT.to_be_bytes().to_vec().into(), now);
    }

    /// Tells the agent to end the session; whether it understands that.
    pub fn terminate(&mut self, now: Now) -> bool {
        let knows = self.agent.knows_terminate();
        if knows {
            self.send_data(payload::FLAG, flag::TERMINATE_SESSION.to_be_bytes().to_vec().into(), now);
        }
        knows
    }

    /// What is late is sent again; what still waits for the websocket is not late.
    pub fn tick(&mut self, now: Now) {
        if !self.is_paused && self.to_send.is_empty() {
            self.to_send.extend(self.outgoing.due(now.instant));
        }
    }

    /// When to call [`Self::tick`].
    pub fn next_tick(&self) -> Option<Instant> {
        if self.is_paused || !self.to_send.is_empty() { None } else { self.outgoing.next_due() }
    }

    /// The websocket is a new one: what was on its way goes again.
    pub fn reconnected(&mut self, now: Now) {
        self.is_paused = false;
        self.to_send = self.outgoing.all_again(now.instant).into();
    }

    /// All that we sent has arrived.
    pub fn is_settled(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// How long the oldest message has been waiting for its acknowledgement.
    pub fn waiting_for(&self, now: Now) -> std::time::Duration {
        self.outgoing.waiting_for(now.instant)
    }

    /// The next message for the websocket.
    pub fn next_to_send(&mut self) -> Option<Bytes> {
        self.to_send.pop_front()
    }

    /// The next bytes of the session.
    pub fn next_received(&mut self) -> Option<Bytes> {
        let bytes = self.received.pop_front()?;
        self.received_bytes -= bytes.len();
        Some(bytes)
    }

    /// Grows with each message that came or was acknowledged in its turn.
    pub fn progress(&self) -> u64 {
        self.progress
    }

    /// The service wants no data for the moment.
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// What the account's administrators tell everybody, once; untrusted.
    pub fn take_message(&mut self) -> Option<String> {
        self.message.take()
    }
}

/// Words for a person, not a flood of them.
fn shortened(text: &str) -> String {
    text.chars().take(WORDS).collect()
}

/// The service's words in a `channel_closed`.
fn reason(payload: &[u8]) -> String {
    let content: Value = serde_json::from_slice(payload).unwrap_or_default();
    shortened(content["Output"].as_str().unwrap_or_default().trim())
}
