//! The names of instances, kept for a short while for the shells' completions: asked for in the background, never waited
//! for.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::aws::model::Instance;
use crate::store;

/// Older names are asked for anew, in seconds.
const FRESH: i64 = 30;
/// So long after it was begun the asking is taken for failed, in seconds.
const ASKING: i64 = 10;
/// Older names are no longer offered, in seconds: instances come and go.
const OFFERED: i64 = 24 * 3600;

/// What is known of one account and region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// When it was read, in seconds since the Unix epoch.
    read: i64,
    /// When it was last asked for.
    asked: i64,
    names: Vec<String>,
    ids: Vec<String>,
}

impl Names {
    /// Of these instances, as of `now`.
    pub fn of(instances: &[Instance], now: i64) -> Self {
        let mut names: Vec<String> =
            instances.iter().filter_map(|instance| instance.name.clone()).filter(|name| is_plain(name)).collect();
        names.sort();
        names.dedup();
        let ids = instances.iter().map(|instance| instance.id.clone()).collect();
        Self { read: now, asked: now, names, ids }
    }

    /// Those that begin so; ids only for who has begun to type one.
    pub fn beginning(&self, beginning: &str, now: i64) -> Vec<String> {
        if now - self.read > OFFERED {
            return Vec::new();
        }
        let all = if beginning.starts_with("i-") { [&self.names[..], &self.ids].concat() } else { self.names.clone() };
        all.into_iter().filter(|name| name.starts_with(beginning)).collect()
    }

    /// Whether they should be asked for now.
    pub fn are_due(&self, now: i64) -> bool {
        now - self.read > FRESH && now - self.asked > ASKING
    }
}

/// What can stand on a command line as it is. A tag is untrusted text: others are not offered.
fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "._-+".contains(c);
    !name.starts_with('-') && name.chars().all(is_plain)
}

/// Whose names: the profile and the region as they were asked for, else as the environment has them.
pub fn key(profile: Option<&str>, region: Option<&str>) -> String {
    let said = |variables: &[&str]| variables.iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    let profile = profile.map_or_else(|| said(&["AWS_PROFILE"]), str::to_owned);
    let region = region.map_or_else(|| said(&["AWS_REGION", "AWS_DEFAULT_REGION"]), str::to_owned);
    format!("{profile}|{region}")
}

/// What is kept under this key.
pub fn kept(key: &str) -> Names {
    file().map(|path| load(&path)).unwrap_or_default().remove(key).unwrap_or_default()
}

/// Keeps them.
///
/// # Errors
/// As the file system says.
pub fn keep(key: &str, names: Names) -> io::Result<()> {
    change(key, |kept| *kept = names)
}

/// Notes that they are being asked for.
///
/// # Errors
/// As the file system says.
pub fn note_asked(key: &str, now: i64) -> io::Result<()> {
    change(key, |kept| kept.asked = now)
}

fn change(key: &str, change: impl FnOnce(&mut Names)) -> io::Result<()> {
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

/// A damaged cache is an empty one.
fn load(path: &PathBuf) -> BTreeMap<String, Names> {
    std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}
