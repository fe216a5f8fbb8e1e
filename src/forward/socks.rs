//! The server side of SOCKS as a pure state machine: version 5 (RFC 1928) without authentication, and version 4 with names (4a).
//! Only CONNECT is served. The bytes may arrive one by one, or with the client's first data behind them.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::opener::Reason;

/// The largest request in bytes: the methods, then a name of 255 bytes and a user of as many.
const MAX_REQUEST: usize = 1024;

const VERSION_4: u8 = 4;
const VERSION_5: u8 = 5;
const CONNECT: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const NO_METHOD: u8 = 0xff;
const GRANTED_4: u8 = 90;
const REFUSED_4: u8 = 91;

/// The next thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Read more from the client.
    More,
    /// Send these bytes, and ask again.
    Send(Vec<u8>),
    /// Connect to this host and port, and send [`Socks::answer`].
    Connect {
        /// The name or address of the host.
        host: String,
        /// The port on that host.
        port: u16,
    },
    /// Send these bytes, which may be none, and end the connection.
    Refuse(Vec<u8>),
}

/// The state of one client's request.
#[derive(Debug, Default)]
pub(crate) struct Socks {
    received: Vec<u8>,
    greeted: bool,
    version: u8,
}

impl Socks {
    /// Takes bytes that the client has sent, and returns what is to be done.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Step {
        self.received.extend_from_slice(bytes);
        match self.next() {
            Some(step) => step,
            None if self.received.len() > MAX_REQUEST => Step::Refuse(Vec::new()),
            None => Step::More,
        }
    }

    /// Returns the answer to a request: `None` once it is connected, else why not.
    pub(crate) fn answer(&self, failed: Option<Reason>) -> Vec<u8> {
        if self.version == VERSION_4 {
            return vec![0, if failed.is_none() { GRANTED_4 } else { REFUSED_4 }, 0, 0, 0, 0, 0, 0];
        }
        let code = match failed {
            None => 0,
            Some(Reason::Prohibited) => 2,
            Some(Reason::Unreachable) => 4,
            Some(Reason::Refused) => 5,
            Some(Reason::Lost | Reason::Other) => 1,
        };
        reply_5(code)
    }

    /// Returns what the client has sent behind its request.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.received)
    }

    /// Returns the next step; `None` where bytes are missing.
    fn next(&mut self) -> Option<Step> {
        self.version = *self.received.first()?;
        match self.version {
            VERSION_5 if !self.greeted => self.greeting(),
            VERSION_5 => self.request_5(),
            VERSION_4 => self.request_4(),
            _ => Some(Step::Refuse(Vec::new())),
        }
    }

    fn greeting(&mut self) -> Option<Step> {
        let count = usize::from(*self.received.get(1)?);
        let methods = self.received.get(2..2 + count)?;
        if !methods.contains(&NO_AUTHENTICATION) {
            return Some(Step::Refuse(vec![VERSION_5, NO_METHOD]));
        }
        self.received.drain(..2 + count);
        self.greeted = true;
        Some(Step::Send(vec![VERSION_5, NO_AUTHENTICATION]))
    }

    fn request_5(&mut self) -> Option<Step> {
        let &[_, command, _, kind] = self.received.first_chunk()?;
        if command != CONNECT {
            return Some(Step::Refuse(reply_5(7)));
        }
        let (host, end) = match kind {
            1 => (Some(Ipv4Addr::from(*self.chunk::<4>(4)?).to_string()), 8),
            4 => (Some(Ipv6Addr::from(*self.chunk::<16>(4)?).to_string()), 20),
            3 => {
                let end = 5 + usize::from(*self.received.get(4)?);
                (name(self.received.get(5..end)?), end)
            }
            _ => return Some(Step::Refuse(reply_5(8))),
        };
        let port = u16::from_be_bytes(*self.chunk(end)?);
        let Some(host) = host else { return Some(Step::Refuse(reply_5(1))) };
        self.received.drain(..end + 2);
        Some(Step::Connect { host, port })
    }

    fn request_4(&mut self) -> Option<Step> {
        let &[_, command] = self.received.first_chunk()?;
        let refused = || Some(Step::Refuse(vec![0, REFUSED_4, 0, 0, 0, 0, 0, 0]));
        if command != CONNECT {
            return refused();
        }
        let port = u16::from_be_bytes(*self.chunk(2)?);
        let address = *self.chunk::<4>(4)?;
        let user = text_end(&self.received, 8)?;
        let (host, end) = match address {
            // The name follows (SOCKS 4a).
            [0, 0, 0, last] if last != 0 => {
                let end = text_end(&self.received, user + 1)?;
                (name(&self.received[user + 1..end]), end)
            }
            address => (Some(Ipv4Addr::from(address).to_string()), user),
        };
        let Some(host) = host else { return refused() };
        self.received.drain(..=end);
        Some(Step::Connect { host, port })
    }

    fn chunk<const N: usize>(&self, at: usize) -> Option<&[u8; N]> {
        self.received.get(at..)?.first_chunk()
    }
}

fn reply_5(code: u8) -> Vec<u8> {
    // An IPv4 address of zeros: clients stumble over an empty name.
    vec![VERSION_5, code, 0, 1, 0, 0, 0, 0, 0, 0]
}

/// Returns the position of the NUL that ends the text at `from`.
fn text_end(bytes: &[u8], from: usize) -> Option<usize> {
    Some(from + bytes.get(from..)?.iter().position(|byte| *byte == 0)?)
}

/// Returns the name of a host, if it can be one.
fn name(bytes: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(bytes).ok()?;
    let is_name = !name.is_empty() && !name.chars().any(|c| c.is_control() || c.is_whitespace());
    is_name.then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
