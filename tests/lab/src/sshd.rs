//! An SSH server for an instance, which accepts pushed, unexpired keys and those in its authorized_keys.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey, run_stream,
};
use russh::{Channel, ChannelId, MethodKind, MethodSet, Pty};
use tokio::net::{TcpListener, TcpStream};

use crate::key_lookup;
use crate::lock;
use crate::program::{self, Machine};
use crate::state::State;

/// A host key that several servers can share, or that a restarted server keeps.
#[derive(Clone)]
pub struct HostKey(Arc<PrivateKey>);

impl HostKey {
    /// Generates an ed25519 host key.
    ///
    /// # Panics
    /// If the system has no randomness.
    pub fn fresh() -> Self {
        let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519);
        Self(Arc::new(key.expect("ed25519 is always compiled in")))
    }

    /// Returns the public half as `algo base64`.
    ///
    /// # Panics
    /// Never: every key can be encoded.
    pub fn public_line(&self) -> String {
        let mut key = self.0.public_key().clone();
        key.set_comment("");
        key.to_openssh().expect("a key can be written down").trim_end().to_owned()
    }

    /// Returns the fingerprint as `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(russh::keys::HashAlg::Sha256).to_string()
    }
}

/// The options of an SSH server.
#[derive(Clone)]
pub struct Sshd {
    /// The host key of the server.
    pub host_key: HostKey,
    /// The banner that is sent before authentication.
    pub banner: Option<String>,
    /// The port to listen on; 0 picks a free one.
    pub port: u16,
    /// The address of loopback to listen on.
    pub host: Ipv4Addr,
    /// The machine of the sessions, with a prompt that names the instance; without it they have this process's environment.
    pub machine: Option<Machine>,
}

impl Default for Sshd {
    fn default() -> Self {
        Self { host_key: HostKey::fresh(), banner: None, port: 0, host: Ipv4Addr::LOCALHOST, machine: None }
    }
}

/// Serves SSH on loopback and returns the port.
pub(crate) async fn serve(state: Arc<Mutex<State>>, instance_id: String, sshd: Sshd) -> std::io::Result<u16> {
    let listener = TcpListener::bind((sshd.host, sshd.port)).await?;
    let port = listener.local_addr()?.port();
    let mut methods = MethodSet::empty();
    methods.push(MethodKind::PublicKey);
    let config = Arc::new(Config {
        keys: vec![(*sshd.host_key.0).clone()],
        methods,
        auth_rejection_time: Duration::from_millis(50),
        auth_rejection_time_initial: Some(Duration::ZERO),
        inactivity_timeout: None,
        nodelay: true,
        ..Config::default()
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let handler = ConnectionHandler {
                state: Arc::clone(&state),
                instance_id: instance_id.clone(),
                banner: sshd.banner.clone(),
                machine: sshd.machine.clone(),
            };
            let config = Arc::clone(&config);
            tokio::spawn(async move {
                if let Ok(session) = run_stream(config, stream, handler).await {
                    let _ = session.await;
                }
            });
        }
    });
    Ok(port)
}

/// The handler of one connection.
struct ConnectionHandler {
    state: Arc<Mutex<State>>,
    instance_id: String,
    banner: Option<String>,
    machine: Option<Machine>,
}

impl ConnectionHandler {
    async fn is_authorized(&self, user: &str, key: &PublicKey) -> bool {
        let mut keys = key_lookup::look_up(&self.state, &self.instance_id, user).await;
        keys.extend(lock(&self.state).authorized_keys(&self.instance_id, user));
        keys.iter()
            .filter_map(|line| PublicKey::from_openssh(line).ok())
            .any(|known| known.key_data() == key.key_data())
    }
}

impl Handler for ConnectionHandler {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, russh::Error> {
        Ok(self.banner.clone())
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        Ok(if self.is_authorized(user, offer.public_key).await { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(if self.is_authorized(user, key.public_key).await { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        tokio::spawn(program::serve(channel, session.handle(), self.machine.clone()));
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        _: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        // All hosts that an instance reaches are on loopback, as it is itself. Nothing listens on any other port: that might be the
        // client's own listener.
        let port = u16::try_from(port).unwrap_or_default();
        let port = lock(&self.state).port_of(&self.instance_id, port).unwrap_or_default();
        tokio::spawn(async move {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                Ok(mut target) => {
                    reply.accept().await;
                    let _ = tokio::io::copy_bidirectional(&mut target, &mut channel.into_stream()).await;
                }
                Err(_) => reply.reject(russh::ChannelOpenFailure::ConnectFailed).await,
            }
        });
        Ok(())
    }

    // The requests are answered here and not by the program's task: russh keeps one "wants a reply" flag per channel,
    // and clients send the requests for a pty and for a shell back to back.
    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let is_there = name == "sftp" && program::sftp_server().is_some();
        if is_there { session.channel_success(channel) } else { session.channel_failure(channel) }
    }

    async fn exec_request(&mut self, channel: ChannelId, _: &[u8], session: &mut Session) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }
}
