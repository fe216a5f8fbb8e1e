//! The keys of the caller's own SSH agent (`SSH_AUTH_SOCK`), for a login without a pushed key.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PublicKey};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::keys::RemoteKey;

/// The number of keys that are offered: sshd ends the connection after six attempts (MaxAuthTries).
const MAX_KEYS: usize = 5;
/// The time limit for the list of keys; a signature may wait for the user's touch.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);

/// A key in the caller's agent.
pub(crate) struct AgentKey {
    agent: Arc<Mutex<AgentClient<UnixStream>>>,
    key: PublicKey,
    public_line: String,
}

/// Returns the first keys of the agent; none if there is no agent.
pub(crate) async fn agent_keys() -> Vec<AgentKey> {
    timeout(LIST_TIMEOUT, list()).await.ok().flatten().unwrap_or_default()
}

async fn list() -> Option<Vec<AgentKey>> {
    let mut client = AgentClient::connect_env().await.ok()?;
    let identities = client.request_identities().await.ok()?;
    let agent = Arc::new(Mutex::new(client));
    let keys = identities.into_iter().filter_map(|identity| match identity {
        AgentIdentity::PublicKey { key, .. } => {
            let public_line = key.to_openssh().ok()?;
            Some(AgentKey { agent: Arc::clone(&agent), key, public_line })
        }
        AgentIdentity::Certificate { .. } => None,
    });
    Some(keys.take(MAX_KEYS).collect())
}

impl AgentKey {
    /// Returns the public key in SSH's encoding.
    pub(crate) fn public_blob(&self) -> Option<Vec<u8>> {
        self.key.to_bytes().ok()
    }
}

impl RemoteKey for AgentKey {
    fn public_line(&self) -> &str {
        &self.public_line
    }

    fn sign(&self, data: Vec<u8>) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>> {
        Box::pin(async move {
            let identity = AgentIdentity::PublicKey { key: self.key.clone(), comment: String::new() };
            let length = data.len();
            let hash = hash(&data);
            let signed = self.agent.lock().await.sign_request(&identity, hash, data).await.ok()?;
            // The answer is the data with the signature behind it, as a string of SSH with its length.
            signed.get(length + 4..).map(<[u8]>::to_vec)
        })
    }
}

/// Returns the hash of an RSA signature, which the login request names (RFC 8332).
fn hash(login: &[u8]) -> Option<HashAlg> {
    let names = |algorithm: &[u8]| login.windows(algorithm.len()).any(|window| window == algorithm);
    if names(b"rsa-sha2-512") { Some(HashAlg::Sha512) } else { names(b"rsa-sha2-256").then_some(HashAlg::Sha256) }
}
