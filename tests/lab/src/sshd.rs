//! An SSH server for an instance: lets pushed, unexpired keys in, and those in its authorized_keys.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey, run_stream,
};
use russh::{Channel, ChannelId, MethodKind, MethodSet, Pty};
use tokio::net::TcpListener;

use crate::lock;
use crate::program;
use crate::state::State;

/// A host key that is shared between servers, or kept while a server is made anew.
#[derive(Clone)]
pub struct HostKey(Arc<PrivateKey>);

impl HostKey {
    /// A fresh ed25519 one.
    ///
    /// # Panics
    /// When the system has no randomness.
    pub fn fresh() -> Self {
        let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519);
        Self(Arc::new(key.expect("ed25519 is always compiled in")))
    }

    /// The public half as `algo base64`.
    ///
    /// # Panics
    /// Never: a key can be written down.
    pub fn public_line(&self) -> String {
        let mut key = self.0.public_key().clone();
        key.set_comment("");
        key.to_openssh().expect("a key can be written down").trim_end().to_owned()
    }

    /// `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(russh::keys::HashAlg::Sha256).to_string()
    }
}

/// What kind of server.
#[derive(Clone)]
pub struct Sshd {
    /// Its host key.
    pub host_key: HostKey,
    /// A text before authentication.
    pub banner: Option<String>,
    /// The port, 0 for a free one.
    pub port: u16,
}

impl Default for Sshd {
    fn default() -> Self {
        Self { host_key: HostKey::fresh(), banner: None, port: 0 }
    }
}

/// Serves on loopback.
pub async fn serve(state: Arc<Mutex<State>>, instance_id: String, sshd: Sshd) -> std::io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", sshd.port)).await?;
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
            let guest =
                Guest { state: Arc::clone(&state), instance_id: instance_id.clone(), banner: sshd.banner.clone() };
            let config = Arc::clone(&config);
            tokio::spawn(async move {
                if let Ok(session) = run_stream(config, stream, guest).await {
                    let _ = session.await;
                }
            });
        }
    });
    Ok(port)
}

/// One connection.
struct Guest {
    state: Arc<Mutex<State>>,
    instance_id: String,
    banner: Option<String>,
}

impl Guest {
    fn admits(&self, user: &str, key: &PublicKey) -> bool {
        let state = lock(&self.state);
        let mut keys = state.pushed_keys(&self.instance_id, user);
        keys.extend(state.authorized_keys(&self.instance_id, user));
        keys.iter()
            .filter_map(|line| PublicKey::from_openssh(line).ok())
            .any(|known| known.key_data() == key.key_data())
    }
}

impl Handler for Guest {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, russh::Error> {
        Ok(self.banner.clone())
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        Ok(if self.admits(user, offer.public_key) { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(if self.admits(user, key.public_key) { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        tokio::spawn(program::serve(channel, session.handle()));
        Ok(())
    }

    // The answers are given here and not by the program's task: russh keeps one "wants a reply" for a channel, and
    // clients send the requests for a pty and for a shell in one go.
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

    async fn exec_request(&mut self, channel: ChannelId, _: &[u8], session: &mut Session) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }
}
