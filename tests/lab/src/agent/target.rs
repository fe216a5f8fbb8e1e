//! The purpose of a session, and the task that serves it: a port, several connections to a port, or a program.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::{Agent, program};
use crate::lock;
use crate::smux::{Smux, ToClient};

/// The payload size of a message in bytes, as AWS's plugin and agent use it.
pub(super) const PAYLOAD: usize = 1024;
/// The payload type of a flag, and the flag that says that the port cannot be connected to.
const CONNECT_ERROR: (u32, u32) = (10, 3);
const QUEUE: usize = 16;

/// The purpose of a session.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// A port, by its port on loopback.
    Port(Option<u16>),
    /// A shell in a pty.
    Shell,
    /// A command in a pty.
    Interactive(String),
    /// A command without a pty, and whether the document asks for separate streams.
    NonInteractive(String, bool),
}

/// The client's messages for what is served.
pub(super) enum ToTarget {
    Bytes(Vec<u8>),
    Size(u64, u64),
    Disconnect,
}

/// The running task: payloads of these types come out of it until it ends.
pub(super) struct Target {
    pub input: mpsc::Sender<ToTarget>,
    pub output: mpsc::Receiver<(u32, Vec<u8>)>,
}

impl Work {
    pub(super) fn is_port(&self) -> bool {
        matches!(self, Self::Port(_))
    }

    /// Whether the agent begins with a handshake, also without encryption.
    pub(super) fn has_handshake(&self) -> bool {
        matches!(self, Self::Port(_) | Self::NonInteractive(..))
    }

    pub(super) fn session_type(&self) -> &'static str {
        match self {
            Self::Port(_) => "Port",
            Self::Shell => "Standard_Stream",
            Self::Interactive(_) => "InteractiveCommands",
            Self::NonInteractive(..) => "NonInteractiveCommands",
        }
    }

    pub(super) fn properties(&self) -> Value {
        match self {
            Self::Port(_) => json!({ "portNumber": "22" }),
            _ => json!({}),
        }
    }

    /// Starts to serve; the task ends when its target is dropped.
    pub(super) fn start(&self, agent: &Agent) -> Target {
        let (input, from_client) = mpsc::channel(QUEUE);
        let (to_client, output) = mpsc::channel(QUEUE);
        match self.clone() {
            Self::Port(port) if agent.multiplexes() => {
                tokio::spawn(multiplex(port.unwrap_or(1), agent.clone(), from_client, to_client));
            }
            Self::Port(port) => {
                let port = if agent.refuse_port { 1 } else { port.unwrap_or(1) };
                tokio::spawn(connect(port, from_client, to_client));
            }
            Self::Shell => drop(tokio::spawn(program::in_pty(None, agent.home.clone(), from_client, to_client))),
            Self::Interactive(command) => {
                tokio::spawn(program::in_pty(Some(command), agent.home.clone(), from_client, to_client));
            }
            Self::NonInteractive(command, separate) => {
                tokio::spawn(program::piped(command, agent.clone(), separate, from_client, to_client));
            }
        }
        Target { input, output }
    }
}

type Output = mpsc::Sender<(u32, Vec<u8>)>;

/// Carries a single connection to the port.
async fn connect(port: u16, mut input: mpsc::Receiver<ToTarget>, output: Output) {
    let (kind, refused) = CONNECT_ERROR;
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await else {
        let _ = output.send((kind, refused.to_be_bytes().to_vec())).await;
        while input.recv().await.is_some() {}
        return;
    };
    let _ = stream.set_nodelay(true);
    let (mut from, mut to) = stream.into_split();
    let reading = tokio::spawn(async move {
        let mut chunk = vec![0; PAYLOAD];
        while let Ok(count @ 1..) = from.read(&mut chunk).await {
            if output.send((1, chunk[..count].to_vec())).await.is_err() {
                return;
            }
        }
    });
    while let Some(message) = input.recv().await {
        match message {
            ToTarget::Bytes(bytes) => drop(to.write_all(&bytes).await),
            ToTarget::Disconnect => break,
            ToTarget::Size(..) => {}
        }
    }
    drop(to);
    let _ = reading.await;
}

/// Several connections to the port.
async fn multiplex(port: u16, agent: Agent, mut input: mpsc::Receiver<ToTarget>, output: Output) {
    let (mut smux, mut to_client) = Smux::new(port);
    let most = Arc::clone(&agent.most_streams);
    tokio::spawn(async move {
        while let Some(next) = to_client.recv().await {
            match next {
                ToClient::Bytes(bytes) => {
                    for chunk in bytes.chunks(PAYLOAD) {
                        if output.send((1, chunk.to_vec())).await.is_err() {
                            return;
                        }
                    }
                }
                ToClient::Refused => {
                    let (kind, refused) = CONNECT_ERROR;
                    let _ = output.send((kind, refused.to_be_bytes().to_vec())).await;
                }
            }
        }
    });
    while let Some(message) = input.recv().await {
        let ToTarget::Bytes(bytes) = message else { continue };
        if let Err(wrong) = smux.take(&bytes).await {
            lock(&agent.protocol_errors).push(wrong);
        }
        let mut most = lock(&most);
        *most = smux.most.max(*most);
    }
}
