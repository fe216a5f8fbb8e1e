//! The cache of instance names for shell completion. It is refreshed in the background and never waited for.

use std::io;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::account::cache_scope;
use crate::aws::environment;
use crate::aws::model::Instance;
use crate::store::cache::{Entry, JsonCache};
use crate::when;

/// The age after which names are refreshed, in seconds.
const REFRESH_AFTER: i64 = 30;
/// The time after which a refresh that was started counts as failed, in seconds.
const REFRESH_TIMEOUT: i64 = 10;
/// The age after which names are no longer offered, in seconds, because instances come and go.
const MAX_AGE: i64 = 24 * 3600;
/// The number of profiles and regions whose names are kept.
const MAX_ENTRIES: usize = 100;
const CACHE: JsonCache<CachedNames> = JsonCache::new("names.json", MAX_AGE, MAX_ENTRIES);

/// The cached names of one profile and region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CachedNames {
    /// Time of the last successful refresh, in seconds since the Unix epoch.
    read: i64,
    /// Time when the last refresh was started, in seconds since the Unix epoch.
    asked: i64,
    names: Vec<String>,
    ids: Vec<String>,
    /// The state of the shared config files when the names were read: they decide which account a profile means.
    config_files: String,
}

impl CachedNames {
    /// Returns the names and IDs of these instances, read at `now`.
    pub(crate) fn of(instances: &[Instance], now: i64) -> Self {
        let mut names: Vec<String> =
            instances.iter().filter_map(|instance| instance.name.clone()).filter(|name| is_plain(name)).collect();
        names.sort();
        names.dedup();
        let ids = instances.iter().map(|instance| instance.id.clone()).collect();
        Self { read: now, asked: now, names, ids, config_files: config_files_state() }
    }

    /// Returns the names with this prefix. Instance IDs are included only if the prefix starts with `i-`.
    pub(crate) fn beginning(&self, beginning: &str, now: i64) -> Vec<String> {
        if now - self.read > MAX_AGE {
            return Vec::new();
        }
        let all = if beginning.starts_with("i-") { [&self.names[..], &self.ids].concat() } else { self.names.clone() };
        // The file may have been written by another program.
        all.into_iter().filter(|name| name.starts_with(beginning) && is_plain(name)).collect()
    }

    /// Whether the names are stale and no refresh is in progress.
    pub(crate) fn needs_refresh(&self, now: i64) -> bool {
        now - self.read > REFRESH_AFTER && now - self.asked > REFRESH_TIMEOUT
    }
}

/// Whether the name can stand on a command line unquoted. Tags are untrusted text, so other names are not offered.
fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "._-+".contains(c);
    !name.starts_with('-') && name.chars().all(is_plain)
}

/// Returns the key for a profile and region as requested, else as the environment has them. It has to be known without loading
/// credentials: a completion must answer at once. Static keys in the environment name their account.
pub(crate) fn key(profile: Option<&str>, region: Option<&str>) -> String {
    // A profile that is named decides, whatever keys the environment holds.
    let keys = environment::non_empty_variable("AWS_ACCESS_KEY_ID").filter(|_| profile.is_none());
    let scope = keys.map(|key| cache_scope(&key)).unwrap_or_default();
    let profile = profile.map(str::to_owned).or_else(environment::profile).unwrap_or_default();
    let region = region.map(str::to_owned).or_else(environment::region).unwrap_or_default();
    format!("{scope}/{profile}/{region}")
}

/// Returns the size and the time of the last change of the AWS CLI's shared config files.
fn config_files_state() -> String {
    let paths =
        [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")].map(|(variable, name)| {
            environment::non_empty_variable(variable)
                .map(PathBuf::from)
                .or_else(|| Some(dirs::home_dir()?.join(".aws").join(name)))
        });
    let state = |path: PathBuf| {
        let file = std::fs::metadata(path).ok()?;
        let changed = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(format!("{}-{}", file.len(), changed.as_nanos()))
    };
    paths.map(|path| path.and_then(state).unwrap_or_default()).join(",")
}

/// Returns the cached names for this key, empty if there are none.
pub(crate) fn cached(key: &str) -> CachedNames {
    let state = config_files_state();
    CACHE.get(key, when::now()).filter(|cached| cached.config_files == state).unwrap_or_default()
}

/// Stores the names under this key.
///
/// # Errors
/// File system errors.
pub(crate) fn save(key: &str, names: CachedNames) -> io::Result<()> {
    CACHE.put(key, names, when::now())
}

/// Records that a refresh of this key was started.
///
/// # Errors
/// File system errors.
pub(crate) fn mark_refreshing(key: &str, now: i64) -> io::Result<()> {
    let config_files = config_files_state();
    CACHE.update(key, now, |old| {
        let old = old.filter(|old| old.value.config_files == config_files);
        let empty = || CachedNames { config_files: config_files.clone(), ..CachedNames::default() };
        let (at, value) = old.map_or_else(|| (now, empty()), |old| (old.at, old.value));
        Some(Entry { at, value: CachedNames { asked: now, ..value } })
    })
}
