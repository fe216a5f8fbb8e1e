//! An SSH agent with one key, for the `ssh` that runs this program as its ProxyCommand (draft-ietf-sshm-ssh-agent).
//!
//! ssh contacts its agent only after the key exchange, and finds the socket by a path made of host, port and user, so
//! concurrent connections to the same host share the path. All of them connect to the youngest agent, which passes each
//! client on to its own agent.
//!
//! - [`wire`]: the messages of the protocol
//! - [`socket`]: the agent socket path (a symlink) and the per-process sockets it may point to
//! - [`server`]: the accept loop of one agent
//! - [`client`]: the client side, for ssh's KnownHostsCommand
//! - [`parent`]: the ssh process that the agent works for
//!
//! The protocol is implemented here because the existing libraries either let clients add keys and sign whatever they
//! are given, or bring a second generation of the crypto crates for two messages.

pub(crate) mod client;
pub(crate) mod parent;
pub(crate) mod server;
pub(crate) mod socket;
pub(crate) mod wire;
