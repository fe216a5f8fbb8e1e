//! Bytes to a port: direct TCP, links, probes and pumps. Knows neither the protocol spoken over them nor the host behind the port.

pub(crate) mod link;
pub(crate) mod probe;
mod prompt;
pub(crate) mod pump;
pub(crate) mod tcp;
