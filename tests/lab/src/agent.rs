//! Session Manager's data channel: the service and the agent in one, with their checks and with injected faults of
//! networks and services. Written from the description of the protocol; shares no code with ec2ssh.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use uuid::Uuid;

use crate::lock;
use crate::sigv4::{self, Expected};
use crate::smux::{Smux, ToClient};
use crate::streams::{Service, Socket, refuse};

/// The payload size of a message in bytes, as AWS's plugin and agent use it.
const PAYLOAD: usize = 1024;
const MAX_IN_FLIGHT: usize = 2000;
const POLL_INTERVAL: Duration = Duration::from_millis(50);
const RETRANSMIT_TIMEOUT: Duration = Duration::from_millis(250);

/// A Session Manager agent: its version, and the faults of its sessions.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The version of the agent, for example `3.3.3572.0`.
    pub version: String,
    /// The agent's state in Systems Manager: `Online`, `ConnectionLost` or `Inactive`.
    pub ping: &'static str,
    /// Whether each data message is sent twice.
    pub duplicate: bool,
    /// Whether data messages are sent in pairs, the second one first.
    pub reorder: bool,
    /// Every n-th acknowledgement is not sent.
    pub lose_acknowledgements: Option<usize>,
    /// Every n-th data message is lost on its first transmission.
    pub lose_data: Option<usize>,
    /// The socket is dropped after this many bytes from the port, this many times.
    pub cut: Option<(usize, usize)>,
    /// The service closes the websocket with code 1000 after this many bytes from the port.
    pub close_after: Option<usize>,
    /// Whether `channel_closed` has the short header of 112 bytes.
    pub short_header: bool,
    /// Whether the agent fails to connect to the port.
    pub refuse_port: bool,
    /// Whether the agent never requests the handshake.
    pub mute: bool,
    /// Whether the service sends `pause_publication`, followed by `start_publication`, from time to time.
    pub pause: bool,
    /// The message of the account's administrators to all users (`CustomerMessage`).
    pub message: Option<String>,
    /// Whether the session's document forwards a port, so that it can carry several connections.
    pub forwards: bool,
    /// Whether the agent refuses the host that is asked for.
    pub forbids: bool,
    /// The protocol errors that the client made.
    pub protocol_errors: Arc<Mutex<Vec<String>>>,
    /// The largest number of connections that one session has carried.
    pub most_streams: Arc<Mutex<usize>>,
}

impl Agent {
    /// Returns an agent of a recent version, without faults.
    pub fn recent() -> Self {
        Self {
            version: "3.3.3572.0".to_owned(),
            ping: "Online",
            duplicate: false,
            reorder: false,
            lose_acknowledgements: None,
            lose_data: None,
            cut: None,
            close_after: None,
            short_header: false,
            refuse_port: false,
            mute: false,
            pause: false,
            message: None,
            forwards: false,
            forbids: false,
            protocol_errors: Arc::default(),
            most_streams: Arc::default(),
        }
    }

    /// Whether the agent is newer than 3.0.196.0, and carries several connections over a session.
    fn multiplexes(&self) -> bool {
        let numbers: Vec<u32> = self.version.split('.').filter_map(|number| number.parse().ok()).collect();
        self.forwards && numbers > vec![3, 0, 196, 0]
    }
}

/// A session of Session Manager.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names are the API's own")]
pub(crate) struct Session {
    pub id: String,
    pub token: String,
    pub resumed: usize,
    pub ended: bool,
    pub agent: Agent,
    pub sockets: UnboundedSender<Box<Socket>>,
    pub end: UnboundedSender<()>,
}

/// A data channel whose upgrade request is correctly signed.
pub(crate) struct Channel {
    id: String,
    service: Service,
}

