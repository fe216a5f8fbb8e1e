//! The proof that the port accepts connections: nothing is known of what is spoken there.

use std::time::Duration;

use bytes::Bytes;

use crate::transport::probe::{Probe, Proof};

/// Returns the probe of a port whose protocol is not known.
pub(crate) fn tcp_connection() -> Probe {
    Probe { awaited: "connection", request: Bytes::new(), proof: Proof::Connection, timeout: Duration::from_secs(15) }
}
