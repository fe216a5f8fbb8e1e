//! In place of the holder where there are no Unix sockets: every connection makes a key of its own.

use std::io;
use std::pin::Pin;

use super::name::KeyName;
use super::turn::Turn;
use crate::ssh::keys::RemoteKey;

/// A key in a holder; here there is none.
pub(crate) enum HeldKey {}

impl HeldKey {
    /// Fails: there are no holders here.
    ///
    /// # Errors
    /// Always.
    pub(crate) async fn find(_: &KeyName) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Asks whether the key may be used now.
    pub(crate) async fn turn(&self) -> Turn {
        match *self {}
    }

    /// Reports whether the push succeeded.
    pub(crate) async fn pushed(&self, _: bool) {
        match *self {}
    }

    /// Reports that the instance denied a login with the key.
    pub(crate) async fn denied(&self) {
        match *self {}
    }
}

impl RemoteKey for HeldKey {
    fn public_line(&self) -> &str {
        match *self {}
    }

    fn sign(&self, _: Vec<u8>) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>> {
        match *self {}
    }
}
