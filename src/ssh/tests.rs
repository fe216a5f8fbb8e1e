//! Tests of the SSH layer over in-memory pipes, against russh's server.

mod channels;
mod handshake;
mod session;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{Algorithm, PrivateKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session as ServerSession, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelMsg, ChannelOpenFailure, MethodKind, MethodSet, Pty};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

use super::auth::{Answers, Challenge};
use super::client::{Connection, HandshakeError};
use super::host_key::PresentedKey;
use super::keys::Key;
use super::options::{Backlog, ConnectionOptions, Timeouts, Window};
use super::verifier::{HostKeyVerifier, Preferences};
use crate::io::Stream;
use crate::program::{Launch, Program, Purpose};

/// The server's behavior in one session channel.
pub(super) type Script = fn(Channel<Msg>, russh::server::Handle) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// russh's server with a script for its session channels.
pub(super) struct Server {
    script: Script,
    refuse: bool,
}

impl Handler for Server {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, user: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(match user {
            "stranger" => Auth::reject(),
            "steps" | "rounds" => another_step(),
            _ => Auth::Accept,
        })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        _: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        if user == "steps" {
            return Ok(another_step());
        }
        Ok(Auth::Partial { name: "".into(), instructions: "".into(), prompts: Vec::new().into() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut ServerSession,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        tokio::spawn((self.script)(channel, session.handle()));
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut ServerSession,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut ServerSession,
    ) -> Result<(), russh::Error> {
        if self.refuse { session.channel_failure(channel) } else { session.channel_success(channel) }
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut ServerSession,
    ) -> Result<(), russh::Error> {
        self.echo(channel, format!("{host}:{port}"), reply).await
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut ServerSession,
    ) -> Result<(), russh::Error> {
        self.echo(channel, path.to_owned(), reply).await
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut ServerSession,
    ) -> Result<(), russh::Error> {
        if name == "sftp" { session.channel_success(channel) } else { session.channel_failure(channel) }
    }
}

impl Server {
    /// Accepts the channel, names its target and sends back what comes; refuses a target with the word "closed".
    async fn echo(&self, channel: Channel<Msg>, target: String, reply: ChannelOpenHandle) -> Result<(), russh::Error> {
        if target.contains("closed") {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        }
        reply.accept().await;
        tokio::spawn(async move {
            let (mut from, mut to) = tokio::io::split(channel.into_stream());
            to.write_all(format!("{target} ").as_bytes()).await.unwrap();
            let _ = tokio::io::copy(&mut from, &mut to).await;
            let _ = to.shutdown().await;
        });
        Ok(())
    }
}

/// The answer of a server that wants keyboard-interactive next.
fn another_step() -> Auth {
    let methods = MethodSet::from(&[MethodKind::KeyboardInteractive][..]);
    Auth::Reject { proceed_with_methods: Some(methods), partial_success: true }
}

/// Waits until the client requests the command; the server's handler has accepted it before the script sends anything.
pub(super) async fn wait_for_exec(channel: &mut Channel<Msg>) {
    while let Some(message) = channel.wait().await {
        if matches!(message, ChannelMsg::Exec { .. }) {
            return;
        }
    }
}

/// Makes a host key.
pub(super) fn host_key() -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()
}

/// Serves SSH on this stream.
pub(super) fn serve(stream: DuplexStream, key: PrivateKey, script: Script, refuse: bool) {
    let keys = vec![key];
    let config = Config { keys, auth_rejection_time: Duration::ZERO, max_auth_attempts: 1000, ..Config::default() };
    tokio::spawn(async move {
        if let Ok(session) = russh::server::run_stream(Arc::new(config), stream, Server { script, refuse }).await {
            let _ = session.await;
        }
    });
}

/// The usual options, without compression.
pub(super) fn options() -> ConnectionOptions {
    let backlog = Backlog::of(Purpose::Bulk);
    ConnectionOptions { window: Window::MIN, backlog, timeouts: Timeouts::default(), compress: false }
}

/// Answers no question of a server.
pub(super) fn nobody(_: Challenge) -> Pin<Box<dyn Future<Output = Answers> + Send>> {
    Box::pin(async { None })
}

/// A command without a terminal.
pub(super) fn command() -> Launch {
    Launch { program: Program::Command("x".into()), pty: None, environment: Vec::new(), agent: false }
}

/// Accepts every host key.
pub(super) struct AcceptAll;

impl HostKeyVerifier for AcceptAll {
    type Error = Infallible;

    fn preferences(&self) -> Result<Preferences, Infallible> {
        Ok(Preferences::default())
    }

    async fn verify(&self, _: &PresentedKey) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Performs the handshake with a server of any host key.
pub(super) async fn handshake(stream: impl Stream + 'static) -> Result<Connection, super::Error> {
    match Connection::handshake(stream, Arc::new(AcceptAll), options(), drop).await {
        Ok(connection) => Ok(connection),
        Err(HandshakeError::Ssh(error)) => Err(error),
        Err(HandshakeError::HostKey(never)) => match never {},
    }
}

/// Returns a connection, logged in, to a server that runs the script.
pub(super) async fn connected(script: Script) -> Connection {
    connected_to(script, false).await
}

/// Returns a connection, logged in, to a server that may refuse commands.
pub(super) async fn connected_to(script: Script, refuse: bool) -> Connection {
    let (ours, theirs) = duplex(256 * 1024);
    serve(theirs, host_key(), script, refuse);
    let mut connection = handshake(ours).await.unwrap();
    connection.authenticate("user", &Key::ephemeral(), &nobody).await.unwrap();
    connection
}
