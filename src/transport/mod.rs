//! Bytes to the instance. Every way there ends in one `AsyncRead + AsyncWrite`; what is said over it is not known here,
//! nor is AWS.

#[cfg(unix)]
pub mod fdpass;
pub mod pump;
pub mod tcp;
