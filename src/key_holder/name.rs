//! The name of the key that a holder holds.

use serde::Serialize;

/// The kind of key that a holder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
pub(crate) enum KeyKind {
    /// An ed25519 key pair.
    Ed25519,
    /// An RSA key pair, for a server that takes no ed25519 key.
    Rsa,
    /// No key pair: the caller has one, and the holder knows only when its public half was pushed.
    None,
}

/// The name of a key: connections with the same name share one.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct KeyName {
    /// The account, the region and the instance.
    pub instance: String,
    /// The AWS profile: another one may not be allowed to push a key. Credentials that are in the environment have none, so they count
    /// as one, whatever role they are of.
    pub profile: Option<String>,
    /// The user to log in as.
    pub user: String,
    /// The kind of key.
    pub kind: KeyKind,
    /// The public key where the holder has no key pair.
    pub public_key: Option<String>,
}
