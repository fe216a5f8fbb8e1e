//! The client side of a data channel as a state machine: takes messages, produces messages and bytes. Does no I/O; the
//! time is passed in.

use std::collections::VecDeque;
use std::time::Instant;

use serde_json::Value;
use tokio_tungstenite::tungstenite::Bytes;

use super::cipher::Cipher;
use super::error::Error;
use super::frame::{Frame, Kind, flag, payload};
use super::handshake::{KeyRequest, Purpose, Request, Version};
use super::item::Item;
use super::pace::Pace;
use super::reliable::{Receipt, ReceiveWindow, SendWindow};

/// The largest payload sent, in bytes, as in the plugin and the agent.
pub(crate) const MAX_PAYLOAD: usize = 1024;
/// Limit in characters for text from the service that is shown to the user.
const MAX_TEXT_CHARS: usize = 1000;
/// Limit for the messages that wait for the websocket. Above it no messages are read, because each one adds an
/// acknowledgement.
const MAX_QUEUED_MESSAGES: usize = 4096;
/// Limit for the data messages that wait for their pace; beyond it nothing is read from the local side.
const MAX_WAITING: usize = 16;
/// Limit for the received bytes that wait for the reader; above it the far side is slowed down. Not too small, because
/// acknowledgements and pings arrive on the same websocket.
const MAX_UNREAD_BYTES: usize = 1 << 20;
/// The flags of an acknowledgement: SYN and FIN, as the plugin sets them.
const ACKNOWLEDGE_FLAGS: u64 = 3;

/// The current time in the two forms that messages need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// The monotonic time, for timeouts.
    pub instant: Instant,
    /// The wall-clock time for message headers, in ms since the Unix epoch.
    pub unix_ms: u64,
}

/// The phase of the data channel.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// The agent has not completed the handshake yet.
    Handshake,
    Open,
    /// The service closed the channel, with this reason, which may be empty.
    Closed(String),
}

/// The state of one data channel.
#[derive(Debug)]
pub(crate) struct DataChannel {
    phase: Phase,
    agent: Version,
    purpose: Purpose,
    /// Whether the program has a terminal.
    is_interactive: bool,
    /// The number of reports that the agent cannot connect, of a session that carries several connections.
    refusals: usize,
    /// Whether the agent's handshake request has come.
    answered: bool,
    /// The agent's request, while the data key that it asks for is fetched.
    pending: Option<Request>,
    /// The encryption of the session.
    cipher: Option<Cipher>,
    incoming: ReceiveWindow<PendingMessage>,
    outgoing: SendWindow<Bytes>,
    /// Whether the service has asked us to pause sending.
    is_paused: bool,
    /// Set while nothing is read from the websocket, because the reader does not take what has arrived.
    looked_away: bool,
    /// Encoded acknowledgements that wait for the websocket; they go before data and are not paced.
    acknowledgements: VecDeque<Bytes>,
    /// Encoded data messages, with their numbers, that wait for the websocket and for their pace.
    to_send: VecDeque<(i64, Bytes)>,
    pace: Pace,
    /// The received items, in order.
    received: VecDeque<Item>,
    /// The total length of `received`, in bytes.
    received_bytes: usize,
    /// A counter of messages received in order and acknowledgements that moved the window; only its growth matters.
    progress: u64,
    /// A message that the account's administrators show to every user; untrusted.
    message: Option<String>,
    /// The counter for message ids, which only have to be unique.
    next_id: u128,
}

/// A message from the agent that waits to be processed in order.
#[derive(Debug)]
struct PendingMessage {
    payload_type: u32,
    payload: Bytes,
}

impl AsRef<[u8]> for PendingMessage {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

impl DataChannel {
    /// Creates the state of a new channel; `seed` is random, for the ids of the messages.
    pub(crate) fn new(purpose: Purpose, seed: u128) -> Self {
        Self {
            phase: Phase::Handshake,
            agent: Version::default(),
            purpose,
            is_interactive: true,
            refusals: 0,
            answered: false,
            pending: None,
            cipher: None,
            incoming: ReceiveWindow::default(),
            outgoing: SendWindow::default(),
            is_paused: false,
            looked_away: false,
            acknowledgements: VecDeque::new(),
            to_send: VecDeque::new(),
            pace: Pace::default(),
            received: VecDeque::new(),
            received_bytes: 0,
            progress: 0,
            message: None,
            next_id: seed,
        }
    }

