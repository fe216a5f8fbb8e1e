//! A session of the agent: the reliable messages between the client and what the session is for, with the agent's faults.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::Agent;
use super::target::{Target, ToTarget, Work};
use super::wire::{Frame, acknowledged, acknowledgement, channel_closed, message};
use crate::kms::Cipher;
use crate::lock;
use crate::streams::Socket;

const MAX_IN_FLIGHT: usize = 2000;
/// The number of the client's messages that wait for the target; beyond it nothing is read.
const MAX_PENDING: usize = 64;
const POLL_INTERVAL: Duration = Duration::from_millis(50);
const RETRANSMIT_TIMEOUT: Duration = Duration::from_millis(250);
/// The time for which a client may be away.
const RESUME_TIMEOUT: Duration = Duration::from_secs(60);
/// The payload types that are encrypted.
const ENCRYPTED: [u32; 3] = [1, 11, 12];

pub(super) struct AgentSession {
    agent: Agent,
    work: Work,
    id: String,
    next: i64,
    in_flight: VecDeque<(i64, Vec<u8>, Instant)>,
    expected: i64,
    out_of_order: BTreeMap<i64, (u32, Vec<u8>)>,
    /// The first message of a reordered pair, held back until the second is sent.
    held: Option<Vec<u8>>,
    /// The numbers of data messages received and sent.
    counts: (usize, usize),
    handshake_done: bool,
    cipher: Option<Cipher>,
    target: Option<Target>,
    target_eof: bool,
    /// The client's messages that the target has not taken yet.
    pending: VecDeque<ToTarget>,
    /// Set once the client has asked for the end.
    terminated: bool,
}

/// The next event of a session.
enum Next {
    Message(Option<Result<Message, tokio_tungstenite::tungstenite::Error>>),
    Socket(Box<Socket>),
    FromTarget(Option<(u32, Vec<u8>)>),
    End(String),
    Nothing,
}

impl AgentSession {
    pub(super) fn new(agent: Agent, work: Work, id: String) -> Self {
        Self {
            agent,
            work,
            id,
            next: 0,
            in_flight: VecDeque::new(),
            expected: 0,
            out_of_order: BTreeMap::new(),
            held: None,
            counts: (0, 0),
            handshake_done: false,
            cipher: None,
            target: None,
            target_eof: false,
            pending: VecDeque::new(),
            terminated: false,
        }
    }

    fn record_error(&self, what: impl Into<String>) {
        lock(&self.agent.protocol_errors).push(what.into());
    }

