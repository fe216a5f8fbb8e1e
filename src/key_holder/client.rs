//! A connection's side of a holder: the key that it holds.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::name::{KeyKind, KeyName};
use super::start::{connect_or_start, connect_to_running};
use super::turn::Turn;
use super::wire::{Request, Response, receive, send};
use crate::agent::socket::is_own_peer;
use crate::ssh::keys::RemoteKey;

/// The time limit for an answer that needs nobody else. An RSA key takes a tenth of a second to make.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit for another connection's push.
const PUSH_TIMEOUT: Duration = Duration::from_secs(20);

/// A key in a holder.
pub(crate) struct HeldKey {
    /// The connection to the holder; `None` once it is lost. An exchange that is cancelled halfway loses it, too.
    stream: Mutex<Option<UnixStream>>,
    public_line: String,
}

impl HeldKey {
    /// Connects to the holder of a key, and starts it if there is none.
    ///
    /// # Errors
    /// The holder cannot be started or does not answer, or another user's process does.
    pub(crate) async fn find(name: &KeyName) -> io::Result<Self> {
        let wanted = name.clone();
        Self::over(name, move || connect_or_start(&wanted).map(Some))
            .await?
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Connects to the holder of a key, if there is one.
    ///
    /// # Errors
    /// As for [`Self::find`].
    pub(crate) async fn find_running(name: &KeyName) -> io::Result<Option<Self>> {
        let wanted = name.clone();
        Self::over(name, move || connect_to_running(&wanted)).await
    }

    async fn over(
        name: &KeyName,
        connect: impl FnOnce() -> io::Result<Option<std::os::unix::net::UnixStream>> + Send + 'static,
    ) -> io::Result<Option<Self>> {
        let connected = timeout(ANSWER_TIMEOUT, tokio::task::spawn_blocking(connect)).await?;
        let Some(stream) = connected.map_err(io::Error::other)?? else { return Ok(None) };
        stream.set_nonblocking(true)?;
        let stream = UnixStream::from_std(stream)?;
        if !is_own_peer(&stream) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "a process of another user answers there"));
        }
        let mut key = Self { stream: Mutex::new(Some(stream)), public_line: String::new() };
        match key.ask(&Request::Key, ANSWER_TIMEOUT).await? {
            Response::Key(line) if line.is_empty() == (name.kind == KeyKind::None) => key.public_line = line,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(Some(key))
    }

    /// Asks whether the key may be used now. Waits while another connection pushes it.
    pub(crate) async fn turn(&self) -> Turn {
        match self.ask(&Request::Turn, PUSH_TIMEOUT).await {
            Ok(Response::Fresh(seconds)) => Turn::Fresh(Duration::from_secs(seconds)),
            Ok(Response::Push) => Turn::Push,
            Ok(Response::Retired) => Turn::Retired,
            _ => Turn::Lost,
        }
    }

    /// Reports whether the push succeeded.
    pub(crate) async fn pushed(&self, succeeded: bool) {
        let _ = self.ask(&Request::Pushed(succeeded), ANSWER_TIMEOUT).await;
    }

    /// Reports that the instance denied a login with the key: nobody else is to try it.
    pub(crate) async fn denied(&self) {
        let _ = self.ask(&Request::Denied, ANSWER_TIMEOUT).await;
    }

    async fn ask(&self, request: &Request, limit: Duration) -> io::Result<Response> {
        let mut slot = self.stream.lock().await;
        let mut stream = slot.take().ok_or(io::ErrorKind::NotConnected)?;
        let exchange = async {
            send(&mut stream, request).await?;
            receive(&mut stream).await
        };
        let response = timeout(limit, exchange).await??;
        *slot = Some(stream);
        Ok(response)
    }
}

impl RemoteKey for HeldKey {
    fn public_line(&self) -> &str {
        &self.public_line
    }

    fn sign(&self, data: Vec<u8>) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>> {
        Box::pin(async move {
            match self.ask(&Request::Sign(data), ANSWER_TIMEOUT).await {
                Ok(Response::Signature(signature)) => signature,
                _ => None,
            }
        })
    }
}
