//! How a data channel is opened: the agent's handshake, and the key of an encrypted session.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Cipher, DataChannel, Error, KeyRequest, Now, Phase, Purpose, Request, payload, truncated};
use crate::ssm::cipher::DataKey;

impl DataChannel {
    /// Takes the agent's handshake request. It is answered at once, or when the data key that it asks for is there.
    pub(super) fn take_request(&mut self, bytes: &[u8], now: Now) -> Result<(), Error> {
        if self.answered {
            return Err(Error::Malformed("a second handshake request".to_owned()));
        }
        self.answered = true;
        let request = Request::read(bytes)?;
        self.agent = request.agent;
        self.is_interactive = request.is_interactive();
        if self.purpose == Purpose::Program && request.key().is_some() {
            self.pending = Some(request);
            return Ok(());
        }
        self.respond(&request, None, now)
    }

    /// Returns the key that the agent waits for.
    pub(crate) fn wanted_key(&self) -> Option<KeyRequest> {
        self.pending.as_ref().and_then(Request::key).cloned()
    }

    /// Encrypts the session with this data key from now on.
    ///
    /// # Errors
    /// The key is unusable, or the agent requests something else that is not supported.
    pub(crate) fn provide_key(&mut self, key: &DataKey, now: Now) -> Result<(), Error> {
        let Some(request) = self.pending.take() else { return Ok(()) };
        self.cipher = Some(Cipher::new(&key.plain)?);
        self.respond(&request, Some(&key.blob), now)
    }

    fn respond(&mut self, request: &Request, key_blob: Option<&[u8]>, now: Now) -> Result<(), Error> {
        let (response, declined) = request.response(self.purpose, key_blob);
        self.send_data(payload::HANDSHAKE_RESPONSE, response.into(), now);
        declined.map_or(Ok(()), |what| Err(Error::Unsupported(what)))
    }

    /// Shows the agent that this side has the key: its text goes back, encrypted by us.
    pub(super) fn take_challenge(&mut self, bytes: &[u8], now: Now) -> Result<(), Error> {
        let malformed = || Error::Malformed("an invalid encryption challenge".to_owned());
        let request: Value = serde_json::from_slice(bytes).map_err(|_| malformed())?;
        let sealed = request["Challenge"].as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or_else(malformed)?;
        let cipher = self.cipher.as_ref().filter(|_| self.phase == Phase::Handshake).ok_or_else(malformed)?;
        let sealed = cipher.encrypt(&cipher.decrypt(&sealed)?)?;
        let response = json!({ "Challenge": STANDARD.encode(sealed) }).to_string();
        self.send_data(payload::CHALLENGE_RESPONSE, response.into(), now);
        Ok(())
    }

    /// Opens the channel of a program that has printed nothing; returns false if a handshake has begun.
    pub(crate) fn assume_open(&mut self) -> bool {
        if self.phase == Phase::Handshake && !self.answered {
            self.phase = Phase::Open;
        }
        self.phase == Phase::Open
    }

    /// Opens the channel: the agent's handshake is complete.
    pub(super) fn complete(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.pending.is_some() {
            return Err(Error::Malformed("the handshake ended before the session was encrypted".to_owned()));
        }
        let complete: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let message = complete["CustomerMessage"].as_str().filter(|text| !text.trim().is_empty());
        self.message = message.map(truncated);
        if self.phase == Phase::Handshake {
            self.phase = Phase::Open;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