    pub(super) async fn run(mut self, mut sockets: UnboundedReceiver<Box<Socket>>, mut end: UnboundedReceiver<String>) {
        let Some(mut socket) = sockets.recv().await else { return };
        if self.agent.mute {
            while let Some(Ok(_)) = socket.next().await {}
            return;
        }
        let _ = socket.send(Message::Binary(message("start_publication", 0, 0, None, b"").into())).await;
        match self.work.has_handshake() || self.agent.kms.is_some() {
            true => self.request_handshake(&mut socket).await,
            false => self.handshake_done = true,
        }
        if self.agent.forbids {
            return self.close(&mut socket, "Forwarding to IP address 169.254.169.254 is forbidden.").await;
        }
        if let (Some(text), false) = (self.agent.closes_with, self.work.is_port()) {
            return self.close(&mut socket, text).await;
        }
        let mut sent_since_cut = 0;
        let (mut cuts, mut close_after) = (self.agent.cut, self.agent.close_after);
        let mut tick = tokio::time::interval(POLL_INTERVAL);
        loop {
            match self.next(&mut socket, &mut sockets, &mut end, &mut tick).await {
                Next::Nothing => {}
                Next::Message(Some(Ok(Message::Binary(bytes)))) => self.take(&mut socket, &bytes).await,
                Next::Message(Some(Ok(Message::Text(_)))) => self.record_error("a text frame after the first"),
                Next::Message(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => {}
                Next::Message(_) => match self.resumed(&mut sockets, &mut end).await {
                    Some(next) => socket = next,
                    None => return,
                },
                Next::Socket(next) => {
                    socket = next;
                    self.retransmit_all(&mut socket).await;
                }
                Next::FromTarget(None) => self.target_eof = true,
                Next::FromTarget(Some((kind, bytes))) => {
                    self.send(&mut socket, kind, &bytes).await;
                    sent_since_cut += bytes.len();
                    if let Some((after, times)) = cuts
                        && times > 0
                        && sent_since_cut >= after
                    {
                        (cuts, sent_since_cut) = (Some((after, times - 1)), 0);
                        // The old socket is dropped without a close frame.
                        drop(socket);
                        match self.resumed(&mut sockets, &mut end).await {
                            Some(next) => socket = next,
                            None => return,
                        }
                    }
                    if close_after.is_some_and(|after| sent_since_cut >= after) {
                        close_after = None;
                        let frame = CloseFrame { code: 1000.into(), reason: "Bye".into() };
                        let _ = socket.send(Message::Close(Some(frame))).await;
                    }
                }
                Next::End(text) => return self.close(&mut socket, &text).await,
            }
            self.retransmit_oldest(&mut socket).await;
            if self.terminated || (self.target_eof && self.in_flight.is_empty()) {
                return self.close(&mut socket, "").await;
            }
        }
    }

    async fn next(
        &mut self,
        socket: &mut Socket,
        sockets: &mut UnboundedReceiver<Box<Socket>>,
        end: &mut UnboundedReceiver<String>,
        tick: &mut tokio::time::Interval,
    ) -> Next {
        if self.handshake_done && self.target.is_none() {
            self.target = Some(self.work.start(&self.agent));
        }
        let can_read = self.in_flight.len() < MAX_IN_FLIGHT && !self.target_eof;
        let (output, input) = match &mut self.target {
            Some(target) => (Some(&mut target.output), Some(&target.input)),
            None => (None, None),
        };
        let from_target = async {
            match output {
                Some(output) => output.recv().await,
                None => std::future::pending().await,
            }
        };
        let permit = async {
            match input {
                Some(input) => input.reserve().await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            message = socket.next(), if self.pending.len() < MAX_PENDING => Next::Message(message),
            Some(next) = sockets.recv() => Next::Socket(next),
            from = from_target, if can_read => Next::FromTarget(from),
            permit = permit, if !self.pending.is_empty() => {
                match (permit, self.pending.pop_front()) {
                    (Some(permit), Some(message)) => permit.send(message),
                    // The target has ended.
                    _ => self.pending.clear(),
                }
                Next::Nothing
            }
            text = end.recv() => Next::End(text.unwrap_or_default()),
            _ = tick.tick() => Next::Nothing,
        }
    }

    /// Waits for the client's next socket, and sends again what it has not acknowledged.
    async fn resumed(
        &mut self,
        sockets: &mut UnboundedReceiver<Box<Socket>>,
        end: &mut UnboundedReceiver<String>,
    ) -> Option<Box<Socket>> {
        let mut socket = tokio::select! {
            next = tokio::time::timeout(RESUME_TIMEOUT, sockets.recv()) => next.ok().flatten()?,
            _ = end.recv() => return None,
        };
        self.retransmit_all(&mut socket).await;
        Some(socket)
    }

    async fn request_handshake(&mut self, socket: &mut Socket) {
        let mut actions = vec![json!({
            "ActionType": "SessionType",
            "ActionParameters": { "SessionType": self.work.session_type(), "Properties": self.work.properties() },
        })];
        if let Some(kms) = &self.agent.kms {
            let mut parameters = json!({ "KMSKeyId": kms.key_id });
            if let Some(challenge) = &kms.challenge {
                parameters["Challenge"] = json!(challenge);
            }
            actions.push(json!({ "ActionType": "KMSEncryption", "ActionParameters": parameters }));
        }
        let request = json!({ "AgentVersion": self.agent.version, "RequestedClientActions": actions });
        self.send(socket, 5, request.to_string().as_bytes()).await;
    }

    /// Sends data to the client; it is retransmitted until it is acknowledged.
    async fn send(&mut self, socket: &mut Socket, payload_type: u32, payload: &[u8]) {
        let flags = u64::from(self.next == 0);
        let payload = match &self.cipher {
            Some(cipher) if ENCRYPTED.contains(&payload_type) && self.handshake_done => cipher.encrypt(payload),
            _ => payload.to_vec(),
        };
        let bytes = message("output_stream_data", self.next, flags, Some(payload_type), &payload);
        self.in_flight.push_back((self.next, bytes.clone(), Instant::now()));
        self.next += 1;
        self.counts.1 += 1;
        if self.agent.lose_data.is_some_and(|n| self.counts.1.is_multiple_of(n)) {
            return;
        }
        if self.agent.pause && self.counts.1.is_multiple_of(50) {
            for kind in ["pause_publication", "start_publication"] {
                let _ = socket.feed(Message::Binary(message(kind, 0, 0, None, b"").into())).await;
            }
        }
        match self.held.take() {
            None if self.agent.reorder && payload_type == 1 => self.held = Some(bytes),
            held => {
                self.send_frame(socket, bytes).await;
                if let Some(first) = held {
                    self.send_frame(socket, first).await;
                }
            }
        }
        let _ = socket.flush().await;
    }

    async fn send_frame(&mut self, socket: &mut Socket, bytes: Vec<u8>) {
        if self.agent.duplicate {
            let _ = socket.feed(Message::Binary(bytes.clone().into())).await;
        }
        let _ = socket.feed(Message::Binary(bytes.into())).await;
    }

    async fn retransmit_oldest(&mut self, socket: &mut Socket) {
        let is_due = |sent: &Instant, after: Duration| sent.elapsed() > after;
        if self.in_flight.back().is_some_and(|(.., sent)| is_due(sent, POLL_INTERVAL))
            && let Some(held) = self.held.take()
        {
            self.send_frame(socket, held).await;
            let _ = socket.flush().await;
        }
        if let Some((_, bytes, sent)) = self.in_flight.front_mut()
            && is_due(sent, RETRANSMIT_TIMEOUT)
        {
            *sent = Instant::now();
            let _ = socket.send(Message::Binary(bytes.clone().into())).await;
        }
    }

    /// Retransmits all unacknowledged data on the new socket of the client.
    async fn retransmit_all(&mut self, socket: &mut Socket) {
        self.held = None;
        for (_, bytes, sent) in &mut self.in_flight {
            *sent = Instant::now();
            let _ = socket.feed(Message::Binary(bytes.clone().into())).await;
        }
        let _ = socket.flush().await;
    }

    async fn take(&mut self, socket: &mut Socket, bytes: &[u8]) {
        let Some(frame) = Frame::read(bytes) else {
            return self.record_error(format!("a malformed message of {} bytes", bytes.len()));
        };
        match frame.kind.as_str() {
            "acknowledge" => match acknowledged(&frame.payload, self.next) {
                Ok(sequence) => self.in_flight.retain(|(number, ..)| *number != sequence),
                Err(wrong) => self.record_error(wrong),
            },
            "input_stream_data" => self.take_data(socket, frame).await,
            other => self.record_error(format!("a message of the kind {other}")),
        }
    }

    async fn take_data(&mut self, socket: &mut Socket, frame: Frame) {
        self.counts.0 += 1;
        if !self.agent.lose_acknowledgements.is_some_and(|n| self.counts.0.is_multiple_of(n)) {
            let _ = socket.send(Message::Binary(acknowledgement(&frame).into())).await;
        }
        // The data is acknowledged and silently dropped, as the real agent does until its handshake is complete.
        if !self.handshake_done && !matches!(frame.payload_type, 6 | 9) {
            return self.record_error("data before the handshake was done");
        }
        if frame.sequence >= self.expected {
            self.out_of_order.insert(frame.sequence, (frame.payload_type, frame.payload));
        }
        while let Some((payload_type, payload)) = self.out_of_order.remove(&self.expected) {
            self.expected += 1;
            self.take_payload(socket, payload_type, payload).await;
        }
    }

    async fn take_payload(&mut self, socket: &mut Socket, payload_type: u32, payload: Vec<u8>) {
        match payload_type {
            1 => match self.cipher.as_ref().map_or(Some(payload.clone()), |cipher| cipher.decrypt(&payload)) {
                Some(bytes) => self.pending.push_back(ToTarget::Bytes(bytes)),
                None => self.record_error("input that cannot be decrypted"),
            },
            3 => {
                let size: Value = serde_json::from_slice(&payload).unwrap_or_default();
                match (size["cols"].as_u64(), size["rows"].as_u64(), self.work.is_port()) {
                    (Some(columns), Some(rows), false) => self.pending.push_back(ToTarget::Size(columns, rows)),
                    _ => self.record_error(format!("a size: {size}")),
                }
            }
            6 => self.finish_handshake(socket, &payload).await,
            9 => self.finish_challenge(socket, &payload).await,
            10 if payload == 1_u32.to_be_bytes() && self.work.is_port() => self.pending.push_back(ToTarget::Disconnect),
            // The agent's shells and commands know no flags: they are ended by the API.
            10 if payload == 2_u32.to_be_bytes() && self.work.is_port() => self.terminated = true,
            other => self.record_error(format!("a payload of the type {other}")),
        }
    }

    async fn finish_handshake(&mut self, socket: &mut Socket, response: &[u8]) {
        let response: Value = serde_json::from_slice(response).unwrap_or_default();
        let actions = response["ProcessedClientActions"].as_array().cloned().unwrap_or_default();
        let fits = !actions.is_empty()
            && actions.iter().all(|action| action["ActionStatus"] == 1)
            && response["ClientVersion"].as_str().is_some_and(|version| version.starts_with("1.2."));
        if !fits {
            self.record_error(format!("the handshake's response: {response}"));
        }
        let Some(kms) = self.agent.kms.clone() else { return self.complete(socket).await };
        let of_kms = actions.iter().find(|action| action["ActionType"] == "KMSEncryption").map(|a| &a["ActionResult"]);
        match of_kms.ok_or("no answer about KMS".to_owned()).and_then(|result| kms.cipher(result, &self.id)) {
            Ok(cipher) => {
                let challenge = cipher.encrypt(&kms.text);
                self.cipher = Some(cipher);
                let request = json!({ "Challenge": STANDARD.encode(challenge) });
                self.send(socket, 8, request.to_string().as_bytes()).await;
            }
            Err(wrong) => self.record_error(wrong),
        }
    }

    async fn finish_challenge(&mut self, socket: &mut Socket, response: &[u8]) {
        let response: Value = serde_json::from_slice(response).unwrap_or_default();
        let answer = response["Challenge"].as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        let (Some(kms), Some(cipher)) = (&self.agent.kms, &self.cipher) else {
            return self.record_error("an answer to no challenge");
        };
        if cipher.decrypt(&answer).as_ref() != Some(&kms.text) {
            return self.record_error("a wrong answer to the challenge");
        }
        self.complete(socket).await;
    }

    async fn complete(&mut self, socket: &mut Socket) {
        let message = self.agent.message.clone().unwrap_or_default();
        let complete = json!({ "HandshakeTimeToComplete": 1_000_000, "CustomerMessage": message });
        self.send(socket, 7, complete.to_string().as_bytes()).await;
        self.handshake_done = true;
    }

    async fn close(&mut self, socket: &mut Socket, output: &str) {
        let bytes = channel_closed(&self.id, output, self.agent.short_header);
        let _ = socket.send(Message::Binary(bytes.into())).await;
        let frame = CloseFrame { code: 1000.into(), reason: "".into() };
        let _ = socket.close(Some(frame)).await;
        let drained = async { while let Some(Ok(_)) = socket.next().await {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), drained).await;
    }
}
