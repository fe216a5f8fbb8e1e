//! The SSH protocol by russh: the only folder that imports it. It is given a byte stream and gives back an authenticated connection
//! with channels. It knows neither the transport nor the server's owner nor the
//! terminal.
//!
//! - `client` does the handshake with what `algorithms` lists and `options` says, `auth` logs in
//! - `session` runs a program in a channel, `channel` opens channels as byte streams (`stream`), `incoming` routes the server's
//! - `verifier` is the interface of whoever judges the host key, `host_key` and `keys` are the key types, `agent_keys` the
//!   caller's own agent
//! - `output` takes what arrives and writes it at the reader's pace, `keepalive` finds out whether the server is alive
//! - `preamble`, `write_timeout`, `last_message`, `abort_on_drop` and `gate` are layers on the stream below

mod abort_on_drop;
#[cfg(unix)]
pub(crate) mod agent_keys;
mod algorithms;
pub(crate) mod auth;
pub(crate) mod channel;
pub(crate) mod client;
pub(crate) mod decrypt;
mod error;
mod gate;
mod handler;
pub(crate) mod host_key;
pub(crate) mod incoming;
mod keepalive;
pub(crate) mod key_file;
pub(crate) mod keys;
mod last_message;
pub(crate) mod options;
mod output;
mod preamble;
mod remote;
pub(crate) mod session;
mod stream;
pub(crate) mod verifier;
mod write_timeout;

pub(crate) use error::{Error, OpenRefusal};

#[cfg(test)]
mod tests;
