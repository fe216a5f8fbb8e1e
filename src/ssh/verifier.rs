//! The interface by which the program's trust policy judges a server's host key. The policy itself is above this layer.

use super::host_key::{Algorithm, PresentedKey};

/// The requests to make of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preferences {
    /// The key algorithms to prefer, so that a server with several keys presents one that can be compared.
    pub algorithms: Vec<Algorithm>,
    /// Set to ask for host certificates as well.
    pub certificates: bool,
}

/// Judges the host keys of servers.
pub(crate) trait HostKeyVerifier: Send + Sync + 'static {
    /// The reason why a key is refused, or cannot be judged.
    type Error: Send + 'static;

    /// Returns what to ask the server for; called once before each handshake.
    ///
    /// # Errors
    /// The error that makes a judgement impossible.
    fn preferences(&self) -> Result<Preferences, Self::Error>;

    /// Judges the key that the server presented. It may take as long as a user needs to answer: the handshake's timeout is
    /// paused meanwhile.
    ///
    /// # Errors
    /// Why the key is refused.
    fn verify(&self, presented: &PresentedKey) -> impl Future<Output = Result<(), Self::Error>> + Send;
}