/// Checks an upgrade request as the service does.
#[allow(clippy::result_large_err, reason = "the library's own type")]
pub(crate) fn check(request: &Request, service: &Service) -> Result<Channel, ErrorResponse> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let signed = sigv4::Request { path, query, header: &header };
    let signed_by = header("authorization").and_then(|value| {
        let credential = value.split("Credential=").nth(1)?;
        credential.split('/').next().map(str::to_owned)
    });
    let is_known = |key: &String| lock(&service.state).access_keys.contains(key);
    let signed_by = signed_by.filter(is_known).unwrap_or_else(|| service.access_key.clone());
    let (access_key, region) = (signed_by.as_str(), "eu-west-1");
    let expected = Expected { access_key, secret: crate::SECRET, service: "ssmmessages", region, age: 300 };
    let forbidden = |why: String| refuse(403, "AccessDeniedException", &why);
    sigv4::check_headers(&signed, &expected).map_err(|why| forbidden(format!("The upgrade is not signed: {why}")))?;
    let id = path.strip_prefix("/v1/data-channel/").unwrap_or_default().to_owned();
    let state = lock(&service.state);
    let session = state.sessions.iter().find(|session| session.id == id && !session.ended);
    let session = session.ok_or_else(|| forbidden("There is no such session".to_owned()))?;
    let cell = format!("cell-number=AAE+k/N0o{}%3D", session.resumed);
    if !query.ends_with(&cell) {
        return Err(forbidden("The address is not the one that was given out".to_owned()));
    }
    Ok(Channel { id, service: service.clone() })
}

/// Reads the first message, checks its token, and hands the socket to the session's agent.
pub(crate) async fn attach(mut socket: Socket, channel: Channel) {
    let Some(Ok(Message::Text(text))) = socket.next().await else { return };
    let hello: Value = serde_json::from_str(&text).unwrap_or_default();
    let mut state = lock(&channel.service.state);
    state.client_versions.push(hello["ClientVersion"].as_str().unwrap_or_default().to_owned());
    let Some(session) = state.sessions.iter().find(|session| session.id == channel.id) else { return };
    let version = hello["ClientVersion"].as_str().unwrap_or_default();
    let is_new = version.rsplit('.').nth(1).and_then(|number| number.parse::<u32>().ok()).is_some_and(|n| n >= 764);
    let fits = hello["MessageSchemaVersion"] == "1.0"
        && hello["TokenValue"] == session.token.as_str()
        && hello["RequestId"].as_str().is_some_and(|id| Uuid::parse_str(id).is_ok())
        && hello["ClientId"].as_str().is_some_and(|id| Uuid::parse_str(id).is_ok())
        && is_new;
    if fits {
        let _ = session.sockets.send(Box::new(socket));
    } else {
        lock(&session.agent.protocol_errors).push("the data channel's first message".to_owned());
    }
}

/// Starts the agent of a session, which then waits for its websockets.
pub(crate) fn start(
    agent: Agent,
    port: Option<u16>,
    id: String,
    sockets: UnboundedReceiver<Box<Socket>>,
    end: UnboundedReceiver<()>,
) {
    let session = AgentSession {
        agent,
        id,
        next: 0,
        in_flight: VecDeque::new(),
        expected: 0,
        out_of_order: BTreeMap::new(),
        held: None,
        counts: (0, 0),
        handshake_done: false,
        target_eof: false,
    };
    tokio::spawn(session.run(port, sockets, end));
}

struct AgentSession {
    agent: Agent,
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
    target_eof: bool,
}

/// An action that a message of the client asks for.
enum ClientAction {
    Bytes(Vec<u8>),
    Disconnect,
    Terminate,
}

impl AgentSession {
    fn record_error(&self, what: impl Into<String>) {
        lock(&self.agent.protocol_errors).push(what.into());
    }

