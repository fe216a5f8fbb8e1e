//! Session Manager's data channel: a connection to one port of the instance through its agent, or a program that its agent runs, without
//! the plugin.
//!
//! ```text
//! frame         one message on the wire
//! reliable      ordering, acknowledgements and retransmission, for each direction separately
//! pace          when the next message may leave
//! handshake     the agent's handshake request, and its version
//! cipher        the encryption of a session
//! item          a part of what the agent sends
//! data_channel  the three combined: frames in, frames and bytes out; no clock, no socket
//! resume        reconnect policy: attempts, backoff, deadline
//!
//! api           the service interface by which a session is resumed and ended
//! registry      the sessions that are still to be ended
//! channel       opens a session and starts its relay
//! relay         the task that moves bytes between the websocket and the local end
//! ws            the two halves of the websocket
//! local         the local end of the relay
//! stream        a session as a byte stream
//! program       a session as a program's input and output
//! command       commands over sessions that were made for terminals: the script, and what it prints
//! mux           several connections over one stream
//! ```
//!
//! Those above `api` do no I/O; the time is passed in.

pub(crate) mod api;
pub(crate) mod channel;
pub(crate) mod cipher;
pub(crate) mod command;
pub(crate) mod data_channel;
mod error;
pub(crate) mod frame;
pub(crate) mod handshake;
pub(crate) mod item;
mod local;
pub(crate) mod mux;
mod pace;
pub(crate) mod program;
pub(crate) mod registry;
mod relay;
pub(crate) mod reliable;
pub(crate) mod resume;
pub(crate) mod stream;
mod ws;

pub(crate) use error::Error;
