//! The cache of instance names for shell completion. It is refreshed in the background and never waited for.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::aws::model::Instance;
use crate::store;

/// The age after which names are refreshed, in seconds.
const REFRESH_AFTER: i64 = 30;
/// The time after which a refresh that was started counts as failed, in seconds.
const REFRESH_TIMEOUT: i64 = 10;
/// The age after which names are no longer offered, in seconds, because instances come and go.
const MAX_AGE: i64 = 24 * 3600;

/// The cached names of one profile and region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedNames {
    /// Time of the last successful refresh, in seconds since the Unix epoch.
    read: i64,
    /// Time when the last refresh was started, in seconds since the Unix epoch.
    asked: i64,
    names: Vec<String>,
    ids: Vec<String>,
}

impl CachedNames {
    /// Returns the names and IDs of these instances, read at `now`.
    pub fn of(instances: &[Instance], now: i64) -> Self {
        let mut names: Vec<String> =
            instances.iter().filter_map(|instance| instance.name.clone()).filter(|name| is_plain(name)).collect();
        names.sort();
        names.dedup();
        let ids = instances.iter().map(|instance| instance.id.clone()).collect();
        Self { read: now, asked: now, names, ids }
    }

    /// Returns the names with this prefix. Instance IDs are included only if the prefix starts with `i-`.
    pub fn beginning(&self, beginning: &str, now: i64) -> Vec<String> {
        if now - self.read > MAX_AGE {
            return Vec::new();
        }
        let all = if beginning.starts_with("i-") { [&self.names[..], &self.ids].concat() } else { self.names.clone() };
        all.into_iter().filter(|name| name.starts_with(beginning)).collect()
    }

    /// Whether the names are stale and no refresh is in progress.
    pub fn needs_refresh(&self, now: i64) -> bool {
        now - self.read > REFRESH_AFTER && now - self.asked > REFRESH_TIMEOUT
    }
}

/// Whether the name can stand on a command line unquoted. Tags are untrusted text, so other names are not offered.
fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "._-+".contains(c);
    !name.starts_with('-') && name.chars().all(is_plain)
}

/// Returns the cache key: the profile and region given, else those of the environment.
pub fn key(profile: Option<&str>, region: Option<&str>) -> String {
    let from_env = |variables: &[&str]| variables.iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    let profile = profile.map_or_else(|| from_env(&["AWS_PROFILE"]), str::to_owned);
    let region = region.map_or_else(|| from_env(&["AWS_REGION", "AWS_DEFAULT_REGION"]), str::to_owned);
    format!("{profile}|{region}")
}

/// Returns the cached names for this key, empty if there are none.
pub fn cached(key: &str) -> CachedNames {
    file().map(|path| load(&path)).unwrap_or_default().remove(key).unwrap_or_default()
}

/// Stores the names under this key.
///
/// # Errors
/// Fails with the I/O error of the cache file or its lock.
pub fn save(key: &str, names: CachedNames) -> io::Result<()> {
    change(key, |cached| *cached = names)
}

/// Records that a refresh of this key was started.
///
/// # Errors
/// Fails with the I/O error of the cache file or its lock.
pub fn mark_refreshing(key: &str, now: i64) -> io::Result<()> {
    change(key, |cached| cached.asked = now)
}

fn change(key: &str, change: impl FnOnce(&mut CachedNames)) -> io::Result<()> {
    let Some(path) = file() else { return Ok(()) };
    store::under_lock(&path, || {
        let mut all = load(&path);
        change(all.entry(key.to_owned()).or_default());
        store::replace(&path, &serde_json::to_vec(&all)?)
    })
}

fn file() -> Option<PathBuf> {
    Some(store::cache_folder()?.join("names.json"))
}

/// Reads the cache. A missing or damaged file counts as empty.
fn load(path: &PathBuf) -> BTreeMap<String, CachedNames> {
    std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}
