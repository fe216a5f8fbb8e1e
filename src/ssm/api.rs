//! The interface to the service by which a data channel resumes and ends its session.

use std::pin::Pin;

use super::cipher::DataKey;
use super::handshake::KeyRequest;
use crate::secret::Secret;

/// Single-use credentials for a session's data channel: URL, token and signed headers.
#[derive(Debug)]
pub(crate) struct ChannelToken {
    /// The URL of the data channel; may be presigned.
    pub url: Secret<String>,
    /// The token that opens the data channel.
    pub token: Secret<String>,
    /// The headers that sign the websocket upgrade.
    pub headers: Vec<(String, Secret<String>)>,
}

/// The reason why a session cannot be resumed now.
#[derive(Debug)]
pub(crate) struct ResumeError {
    /// The reason as readable text.
    pub why: String,
    /// Whether the network failed, which may recover.
    pub is_network: bool,
}

/// The reason why KMS gives out no data key.
#[derive(Debug)]
pub(crate) struct KeyError {
    /// The reason as readable text.
    pub reason: String,
    /// Whether the call was denied.
    pub denied: bool,
}

/// A boxed future returned by a [`SessionApi`].
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The API calls and the progress reports of one session, apart from its data channel.
pub(crate) trait SessionApi: Send + Sync + 'static {
    /// Returns new credentials for the data channel, or `None` if the session is over.
    fn resume(&self, old_url: String) -> BoxFuture<'_, Result<Option<ChannelToken>, ResumeError>>;
    /// Returns a data key for the encrypted session.
    fn data_key(&self, request: KeyRequest) -> BoxFuture<'_, Result<DataKey, KeyError>>;
    /// Ends the session at the service.
    fn terminate(&self) -> BoxFuture<'_, ()>;
    /// Ends the session over new connections, for use on another runtime.
    fn terminate_with_fresh_pool(&self) -> BoxFuture<'_, ()>;
    /// Reports a step, shown with `-v`.
    fn step(&self, text: String);
    /// Shows a notice to the user.
    fn notice(&self, text: String);
}
