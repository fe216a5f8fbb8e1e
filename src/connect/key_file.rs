//! Opens the key file of `-i`: checks its mode, offers to correct it, and asks for the passphrase.

use std::path::Path;

use tokio::sync::OnceCell;

use super::error::Error;
use crate::event::{Event, Events, ask};
use crate::ssh::key_file::{self, KeyFile};
use crate::ssh::keys::Key;

/// The number of passphrases that may be tried.
const MAX_PASSPHRASES: usize = 3;

/// Opens the file. If only its mode is wrong, offers to set it.
pub(super) async fn open(path: &Path, events: &Events) -> Result<KeyFile, Error> {
    match KeyFile::open(path) {
        Err(problem @ key_file::Error::Mode { .. }) => {
            let text = problem.to_string();
            if ask(events, |reply| Event::FixMode { problem: text, reply }).await != Some(true) {
                return Err(problem.into());
            }
            let failed = |source| key_file::Error::Read { path: path.to_owned(), source };
            key_file::restrict_permissions(path).map_err(failed)?;
            Ok(KeyFile::open(path)?)
        }
        other => Ok(other?),
    }
}

/// A key file whose key is read once, when it is first needed.
pub(super) struct LazyKey {
    file: KeyFile,
    key: OnceCell<Key>,
}

impl LazyKey {
    /// Keeps the file for later; reads nothing yet.
    pub(super) fn new(file: KeyFile) -> Self {
        Self { file, key: OnceCell::new() }
    }

    /// Returns the key; asks for its passphrase the first time, if it has one.
    pub(super) async fn key(&self, events: &Events) -> Result<&Key, Error> {
        self.key.get_or_try_init(|| unlock(&self.file, events)).await
    }
}

async fn unlock(file: &KeyFile, events: &Events) -> Result<Key, Error> {
    if let Some(key) = file.key(None)? {
        events(Event::Step(format!("key {} {}", key.algorithm(), key.fingerprint())));
        return Ok(key);
    }
    let path = file.path().to_owned();
    for attempt in 0..MAX_PASSPHRASES {
        let passphrase = ask(events, |reply| Event::Passphrase { path: path.clone(), retry: attempt > 0, reply }).await;
        let passphrase = passphrase.ok_or_else(|| key_file::Error::NoPassphrase(path.clone()))?;
        if let Some(key) = file.key(Some(&passphrase))? {
            return Ok(key);
        }
    }
    Err(key_file::Error::WrongPassphrase(path).into())
}
