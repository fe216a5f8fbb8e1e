//! `-i FILE`: the check, the offer to mend the mode, the passphrase.

use std::path::Path;

use super::{Error, Event, Events, ask};
use crate::plan::Plan;
use crate::ssh::key_file::{self, KeyFile};
use crate::ssh::keys::Key;

/// How often a passphrase may be wrong.
const TRIES: usize = 3;

/// Opens the file; where only its mode is wrong, offers to set it.
pub async fn open(path: &Path, events: &Events) -> Result<KeyFile, Error> {
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

/// Reads the key, asking for its passphrase where it has one.
pub async fn unlock(file: &KeyFile, plan: &Plan, events: &Events) -> Result<Key, Error> {
    if let Some(key) = file.key(None)? {
        events(Event::Step(format!("key {} {} for {}", key.algorithm(), key.fingerprint(), plan.login.user)));
        return Ok(key);
    }
    let path = file.path().to_owned();
    for attempt in 0..TRIES {
        let passphrase = ask(events, |reply| Event::Passphrase { path: path.clone(), again: attempt > 0, reply }).await;
        let passphrase = passphrase.ok_or_else(|| key_file::Error::NoPassphrase(path.clone()))?;
        if let Some(key) = file.key(Some(&passphrase))? {
            return Ok(key);
        }
    }
    Err(key_file::Error::WrongPassphrase(path).into())
}
