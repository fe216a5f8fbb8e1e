//! Session Manager's data channel: the service and the agent in one, with their checks and with injected faults of
//! networks and services. Written from the description of the protocol; shares no code with ec2ssh.

mod program;
mod session;
mod target;
mod wire;

use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request};
use uuid::Uuid;

use crate::kms::Kms;
use crate::lock;
use crate::sigv4::{self, Expected};
use crate::streams::{Service, Socket, refuse};

use session::AgentSession;
pub(crate) use target::Work;

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
    /// The key that sessions are encrypted with, if the account's preferences name one.
    pub kms: Option<Kms>,
    /// The text with which the agent closes each session of a program at once.
    pub closes_with: Option<&'static str>,
    /// Whether commands have separate streams and an exit status; agents before 3.2 have one stream and no status.
    pub separates: bool,
    /// The documents that the account may not use, or that its region lacks.
    pub lacks: Vec<&'static str>,
    /// Whether commands run as on Windows: by a shell, without one being asked for.
    pub windows: bool,
    /// The folders where a command without a terminal finds its programs.
    pub path: Option<String>,
    /// The folder in which programs run.
    pub home: Option<std::path::PathBuf>,
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
            kms: None,
            closes_with: None,
            separates: true,
            lacks: Vec::new(),
            windows: false,
            path: None,
            home: None,
            protocol_errors: Arc::default(),
            most_streams: Arc::default(),
        }
    }

    /// Whether the agent is newer than 3.0.196.0, and carries several connections over a session.
    pub(super) fn multiplexes(&self) -> bool {
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
    /// Ends the session with this text.
    pub end: UnboundedSender<String>,
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
    work: Work,
    id: String,
    sockets: UnboundedReceiver<Box<Socket>>,
    end: UnboundedReceiver<String>,
) {
    tokio::spawn(AgentSession::new(agent, work, id).run(sockets, end));
}
