//! Remote Desktop Protocol, as far as it is needed before a client is started: the server's certificate, and which client is started how.
//! Knows no instance.
//!
//! ```text
//! negotiation   the first messages, by which the server agrees to TLS; pure
//! certificate   TLS over a stream, and the certificate that the server shows
//! client        which client is there, and its options; pure
//! ```

pub(crate) mod certificate;
pub(crate) mod client;
pub(crate) mod negotiation;