    /// Returns the version of the agent, once the channel is open.
    pub(crate) fn agent(&self) -> Version {
        self.agent
    }

    /// Takes the number of reports that the agent cannot connect.
    pub(crate) fn take_refusals(&mut self) -> usize {
        std::mem::take(&mut self.refusals)
    }

    /// Processes a message from the websocket.
    ///
    /// # Errors
    /// Fails if the message is invalid, if the agent requests something unsupported, or if it cannot connect to the
    /// port.
    pub(crate) fn take(&mut self, bytes: &Bytes, now: Now) -> Result<(), Error> {
        let frame = Frame::decode(bytes).map_err(|error| Error::Malformed(error.to_string()))?;
        match frame.kind {
            Kind::OutputStreamData => self.take_data(frame, now)?,
            Kind::Acknowledge => self.take_acknowledgement(&frame, now)?,
            Kind::ChannelClosed => self.phase = Phase::Closed(reason(&frame.payload)),
            Kind::PausePublication => self.is_paused = true,
            Kind::StartPublication => self.is_paused = false,
            // Data in our own direction, or a message type that is newer than this version.
            Kind::InputStreamData | Kind::Other => {}
        }
        Ok(())
    }

    fn take_data(&mut self, frame: Frame, now: Now) -> Result<(), Error> {
        // Incoming data ends a pause.
        self.is_paused = false;
        let (sequence, id) = (frame.sequence, frame.id);
        // The payload is copied, because a slice would keep the whole read buffer in memory.
        let pending =
            PendingMessage { payload_type: frame.payload_type, payload: Bytes::copy_from_slice(&frame.payload) };
        if self.incoming.take(sequence, pending) == Receipt::Refused {
            return Ok(());
        }
        self.acknowledge(sequence, id, now);
        while let Some(PendingMessage { payload_type, payload }) = self.incoming.next_in_order() {
            self.progress += 1;
            self.process(payload_type, payload, now)?;
        }
        Ok(())
    }