    async fn run(
        mut self,
        port: Option<u16>,
        mut sockets: UnboundedReceiver<Box<Socket>>,
        mut end: UnboundedReceiver<()>,
    ) {
        let Some(mut socket) = sockets.recv().await else { return };
        if self.agent.mute {
            while let Some(Ok(_)) = socket.next().await {}
            return;
        }
        let (mut smux, mut to_client) = match self.agent.multiplexes() {
            true => Some(Smux::new(port.unwrap_or(1))).unzip(),
            false => (None, None),
        };
        let target = match smux {
            Some(_) => Err(std::io::ErrorKind::Unsupported.into()),
            None => TcpStream::connect(("127.0.0.1", port.unwrap_or(1))).await,
        };
        let refused = smux.is_none() && (self.agent.refuse_port || target.is_err());
        let mut target = target.ok();
        if let Some(target) = &target {
            let _ = target.set_nodelay(true);
        }
        self.request_handshake(&mut socket).await;
        if self.agent.forbids {
            return self.close(&mut socket, "Forwarding to IP address 169.254.169.254 is forbidden.").await;
        }
        let (mut chunk, mut sent_since_cut) = (vec![0; PAYLOAD], 0);
        let (mut cuts, mut close_after) = (self.agent.cut, self.agent.close_after);
        let mut tick = tokio::time::interval(POLL_INTERVAL);
        loop {
            let can_read = self.handshake_done && !refused && self.in_flight.len() < MAX_IN_FLIGHT && !self.target_eof;
            tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(Message::Binary(bytes))) => {
                        for action in self.take(&mut socket, &bytes).await {
                            match action {
                                ClientAction::Bytes(bytes) if smux.is_some() => self.multiplexed(smux.as_mut(), &bytes).await,
                                ClientAction::Bytes(bytes) => match &mut target {
                                    Some(target) => drop(target.write_all(&bytes).await),
                                    None if refused => self.send(&mut socket, 10, &3_u32.to_be_bytes()).await,
                                    None => {}
                                },
                                ClientAction::Disconnect => target = None,
                                ClientAction::Terminate => return self.close(&mut socket, "").await,
                            }
                        }
                        if refused && self.handshake_done && self.next < 3 {
                            self.send(&mut socket, 10, &3_u32.to_be_bytes()).await;
                        }
                    }
                    Some(Ok(Message::Text(_))) => self.record_error("a text frame after the first"),
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                    _ => match tokio::time::timeout(Duration::from_secs(60), sockets.recv()).await {
                        Ok(Some(next)) => {
                            socket = next;
                            self.retransmit_all(&mut socket).await;
                        }
                        _ => return,
                    },
                },
                Some(next) = sockets.recv() => {
                    socket = next;
                    self.retransmit_all(&mut socket).await;
                }
                read = read(&mut target, &mut chunk), if can_read => match read {
                    0 => self.target_eof = true,
                    count => {
                        let bytes = chunk[..count].to_vec();
                        self.send(&mut socket, 1, &bytes).await;
                        sent_since_cut += count;
                        if let Some((after, times)) = cuts && times > 0 && sent_since_cut >= after {
                            (cuts, sent_since_cut) = (Some((after, times - 1)), 0);
                            let Ok(Some(next)) =
                                // The old socket is dropped without a close frame.
                                tokio::time::timeout(Duration::from_secs(60), drop_and_wait_for_next(socket, &mut sockets)).await
                            else { return };
                            socket = next;
                            self.retransmit_all(&mut socket).await;
                        }
                        if close_after.is_some_and(|after| sent_since_cut >= after) {
                            close_after = None;
                            let frame = CloseFrame { code: 1000.into(), reason: "Bye".into() };
                            let _ = socket.send(Message::Close(Some(frame))).await;
                        }
                    }
                },
                Some(next) = from_streams(&mut to_client), if self.in_flight.len() < MAX_IN_FLIGHT => match next {
                    ToClient::Bytes(bytes) => {
                        for chunk in bytes.chunks(PAYLOAD) {
                            self.send(&mut socket, 1, chunk).await;
                        }
                        sent_since_cut += bytes.len();
                        if let Some((after, times)) = cuts && times > 0 && sent_since_cut >= after {
                            (cuts, sent_since_cut) = (Some((after, times - 1)), 0);
                            let next = tokio::time::timeout(Duration::from_secs(60), drop_and_wait_for_next(socket, &mut sockets)).await;
                            let Ok(Some(next)) = next else { return };
                            socket = next;
                            self.retransmit_all(&mut socket).await;
                        }
                    }
                    ToClient::Refused => self.send(&mut socket, 10, &3_u32.to_be_bytes()).await,
                },
                _ = end.recv() => return self.close(&mut socket, "").await,
                _ = tick.tick() => {
                    self.retransmit_oldest(&mut socket).await;
                    if self.target_eof && self.in_flight.is_empty() {
                        return self.close(&mut socket, "").await;
                    }
                }
            }
        }
    }

    async fn multiplexed(&self, smux: Option<&mut Smux>, bytes: &[u8]) {
        let Some(smux) = smux else { return };
        if let Err(wrong) = smux.take(bytes).await {
            self.record_error(wrong);
        }
        let mut most = lock(&self.agent.most_streams);
        *most = smux.most.max(*most);
    }

    async fn request_handshake(&mut self, socket: &mut Socket) {
        let _ = socket.send(Message::Binary(message("start_publication", 0, 0, None, b"").into())).await;
        let request = json!({
            "AgentVersion": self.agent.version,
            "RequestedClientActions": [{
                "ActionType": "SessionType",
                "ActionParameters": { "SessionType": "Port", "Properties": { "portNumber": "22" } },
            }],
        });
        self.send(socket, 5, request.to_string().as_bytes()).await;
    }

    /// Sends data to the client; it is retransmitted until it is acknowledged.
    async fn send(&mut self, socket: &mut Socket, payload_type: u32, payload: &[u8]) {
        let flags = u64::from(self.next == 0);
        let bytes = message("output_stream_data", self.next, flags, Some(payload_type), payload);
        self.in_flight.push_back((self.next, bytes.clone(), Instant::now()));
        self.next += 1;
        self.counts.1 += 1;
        if self.agent.lose_data.is_some_and(|n| self.counts.1.is_multiple_of(n)) {
            return;
        }
        if self.agent.pause && self.counts.1.is_multiple_of(50) {
            let pause = message("pause_publication", 0, 0, None, b"");
            let _ = socket.feed(Message::Binary(pause.into())).await;
            let start = message("start_publication", 0, 0, None, b"");
            let _ = socket.feed(Message::Binary(start.into())).await;
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
        if let Some(held) = self.held.take() {
            self.send_frame(socket, held).await;
        }
        if let Some((_, bytes, sent)) = self.in_flight.front_mut()
            && sent.elapsed() > RETRANSMIT_TIMEOUT
        {
            *sent = Instant::now();
            let _ = socket.feed(Message::Binary(bytes.clone().into())).await;
        }
        let _ = socket.flush().await;
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

    async fn take(&mut self, socket: &mut Socket, bytes: &[u8]) -> Vec<ClientAction> {
        let Some(frame) = Frame::read(bytes) else {
            self.record_error(format!("a malformed message of {} bytes", bytes.len()));
            return Vec::new();
        };
        match frame.kind.as_str() {
            "acknowledge" => {
                let content: Value = serde_json::from_slice(&frame.payload).unwrap_or_default();
                let sequence = content["AcknowledgedMessageSequenceNumber"].as_i64().unwrap_or(-1);
                let fits = content["AcknowledgedMessageType"] == "output_stream_data"
                    && content["IsSequentialMessage"] == true
                    && content["AcknowledgedMessageId"].as_str().is_some_and(|id| Uuid::parse_str(id).is_ok())
                    && (0..self.next).contains(&sequence);
                if !fits {
                    self.record_error(format!("an acknowledgement: {content}"));
                }
                self.in_flight.retain(|(number, ..)| *number != sequence);
                Vec::new()
            }
            "input_stream_data" => self.take_data(socket, frame).await,
            other => {
                self.record_error(format!("a message of the kind {other}"));
                Vec::new()
            }
        }
    }

    async fn take_data(&mut self, socket: &mut Socket, frame: Frame) -> Vec<ClientAction> {
        self.counts.0 += 1;
        if !self.agent.lose_acknowledgements.is_some_and(|n| self.counts.0.is_multiple_of(n)) {
            let content = json!({
                "AcknowledgedMessageType": "input_stream_data",
                "AcknowledgedMessageId": frame.id.to_string(),
                "AcknowledgedMessageSequenceNumber": frame.sequence,
                "IsSequentialMessage": true,
            });
            let bytes = message("acknowledge", 0, 3, Some(0), content.to_string().as_bytes());
            let _ = socket.send(Message::Binary(bytes.into())).await;
        }
        // The data is acknowledged and silently dropped, as the real agent does until its handshake is complete.
        if !self.handshake_done && frame.payload_type != 6 {
            self.record_error("data before the handshake was done");
            return Vec::new();
        }
        if frame.sequence >= self.expected {
            self.out_of_order.insert(frame.sequence, (frame.payload_type, frame.payload));
        }
        let mut actions = Vec::new();
        while let Some((payload_type, payload)) = self.out_of_order.remove(&self.expected) {
            self.expected += 1;
            match payload_type {
                1 => actions.push(ClientAction::Bytes(payload)),
                6 => self.finish_handshake(socket, &payload).await,
                10 if payload == 1_u32.to_be_bytes() => actions.push(ClientAction::Disconnect),
                10 if payload == 2_u32.to_be_bytes() => actions.push(ClientAction::Terminate),
                other => self.record_error(format!("a payload of the type {other}")),
            }
        }
        actions
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
        let message = self.agent.message.clone().unwrap_or_default();
        let complete = json!({ "HandshakeTimeToComplete": 1_000_000, "CustomerMessage": message });
        self.send(socket, 7, complete.to_string().as_bytes()).await;
        self.handshake_done = true;
    }

    async fn close(&mut self, socket: &mut Socket, output: &str) {
        let content = json!({
            "MessageId": Uuid::new_v4().to_string(),
            "CreatedDate": "2026-11-23T00:00:00.000Z",
            "DestinationId": "destination",
            "SessionId": self.id,
            "MessageType": "channel_closed",
            "SchemaVersion": 1,
            "Output": output,
        });
        let payload_type = (!self.agent.short_header).then_some(0);
        let bytes = message("channel_closed", 0, 0, payload_type, content.to_string().as_bytes());
        let _ = socket.send(Message::Binary(bytes.into())).await;
        let frame = CloseFrame { code: 1000.into(), reason: "".into() };
        let _ = socket.close(Some(frame)).await;
        let drained = async { while let Some(Ok(_)) = socket.next().await {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), drained).await;
    }
}

async fn drop_and_wait_for_next(old: Box<Socket>, sockets: &mut UnboundedReceiver<Box<Socket>>) -> Option<Box<Socket>> {
    drop(old);
    sockets.recv().await
}

async fn from_streams(streams: &mut Option<Receiver<ToClient>>) -> Option<ToClient> {
    match streams {
        Some(streams) => streams.recv().await,
        None => std::future::pending().await,
    }
}

async fn read(target: &mut Option<TcpStream>, chunk: &mut [u8]) -> usize {
    match target {
        Some(target) => target.read(chunk).await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

/// Encodes a message to the client. Without a payload type its header is the short one, except for the publication
/// messages.
fn message(kind: &str, sequence: i64, flags: u64, payload_type: Option<u32>, payload: &[u8]) -> Vec<u8> {
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
struct Frame {
    kind: String,
    sequence: i64,
    id: Uuid,
    payload_type: u32,
    payload: Vec<u8>,
}

impl Frame {
    /// Decodes a message; `None` if any field is invalid, including the digest.
    fn read(bytes: &[u8]) -> Option<Self> {
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
