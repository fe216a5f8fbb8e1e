//! [`JsonCache`]: one file of the cache folder, a map from key to value with the time of each entry. All caches of the program
//! are instances of it, so that there is one file format, one rule for damaged files and one way to age.

use std::collections::BTreeMap;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::owner::check_owner;
use super::{cache_folder, replace, under_lock};

/// A cached value and when it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry<T> {
    /// When the value was stored, in seconds since the Unix epoch.
    pub at: i64,
    /// The value that is cached.
    pub value: T,
}

/// The definition of one cache: file name, maximum age in seconds, maximum number of entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonCache<T> {
    file: &'static str,
    max_age: i64,
    max_entries: usize,
    value: PhantomData<fn() -> T>,
}

type Entries<T> = BTreeMap<String, Entry<T>>;

impl<T: Serialize + DeserializeOwned + Clone> JsonCache<T> {
    /// Defines a cache in this file of the cache folder. Entries older than `max_age` seconds count as absent; when there
    /// are more than `max_entries` the oldest are dropped.
    pub(crate) const fn new(file: &'static str, max_age: i64, max_entries: usize) -> Self {
        Self { file, max_age, max_entries, value: PhantomData }
    }

    /// Returns the entry under this key if it is fresh at `now`.
    pub(crate) fn entry(&self, key: &str, now: i64) -> Option<Entry<T>> {
        self.entry_in(&self.path()?, key, now)
    }

    fn entry_in(&self, path: &Path, key: &str, now: i64) -> Option<Entry<T>> {
        let entry = load(path).remove(key)?;
        self.is_fresh(&entry, now).then_some(entry)
    }

    /// Returns all entries that are fresh at `now`, by their keys.
    pub(crate) fn entries(&self, now: i64) -> Vec<(String, Entry<T>)> {
        let all = self.path().map(|path| load(&path)).unwrap_or_default();
        all.into_iter().filter(|(_, entry)| self.is_fresh(entry, now)).collect()
    }

    /// Returns the value under this key if it is fresh at `now`.
    pub(crate) fn get(&self, key: &str, now: i64) -> Option<T> {
        self.entry(key, now).map(|entry| entry.value)
    }

    /// Stores the value under this key.
    ///
    /// # Errors
    /// File system errors, and a lock that another process holds for too long.
    pub(crate) fn put(&self, key: &str, value: T, now: i64) -> io::Result<()> {
        self.update(key, now, |_| Some(Entry { at: now, value: value.clone() }))
    }

    /// Replaces the fresh entry under this key by what `change` returns; `None` leaves the file as it is.
    ///
    /// # Errors
    /// As for [`JsonCache::put`].
    pub(crate) fn update(
        &self,
        key: &str,
        now: i64,
        change: impl Fn(Option<Entry<T>>) -> Option<Entry<T>>,
    ) -> io::Result<()> {
        match self.path() {
            Some(path) => self.update_in(&path, key, now, change),
            None => Ok(()),
        }
    }

    fn update_in(
        &self,
        path: &Path,
        key: &str,
        now: i64,
        change: impl Fn(Option<Entry<T>>) -> Option<Entry<T>>,
    ) -> io::Result<()> {
        let fresh = |all: &Entries<T>| all.get(key).filter(|entry| self.is_fresh(entry, now)).cloned();
        // Most updates change nothing, and then nothing has to be locked.
        if change(fresh(&load(path))).is_none() {
            return Ok(());
        }
        under_lock(path, || {
            let mut all = load(path);
            let Some(entry) = change(fresh(&all)) else { return Ok(()) };
            all.retain(|_, entry| self.is_fresh(entry, now));
            all.insert(key.to_owned(), entry);
            while all.len() > self.max_entries {
                let oldest = all.iter().min_by_key(|(_, entry)| entry.at).map(|(key, _)| key.clone());
                oldest.and_then(|key| all.remove(&key));
            }
            replace(path, &serde_json::to_vec(&all).map_err(io::Error::other)?)
        })
    }

    /// An entry from the future is not fresh: the clock was wrong then, or it is now.
    fn is_fresh(&self, entry: &Entry<T>, now: i64) -> bool {
        (0..self.max_age).contains(&(now - entry.at))
    }

    fn path(&self) -> Option<PathBuf> {
        let folder = cache_folder().filter(|folder| check_owner(folder).is_ok())?;
        Some(folder.join(self.file))
    }
}

/// Reads all entries. A file that cannot be read or has another format counts as empty: everything in it can be asked for again.
fn load<T: DeserializeOwned>(path: &Path) -> Entries<T> {
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
