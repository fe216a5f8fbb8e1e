//! The instance that the last look-up of a selector found, for the speculative start of the next connection. It may have
//! changed since: everything from here is confirmed before an irreversible step.

use std::io;

use crate::aws::model::{Account, Instance};
use crate::settings::Settings;
use crate::store::cache::JsonCache;
use crate::when;

/// Older entries are not worth a connection to an address that may be another machine's by now, in seconds.
const MAX_AGE: i64 = 7 * 24 * 3600;
/// A user who works through a fleet comes back to few of its instances.
const MAX_ENTRIES: usize = 200;
const CACHE: JsonCache<Instance> = JsonCache::new("instances.json", MAX_AGE, MAX_ENTRIES);

/// Returns the key of a look-up: account, region, selector and how it chooses among several.
pub(super) fn key(account: &Account, settings: &Settings) -> String {
    let name = settings.target.whole_name().unwrap_or_else(|| settings.target.selector.to_string());
    account.cache_key(&format!("{:?}/{name}", settings.pick))
}

/// Returns the instance that was found under this key last.
pub(super) fn get(key: &str) -> Option<Instance> {
    CACHE.get(key, when::now())
}

/// A look-up that is remembered: its key taken apart, and what it found.
pub(super) struct Remembered {
    /// The account and region.
    pub account: Account,
    /// How one of several was chosen.
    pub pick: String,
    /// The selector as it was typed.
    pub typed: String,
    /// The instance that was found.
    pub instance: Instance,
    /// When it was found, in seconds since the Unix epoch.
    pub at: i64,
}

/// Returns all look-ups that are remembered.
pub(super) fn all() -> Vec<Remembered> {
    let taken_apart = CACHE.entries(when::now()).into_iter().filter_map(|(key, entry)| {
        let [scope, region, pick, typed] = key.splitn(4, '/').collect::<Vec<_>>().try_into().ok()?;
        let account = Account { region: region.to_owned(), profile: None, scope: scope.to_owned() };
        let (pick, typed) = (pick.to_owned(), typed.to_owned());
        Some(Remembered { account, pick, typed, instance: entry.value, at: entry.at })
    });
    taken_apart.collect()
}

/// The age at which an entry is written again although nothing has changed, in seconds: without AWS its age is shown.
const RENEWED_AFTER: i64 = 3600;

/// Whether the cache has exactly this instance and need not be written.
pub(super) fn is_current(key: &str, instance: &Instance) -> bool {
    let now = when::now();
    CACHE.entry(key, now).is_some_and(|entry| entry.value == *instance && now - entry.at < RENEWED_AFTER)
}

/// Stores the instance. It may wait for another process that writes.
///
/// # Errors
/// File system errors.
pub(super) fn put(key: &str, instance: &Instance) -> io::Result<()> {
    CACHE.put(key, instance.clone(), when::now())
}
