//! Byte streams to the instance. Every route ends in one `AsyncRead + AsyncWrite`; this module knows neither the AWS
//! API nor the protocol spoken over the stream.
//!
//! ```text
//! tcp                     direct
//! web -> websocket        EC2 Instance Connect Endpoint (EICE): bytes in binary frames
//! web -> websocket -> ssm Session Manager (SSM): its own protocol, with ordering and acknowledgements, in binary frames
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
