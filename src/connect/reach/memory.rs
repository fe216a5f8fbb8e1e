//! By which route an instance was reached last, remembered for a day by its id: the next connection begins with it. A day
//! later it is found out anew, also where it has worked all the time: the VPN may be up again. And where another machine
//! answers at its private address, that is remembered, too.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::plan::route::Route;
use crate::store;

const A_DAY: u64 = 24 * 60 * 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// What worked, if anything has.
    route: Option<Route>,
    /// Its private address is another machine's where we are.
    #[serde(default)]
    is_direct_anothers: bool,
    /// When that was first seen, in seconds since the Unix epoch.
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
    now.saturating_sub(entry.at) < A_DAY && entry.at <= now
}

/// What is known of an instance's routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The route that worked last.
    pub route: Option<Route>,
    /// Its private address is another machine's where we are.
    pub is_direct_anothers: bool,
}

/// What is remembered of an instance.
pub fn remembered(instance_id: &str) -> Remembered {
    let entry = file().and_then(|path| load(&path).remove(instance_id)).filter(|entry| is_fresh(entry, now()));
    entry.map_or_else(Remembered::default, |Entry { route, is_direct_anothers, .. }| Remembered {
        route,
        is_direct_anothers,
    })
}

/// Remembers that this route worked. What is the usual one is not worth an entry, unless there is another already.
pub fn remember(instance_id: &str, route: Route, is_usual: bool) -> io::Result<()> {
    change(instance_id, |entry| match entry {
        None if is_usual => None,
        Some(entry) if entry.route == Some(route) => None,
        entry => Some((Some(route), entry.is_some_and(|entry| entry.is_direct_anothers))),
    })
}

/// Remembers that another machine answers at its private address.
pub fn direct_is_anothers(instance_id: &str) -> io::Result<()> {
    change(instance_id, |entry| match entry {
        Some(entry) if entry.is_direct_anothers => None,
        entry => Some((entry.and_then(|entry| entry.route).filter(|route| *route != Route::Direct), true)),
    })
}

/// Writes what `make` makes of the entry that there is; `None` leaves it as it is.
fn change(instance_id: &str, make: impl Fn(Option<Entry>) -> Option<(Option<Route>, bool)>) -> io::Result<()> {
    let Some(path) = file() else { return Ok(()) };
    let now = now();
    let old = |all: &BTreeMap<String, Entry>| all.get(instance_id).copied().filter(|entry| is_fresh(entry, now));
    if make(old(&load(&path))).is_none() {
        return Ok(());
    }
    store::under_lock(&path, || {
        let mut all = load(&path);
        let old = old(&all);
        let Some((route, is_direct_anothers)) = make(old) else { return Ok(()) };
        // That the address is another's is found out anew after a day, whatever was learned meanwhile.
        let at = old.filter(|old| old.is_direct_anothers).map_or(now, |old| old.at);
        all.retain(|_, entry| is_fresh(entry, now));
        all.insert(instance_id.to_owned(), Entry { route, is_direct_anothers, at });
        store::replace(&path, &serde_json::to_vec(&all).map_err(io::Error::other)?)
    })
}
