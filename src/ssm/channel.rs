//! Opens a session's data channel, runs its task, and makes sure that the service is told of its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use uuid::Uuid;

use super::api::{ChannelToken, SessionApi};
use super::data_channel::DataChannel;
use super::error::Error;
use super::handshake::{Purpose, Version};
use super::local;
use super::program::{ProgramSession, program_session};
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

/// Opens the data channel and waits for the agent's handshake. On failure the session is ended; a caller that drops this future has to end it
/// itself. Must be called within [`registry::spawn`].
///
/// # Errors
/// Fails if the websocket cannot be opened, or if the handshake fails or times out.
pub(crate) async fn open(
    connector: Connector,
    token: ChannelToken,
    api: Arc<dyn SessionApi>,
    purpose: Purpose,
) -> Result<OpenChannel, Error> {
    let (refused, refusals) = mpsc::unbounded_channel();
    let task = begin(connector, token, api, (purpose, refused), Sign::Within(HANDSHAKE_TIMEOUT)).await?;
    let (ours, theirs) = tokio::io::duplex(PIPE_CAPACITY);
    let (stream, dropped) = session_stream(theirs, Arc::clone(&task.end));
    let agent = task.agent();
    registry::spawn(task.run(local::stream(ours), dropped));
    Ok(OpenChannel { stream, agent, refusals })
}

/// The time within which the agent shows that a program runs: by its first output, or by a handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sign {
    /// Without a sign there is no session: a shell has a prompt, and our own scripts print something at once.
    Within(Duration),
    /// The program may be silent: without a sign it is taken to run. An agent that wants a handshake asks for it at once.
    Optional(Duration),
}

/// Opens the data channel of a program and waits for its first output, or for the agent's handshake; as [`open`] otherwise.
///
/// # Errors
/// As [`open`], and the reason for which the session ended at once.
pub(crate) async fn open_program(
    connector: Connector,
    token: ChannelToken,
    api: Arc<dyn SessionApi>,
    sign: Sign,
) -> Result<ProgramSession, Error> {
    let (refused, _) = mpsc::unbounded_channel();
    let task = begin(connector, token, api, (Purpose::Program, refused), sign).await?;
    let (session, local, dropped) = program_session(Arc::clone(&task.end), task.is_interactive());
    registry::spawn(task.run(local, dropped));
    Ok(session)
}

async fn begin(
    connector: Connector,
    token: ChannelToken,
    api: Arc<dyn SessionApi>,
    (purpose, refused): (Purpose, mpsc::UnboundedSender<()>),
    sign: Sign,
) -> Result<Relay, Error> {
    registry::register(&api);
    let url = token.url.expose().clone();
    let opened = async {
        let state = DataChannel::new(purpose, Uuid::new_v4().as_u128());
        let socket = connect(&connector, token).await?;
        let mut task = Relay::new(state, socket, connector, url, Arc::clone(&api), refused);
        let limit = match sign {
            Sign::Within(limit) => limit,
            Sign::Optional(limit) => match timeout(limit, task.handshake()).await {
                Ok(done) => return done.map(|()| task),
                Err(_) if task.assume_open() => return Ok(task),
                // The handshake has begun: a data key may take its time.
                Err(_) => HANDSHAKE_TIMEOUT,
            },
        };
        match timeout(limit, task.handshake()).await {
            Ok(done) => done.map(|()| task),
            Err(_) => Err(Error::NoHandshake(limit.as_secs())),
        }
    };
    let opened = opened.await;
    if opened.is_err() {
        api.terminate().await;
    }
    opened
}

#[cfg(test)]
mod tests;
