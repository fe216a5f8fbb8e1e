//! The proof that a route leads to an SSH server.

use std::time::Duration;

use bytes::Bytes;

use crate::transport::probe::{Probe, Proof};

/// The time limit for the server's identification string.
const IDENTIFICATION_TIMEOUT: Duration = Duration::from_secs(10);
/// A server may send other lines before its identification string (RFC 4253, section 4.2), but not without end: OpenSSH accepts
/// 1,024 lines of 8 KB.
const MAX_IDENTIFICATION_BYTES: usize = 1025 * 8 * 1024;

/// Returns the probe for an SSH server: its identification string (RFC 4253, section 4.2).
pub(crate) fn ssh_identification() -> Probe {
    Probe {
        awaited: "SSH identification",
        request: Bytes::new(),
        proof: Proof::Line { starts_with: b"SSH-", within: MAX_IDENTIFICATION_BYTES },
        timeout: IDENTIFICATION_TIMEOUT,
    }
}
