//! The messages between a connection and the holder: JSON, each after its length in four bytes. Input is untrusted.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The largest message accepted, in bytes: a login to sign, whose bytes are numbers in JSON.
const MAX_MESSAGE_LEN: usize = 64 * 1024;

/// A request to the holder.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Requests the public key.
    Key,
    /// Asks whether the instance knows the key for long enough to log in; waits while another connection pushes it.
    Turn,
    /// Reports that the key was pushed, or that it could not be.
    Pushed(bool),
    /// Reports that the instance denied a login with the key.
    Denied,
    /// Requests the signature of a login.
    Sign(Vec<u8>),
}

/// A response of the holder.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Response {
    /// The public key as `algorithm base64`; empty if the holder has no key pair.
    Key(String),
    /// The instance knows the key, which was pushed this many seconds ago.
    Fresh(u64),
    /// The connection is to push the key.
    Push,
    /// The key is too old; a new holder is needed.
    Retired,
    /// The signature, in SSH's encoding; `None` if this is not a login of the holder's user with its key.
    Signature(Option<Vec<u8>>),
    /// The report was received.
    Received,
}

/// Sends a message with its length.
///
/// # Errors
/// The error of the socket.
pub(super) async fn send(to: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    to.write_all(&[&length.to_be_bytes(), &body[..]].concat()).await
}

/// Receives the next message.
///
/// # Errors
/// The error of the socket; `InvalidData` for anything that is no message.
pub(super) async fn receive<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<T> {
    let length = usize::try_from(from.read_u32().await?).unwrap_or(usize::MAX);
    if length > MAX_MESSAGE_LEN {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).await?;
    Ok(serde_json::from_slice(&body)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn malformed_messages_are_errors() {
        for bytes in [&b"\0\0\0\x03{\"x"[..], b"\xff\xff\xff\xff", b"\0\0\0\x09\"Unknown\"", b"\0\0\0\x05\"Key", b""] {
            assert!(receive::<Request>(&mut &bytes[..]).await.is_err(), "{bytes:?}");
        }
        let mut sent = Vec::new();
        send(&mut sent, &Request::Sign(vec![1, 2])).await.unwrap();
        assert!(matches!(receive(&mut &sent[..]).await.unwrap(), Request::Sign(data) if data == [1, 2]));
    }
}
