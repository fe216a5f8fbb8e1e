//! The certificates of RDP servers that were trusted, by instance id: a JSON file in the data folder.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::store;
use crate::when;

/// The name of the file in the data folder.
const FILE: &str = "rdp_certificates.json";

/// A certificate that is trusted.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Trusted {
    /// The SHA-256 of the certificate, with colons.
    pub sha256: String,
    /// How and when it came to be trusted.
    pub comment: String,
}

/// The file, which need not exist.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    path: PathBuf,
}

impl Certificates {
    /// Returns the file of the current user; `None` if there is no data folder.
    pub(crate) fn of_the_user() -> Option<Self> {
        Some(Self { path: store::data_folder()?.join(FILE) })
    }

    /// Returns all that are trusted.
    ///
    /// # Errors
    /// The file exists and cannot be read, or is damaged: to go on without it would mean to trust any server.
    pub(crate) fn all(&self) -> io::Result<BTreeMap<String, Trusted>> {
        match std::fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        }
    }

    /// Returns the certificate that is trusted for an instance. Where the file cannot be read none fits.
    pub(crate) fn get(&self, instance_id: &str) -> Option<Trusted> {
        match self.all() {
            Ok(mut all) => all.remove(instance_id),
            Err(error) => {
                let sha256 = format!("{} cannot be read: {error}", self.path.display());
                Some(Trusted { sha256, comment: String::new() })
            }
        }
    }

    /// Trusts a certificate for an instance, in place of another.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(crate) fn put(&self, instance_id: &str, sha256: &str, how: &str) -> io::Result<()> {
        let trusted = Trusted { sha256: sha256.to_owned(), comment: format!("{how} {}", when::today()) };
        self.change(|all| all.insert(instance_id.to_owned(), trusted)).map(drop)
    }

    /// Forgets the certificate of an instance; returns whether there was one.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(crate) fn forget(&self, instance_id: &str) -> io::Result<bool> {
        if !self.path.exists() {
            return Ok(false);
        }
        self.change(|all| all.remove(instance_id)).map(|removed| removed.is_some())
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Trusted>) -> T) -> io::Result<T> {
        store::under_lock(&self.path, || {
            let mut all = self.all()?;
            let changed = change(&mut all);
            let text = serde_json::to_string_pretty(&all).map_err(io::Error::other)?;
            store::replace(&self.path, (text + "\n").as_bytes())?;
            Ok(changed)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_kept_by_instance() {
        let folder = tempfile::tempdir().unwrap();
        let file = Certificates { path: folder.path().join("data").join(FILE) };
        let get = |id: &str| file.get(id).map(|trusted| trusted.sha256);
        assert_eq!((get("i-1"), file.forget("i-1").unwrap()), (None, false));
        file.put("i-1", "AA", "console").unwrap();
        file.put("i-2", "BB", "confirmed").unwrap();
        file.put("i-1", "CC", "confirmed").unwrap();
        assert_eq!((get("i-1").as_deref(), get("i-2").as_deref()), (Some("CC"), Some("BB")));
        assert!(file.forget("i-1").unwrap() && get("i-1").is_none());
        std::fs::write(&file.path, "damaged").unwrap();
        assert!(get("i-2").unwrap().contains("cannot be read"), "no certificate fits");
        assert!(file.put("i-2", "DD", "confirmed").is_err());
    }
}
