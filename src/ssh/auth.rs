//! Authenticates with exactly one public key: each further one costs the server time and may end in "too many
//! authentication failures".

use std::sync::Arc;
use std::time::Duration;

use russh::client::AuthResult;
use russh::keys::{HashAlg, PrivateKeyWithHashAlg};
use tokio::time::timeout;

use super::client::Connection;
use super::error::Error;
use super::keys::Key;

/// The timeout for one authentication. A server that looks keys up elsewhere answers within seconds; sshd itself
/// gives up after 120 s.
const AUTH_TIMEOUT: Duration = Duration::from_secs(60);

impl Connection {
    /// Logs in as `user` with this key.
    ///
    /// # Errors
    /// [`Error::Denied`] if the server does not accept the key; [`Error::Lost`] or another connection error if the
    /// connection ends.
    pub(crate) async fn authenticate(&mut self, user: &str, key: &Key) -> Result<(), Error> {
        let answer = timeout(AUTH_TIMEOUT, self.offer(user, key)).await;
        let answer =
            answer.map_err(|_| Error::Lost(format!("authentication timed out after {} s", AUTH_TIMEOUT.as_secs())))?;
        match answer.map_err(|error| self.error(error))? {
            AuthResult::Success => Ok(()),
            AuthResult::Failure { remaining_methods, .. } => {
                let methods = remaining_methods.iter().map(|method| <&str>::from(method).to_owned()).collect();
                Err(Error::Denied { user: user.to_owned(), methods })
            }
        }
    }

    /// Offers the key for public key authentication.
    ///
    /// An RSA key signs with the hash that the server names in server-sig-algs (RFC 8308, RFC 8332), with SHA-512 if
    /// the server names none, and never with SHA-1. If SHA-512 is denied, SHA-256 is tried: OpenSSH before 9.3 names
    /// every algorithm it has, even those that its PubkeyAcceptedAlgorithms excludes.
    async fn offer(&mut self, user: &str, key: &Key) -> Result<AuthResult, russh::Error> {
        let private = Arc::new(key.private().clone());
        let with = |hash| PrivateKeyWithHashAlg::new(Arc::clone(&private), hash);
        if !private.algorithm().is_rsa() {
            return self.handle.authenticate_publickey(user, with(None)).await;
        }
        let best = self.handle.best_supported_rsa_hash().await?.flatten().unwrap_or(HashAlg::Sha512);
        let answer = self.handle.authenticate_publickey(user, with(Some(best))).await?;
        if best != HashAlg::Sha512 || !matches!(answer, AuthResult::Failure { partial_success: false, .. }) {
            return Ok(answer);
        }
        match self.handle.authenticate_publickey(user, with(Some(HashAlg::Sha256))).await {
            // A server that counts attempts may have closed the connection because of this second one, so the first
            // denial is returned.
            Err(_) => Ok(answer),
            second => second,
        }
    }
}
