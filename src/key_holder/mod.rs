//! The sharing of one pushed key by all connections of a user to an instance, for as long as the instance knows it.
//!
//! Each key that was pushed in the last minute makes every login slower: the instance checks them all, twice, and gives up after
//! 5 seconds. So connections share one. It lives in a process of its own, the holder, which the first connection starts and the others
//! find by its socket in the runtime folder:
//!
//! ```text
//! connection              holder                                    instance
//!     |-- socket --------->| makes the key, in memory
//!     |<- public key ------|
//!     |-- may I log in? -->|
//!     |<- push it ---------|   (or: it is pushed; or: wait, another connection is pushing it)
//!     |-- SendSSHPublicKey ------------------------------------------>|
//!     |-- pushed --------->| 45 s: later connections start another holder
//!     |-- login to sign -->| signs logins of its one user, nothing else
//!     |<- signature -------|
//!                          | 50 s: ends
//! ```
//!
//! - `name`: whose key it is; `turn`: whether it may be used now
//! - `freshness`: when the key is pushed and how long it is good, pure
//! - `wire`: the messages
//! - `server`: the holder's process
//! - `start`: its socket, and how it is started
//! - `client`: a connection's side, [`HeldKey`]; `unsupported` takes its place where there are no Unix sockets
//!
//! A connection makes a key of its own if its holder cannot be started, does not answer or has gone.

#[cfg(unix)]
mod client;
#[cfg(unix)]
mod freshness;
mod name;
#[cfg(unix)]
pub(crate) mod server;
#[cfg(unix)]
mod start;
mod turn;
#[cfg(not(unix))]
mod unsupported;
#[cfg(unix)]
mod wire;

#[cfg(unix)]
pub(crate) use client::HeldKey;
pub(crate) use name::{KeyKind, KeyName};
pub(crate) use turn::{FRESH_FOR, Turn};
#[cfg(not(unix))]
pub(crate) use unsupported::HeldKey;
