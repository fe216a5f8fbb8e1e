//! An SSH agent with one key, for the `ssh` whose ProxyCommand we are (draft-ietf-sshm-ssh-agent).
//!
//! ssh asks its agent only after the key exchange, and it finds the socket by a path made of host, port and user: so
//! connections to the same host at the same time share the path. The youngest of their agents is asked by all of them, and
//! passes each on to its own.
//! [`wire`] is the protocol, [`socket`] the path and who stands behind it, [`server`] the life of one agent, [`client`]
//! the other end, for ssh's KnownHostsCommand; [`owner`] is the ssh process that it is all for.
//!
//! The protocol is our own: what there is as a library either lets clients add keys and signs whatever it is given, or
//! brings a second generation of the crypto crates for two messages.

pub mod client;
pub mod owner;
pub mod server;
pub mod socket;
pub mod wire;
