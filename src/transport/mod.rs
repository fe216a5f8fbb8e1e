//! Bytes to the instance. Every way there ends in one `AsyncRead + AsyncWrite`; what is said over it is not known here,
//! nor is AWS.
//!
//! ```text
//! tcp                     the direct one
//! web -> websocket        an Instance Connect Endpoint: bytes in binary frames
//! web -> websocket -> ssm Session Manager: a protocol of its own, with order and acknowledgements, in binary frames
//! ```

#[cfg(unix)]
pub mod fdpass;
pub mod link;
pub mod pump;
pub mod ssm;
pub mod tcp;
pub mod upgrade;
pub mod web;
pub mod websocket;
