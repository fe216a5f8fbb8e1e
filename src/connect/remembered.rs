//! What an instance was when it was looked up last, by what was asked for: the next connection goes ahead with it while AWS
//! is asked again (`ahead`). Never more than a beginning: whatever is kept here may have changed.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Wish;
use crate::aws::Aws;
use crate::aws::model::Instance;
use crate::store;
use crate::when;

/// Older ones are not worth a connection to an address that may be another's by now, in seconds.
const FRESH: i64 = 7 * 24 * 3600;
/// So many are kept: who works through a fleet comes back to few of them.
const KEPT: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// When it was looked up, in seconds since the Unix epoch.
    at: i64,
    instance: Instance,
}

/// What was asked for: by which profile, in which region, and how it was to be chosen.
pub fn key(aws: &Aws, wish: &Wish) -> String {
    let account = aws.account();
    let profile = account.profile.as_deref().unwrap_or_default();
    format!("{profile}|{}|{:?}|{}", account.region, wish.pick, wish.request.target.selector)
}

/// The instance that was found for it last.
pub fn instance(key: &str) -> Option<Instance> {
    let entry = load(&file()?).remove(key)?;
    entry.is_fresh(when::now()).then_some(entry.instance)
}

/// Whether this is what is kept for it; in the second half of its time it counts as not.
pub fn is_kept(key: &str, instance: &Instance) -> bool {
    let entry = file().and_then(|path| load(&path).remove(key));
    entry.is_some_and(|entry| entry.instance == *instance && (0..FRESH / 2).contains(&(when::now() - entry.at)))
}

/// Keeps what was found for it. It may have to wait for another process that writes.
///
/// # Errors
/// As the file system says.
pub fn keep(key: &str, instance: &Instance) -> io::Result<()> {
    let Some(path) = file() else { return Ok(()) };
    let now = when::now();
    store::under_lock(&path, || {
        let mut all = load(&path);
        all.retain(|_, entry| entry.is_fresh(now));
        all.insert(key.to_owned(), Entry { at: now, instance: instance.clone() });
        while all.len() > KEPT {
            let oldest = all.iter().min_by_key(|(_, entry)| entry.at).map(|(key, _)| key.clone());
            oldest.and_then(|key| all.remove(&key));
        }
        store::replace(&path, &serde_json::to_vec(&all).map_err(io::Error::other)?)
    })
}

impl Entry {
    fn is_fresh(&self, now: i64) -> bool {
        (0..FRESH).contains(&(now - self.at))
    }
}

fn file() -> Option<PathBuf> {
    Some(store::cache_folder()?.join("instances.json"))
}

/// What cannot be read is as good as absent.
fn load(path: &PathBuf) -> BTreeMap<String, Entry> {
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}