    fn process(&mut self, payload_type: u32, bytes: Bytes, now: Now) -> Result<(), Error> {
        match payload_type {
            payload::HANDSHAKE_REQUEST => self.take_request(&bytes, now),
            payload::CHALLENGE_REQUEST => self.take_challenge(&bytes, now),
            payload::HANDSHAKE_COMPLETE => self.complete(&bytes),
            payload::OUTPUT | payload::STDERR | payload::EXIT_CODE => self.take_output(payload_type, bytes),
            payload::FLAG if bytes[..] == flag::CONNECT_TO_PORT_ERROR.to_be_bytes() => {
                if self.purpose != Purpose::Port || !self.agent.supports_mux() {
                    return Err(Error::PortRefused);
                }
                self.refusals += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take_output(&mut self, payload_type: u32, bytes: Bytes) -> Result<(), Error> {
        if self.phase == Phase::Handshake {
            if self.purpose != Purpose::Program || self.answered {
                return Err(Error::Malformed("data before the handshake was complete".to_owned()));
            }
            // A shell that is not encrypted has no handshake: its first output is the beginning.
            self.phase = Phase::Open;
        }
        let bytes = match &self.cipher {
            Some(cipher) => Bytes::from(cipher.decrypt(&bytes)?),
            None => bytes,
        };
        let item = match payload_type {
            payload::STDERR => Some(Item::Stderr(bytes)),
            payload::EXIT_CODE => Item::exit(&bytes),
            _ => Some(Item::Stdout(bytes)),
        };
        if let Some(item) = item.filter(|item| item.len() > 0 || matches!(item, Item::Exit(_))) {
            self.received_bytes += item.len();
            self.received.push_back(item);
        }
        Ok(())
    }

    fn take_acknowledgement(&mut self, frame: &Frame, now: Now) -> Result<(), Error> {
        self.is_paused = false;
        let content: Value = serde_json::from_slice(&frame.payload).unwrap_or_default();
        let sequence = content["AcknowledgedMessageSequenceNumber"].as_i64();
        let sequence =
            sequence.ok_or_else(|| Error::Malformed("an acknowledgement without a sequence number".to_owned()))?;
        let before = self.outgoing.in_flight();
        if let Some(round_trip) = self.outgoing.acknowledge(sequence, now.instant) {
            self.pace.acknowledged(round_trip, now.instant);
        }
        self.progress += u64::from(self.outgoing.in_flight() < before);
        Ok(())
    }

    /// Whether the channel is open for data.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Returns the reason given by the service, once it has closed the channel.
    pub(crate) fn closed(&self) -> Option<&str> {
        match &self.phase {
            Phase::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether messages may be taken from the websocket now.
    pub(crate) fn can_take(&self) -> bool {
        self.acknowledgements.len() < MAX_QUEUED_MESSAGES && self.received_bytes < MAX_UNREAD_BYTES
    }

    /// Whether the program has a terminal.
    pub(crate) fn is_interactive(&self) -> bool {
        self.is_interactive
    }

    /// Whether the session runs a program.
    pub(crate) fn is_program(&self) -> bool {
        self.purpose == Purpose::Program
    }

    /// Queues overdue messages for retransmission before all others, unless sending is paused: those behind them are held back by the
    /// agent until they have arrived.
    pub(crate) fn tick(&mut self, now: Now) {
        if !self.can_take() {
            // Acknowledgements may have come that nobody reads.
            self.looked_away = true;
            return;
        }
        if std::mem::take(&mut self.looked_away) {
            self.outgoing.looked_again(now.instant);
        }
        if self.is_paused {
            return;
        }
        let due = self.outgoing.due(now.instant);
        if !due.is_empty() {
            self.pace.late(now.instant);
        }
        for message in due {
            let before = self.to_send.iter().position(|(number, _)| *number > message.0);
            self.to_send.insert(before.unwrap_or(self.to_send.len()), message);
        }
    }

    /// Returns when to call [`Self::tick`], or [`Self::next_to_send`], next; `None` if nothing but the websocket is waited for.
    pub(crate) fn next_tick(&self, now: Instant) -> Option<Instant> {
        if self.is_paused {
            return None;
        }
        let next = (!self.to_send.is_empty()).then(|| self.pace.next(now)).filter(|next| *next > now);
        let due = if self.can_take() { self.outgoing.next_due() } else { None };
        next.into_iter().chain(due).min()
    }

    /// Switches to a new websocket: every unacknowledged message is sent again.
    pub(crate) fn reconnected(&mut self, now: Now) {
        self.is_paused = false;
        self.acknowledgements.clear();
        self.pace.reconnected();
        self.to_send = self.outgoing.unacknowledged(now.instant).into();
    }

    /// Whether everything that was sent has been acknowledged.
    pub(crate) fn is_settled(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// Returns how long the oldest message has been waiting for its acknowledgement.
    pub(crate) fn waiting_for(&self, now: Now) -> std::time::Duration {
        self.outgoing.waiting_for(now.instant)
    }

    /// Whether something was received that nobody has taken yet.
    pub(crate) fn has_received(&self) -> bool {
        !self.received.is_empty()
    }

    /// Removes and returns what was received next.
    pub(crate) fn next_received(&mut self) -> Option<Item> {
        let item = self.received.pop_front()?;
        self.received_bytes -= item.len();
        Some(item)
    }

    /// Returns a counter that grows with each message received in order and each acknowledgement that moved the window.
    pub(crate) fn progress(&self) -> u64 {
        self.progress
    }

    /// Whether the service has paused sending.
    pub(crate) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Takes the message of the account's administrators, if there is one; untrusted.
    pub(crate) fn take_message(&mut self) -> Option<String> {
        self.message.take()
    }
}

mod opening;
mod sending;

/// Truncates text for display to `MAX_TEXT_CHARS` characters.
fn truncated(text: &str) -> String {
    text.chars().take(MAX_TEXT_CHARS).collect()
}

/// Returns the reason given in a `channel_closed` message.
fn reason(payload: &[u8]) -> String {
    let content: Value = serde_json::from_slice(payload).unwrap_or_default();
    truncated(content["Output"].as_str().unwrap_or_default().trim())
}

#[cfg(test)]
pub(super) mod tests;
