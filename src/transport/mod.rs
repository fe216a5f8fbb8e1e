//! Bytes to a port: direct TCP, what a link is made of, probes and pumps. What is spoken over them, and whose port it is, is not known
//! here.

pub(crate) mod link;
pub(crate) mod probe;
pub(crate) mod pump;
pub(crate) mod tcp;
