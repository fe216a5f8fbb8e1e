//! By which route an instance was reached last, remembered for a day by its id: the next connection begins with it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::plan::route::Route;
use crate::store;

const A_DAY: u64 = 24 * 60 * 60;
/// An entry that is as it was is written again after this time only.
const AN_HOUR: u64 = 60 * 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    route: Route,
    /// Seconds since the Unix epoch.
    at: u64,
}

fn file() -> Option<PathBuf> {
    Some(store::cache_folder()?.join("routes.json"))
}

/// What cannot be read is as good as absent.
fn load(path: &PathBuf) -> BTreeMap<String, Entry> {
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn is_fresh(entry: &Entry, now: u64) -> bool {
    now.saturating_sub(entry.at) < A_DAY && entry.at <= now + AN_HOUR
}

/// The route that worked last.
pub fn remembered(instance_id: &str) -> Option<Route> {
    let entry = load(&file()?).remove(instance_id)?;
    is_fresh(&entry, now()).then_some(entry.route)
}

/// Remembers that this route worked. What is the usual one is not worth an entry, unless there is another already.
pub fn remember(instance_id: &str, route: Route, is_usual: bool) -> std::io::Result<()> {
    let Some(path) = file() else { return Ok(()) };
    let now = now();
    let is_news = |all: &BTreeMap<String, Entry>| match all.get(instance_id) {
        None => !is_usual,
        Some(entry) => entry.route != route || now.saturating_sub(entry.at) > AN_HOUR,
    };
    if !is_news(&load(&path)) {
        return Ok(());
    }
    store::under_lock(&path, || {
        let mut all = load(&path);
        all.retain(|_, entry| is_fresh(entry, now));
        all.insert(instance_id.to_owned(), Entry { route, at: now });
        store::replace(&path, &serde_json::to_vec(&all).map_err(std::io::Error::other)?)
    })
}
