//! Opens a session's data channel, runs its task, and makes sure that the service is told of its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use uuid::Uuid;

use super::api::{ChannelToken, SessionApi};
use super::data_channel::DataChannel;
use super::error::Error;
use super::handshake::Version;
use super::registry;
use super::relay::Relay;
use super::stream::{SessionStream, session_stream};
use super::ws::connect;
use crate::web::Connector;

/// The time limit for the handshake on an open websocket; the agent itself gives up after 15 s.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// Capacity in bytes of the pipe between the task and the user of the stream.
const PIPE_CAPACITY: usize = 128 * 1024;

/// A session whose data channel is open.
pub(crate) struct OpenChannel {
    /// The bytes of the session.
    pub stream: SessionStream,
    /// The version of the agent.
    pub agent: Version,
    /// The agent's reports that it cannot connect, of a session that carries several connections.
    pub refusals: mpsc::UnboundedReceiver<()>,
}

/// Opens the data channel and waits for the agent's handshake; `forwards` says whether its document can carry several connections. On
/// failure the session is ended; a caller that drops this future has to end it itself. Must be called within [`registry::spawn`].
///
/// # Errors
/// Fails if the websocket cannot be opened, or if the handshake fails or times out.
pub(crate) async fn open(
    connector: Connector,
    token: ChannelToken,
    api: Arc<dyn SessionApi>,
    forwards: bool,
) -> Result<OpenChannel, Error> {
    registry::register(&api);
    let url = token.url.expose().clone();
    let (refused, refusals) = mpsc::unbounded_channel();
    let opened = async {
        let state = DataChannel::new(Uuid::new_v4().as_u128());
        let state = if forwards { state.forwarding() } else { state };
        let socket = connect(&connector, token).await?;
        let mut task = Relay::new(state, socket, connector, url, Arc::clone(&api), refused);
        match timeout(HANDSHAKE_TIMEOUT, task.handshake()).await {
            Ok(done) => done.map(|()| task),
            Err(_) => Err(Error::NoHandshake(HANDSHAKE_TIMEOUT.as_secs())),
        }
    };
    let task = match opened.await {
        Ok(task) => task,
        Err(error) => {
            api.terminate().await;
            return Err(error);
        }
    };
    let (ours, theirs) = tokio::io::duplex(PIPE_CAPACITY);
    let (stream, dropped) = session_stream(theirs, Arc::clone(&task.end));
    let agent = task.agent();
    registry::spawn(task.run(ours, dropped));
    Ok(OpenChannel { stream, agent, refusals })
}

#[cfg(test)]
mod tests;
