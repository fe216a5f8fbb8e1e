//! Tests of the cache file: age, number of entries, damage, and several at once.

use std::path::{Path, PathBuf};

use super::{Entry, JsonCache};
use crate::aws::model::Account;

const DAY: i64 = 86_400;
const CACHE: JsonCache<String> = JsonCache::new("unused.json", DAY, 3);

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.json");
    (folder, path)
}

fn put(path: &Path, key: &str, value: &str, now: i64) {
    CACHE.update_in(path, key, now, |_| Some(Entry { at: now, value: value.to_owned() })).unwrap();
}

fn get(path: &Path, key: &str, now: i64) -> Option<String> {
    CACHE.entry_in(path, key, now).map(|entry| entry.value)
}

#[test]
fn entry_is_fresh_for_its_maximum_age() {
    let (_folder, path) = file();
    put(&path, "a", "1", 1000);
    assert_eq!(get(&path, "a", 1000).as_deref(), Some("1"));
    assert_eq!(get(&path, "a", 1000 + DAY - 1).as_deref(), Some("1"));
    assert_eq!(get(&path, "a", 1000 + DAY), None);
    // The clock was wrong then, or it is now.
    assert_eq!(get(&path, "a", 999), None);
    assert_eq!(get(&path, "b", 1000), None);
}

#[test]
fn oldest_entries_are_dropped() {
    let (_folder, path) = file();
    for (at, key) in [(1, "b"), (2, "a"), (3, "c"), (4, "d")] {
        put(&path, key, key, at);
    }
    let kept = ["a", "b", "c", "d"].map(|key| get(&path, key, 4).is_some());
    assert_eq!(kept, [true, false, true, true]);
    // Entries that are no longer fresh go with the next write.
    put(&path, "e", "e", DAY + 2);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("\"a\"") && text.contains("\"c\""), "{text}");
}

#[test]
fn damaged_file_counts_as_empty_and_is_replaced() {
    let (_folder, path) = file();
    for damaged in ["{", "[]", "{\"a\":{\"at\":1}}", "\u{0}"] {
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(get(&path, "a", 1), None, "{damaged}");
        put(&path, "a", "1", 1);
        assert_eq!(get(&path, "a", 1).as_deref(), Some("1"), "{damaged}");
    }
}

#[test]
fn update_that_changes_nothing_writes_nothing() {
    let (_folder, path) = file();
    CACHE.update_in(&path, "a", 1, |_| None).unwrap();
    assert!(!path.exists());
    put(&path, "a", "1", 1);
    CACHE.update_in(&path, "a", 1, |entry| entry.filter(|entry| entry.value != "1")).unwrap();
    assert_eq!(get(&path, "a", 1).as_deref(), Some("1"));
    // A change that counts sees the fresh entry only.
    CACHE.update_in(&path, "a", 1 + DAY, |entry| Some(Entry { at: 1 + DAY, value: format!("{entry:?}") })).unwrap();
    assert_eq!(get(&path, "a", 1 + DAY).as_deref(), Some("None"));
}

#[test]
fn concurrent_updates_lose_nothing() {
    let (_folder, path) = file();
    std::thread::scope(|scope| {
        for key in ["a", "b", "c"] {
            scope.spawn(|| put(&path, key, key, 1));
        }
    });
    assert_eq!(["a", "b", "c"].map(|key| get(&path, key, 1)), ["a", "b", "c"].map(|key| Some(key.to_owned())));
}

/// The same instance id, name and region in two accounts are two entries.
#[test]
fn accounts_share_no_entry() {
    let (_folder, path) = file();
    let account = |scope: &str| Account { region: "eu-west-1".into(), profile: None, scope: scope.into() };
    let (one, other) = (account("111111111111"), account("key-0123456789abcdef"));
    put(&path, &one.cache_key("web"), "1", 1);
    assert_eq!(get(&path, &one.cache_key("web"), 1).as_deref(), Some("1"));
    assert_eq!(get(&path, &other.cache_key("web"), 1), None);
    // The profile does not matter, because two profiles may have the credentials of one account.
    let renamed = Account { profile: Some("prod".into()), ..one };
    assert_eq!(get(&path, &renamed.cache_key("web"), 1).as_deref(), Some("1"));
}
