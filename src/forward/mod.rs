//! Forwarding: what is forwarded (`spec`), the listeners on this side, the relays, and SOCKS. Given an [`Opener`](opener::Opener), which
//! opens the far halves; it does not know what carries them.

pub(crate) mod connections;
pub(crate) mod listen;
pub(crate) mod local;
pub(crate) mod opener;
mod relay;
pub(crate) mod remote;
mod socks;
pub(crate) mod through_ssh;
pub(crate) mod tunnel;
