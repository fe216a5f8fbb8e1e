//! The keys that are made for one connection: ed25519, and RSA for a server that takes no ed25519 (FIPS mode). Which of the two an
//! instance takes is remembered.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::OnceCell;

use super::error::Error;
use super::pushed_key::PushedKey;
use crate::aws::Aws;
use crate::aws::model::Account;
use crate::event::{Event, Events};
use crate::ssh::keys::Key;
use crate::store::cache::JsonCache;
use crate::when;

/// An image's policy does not change; a reinstalled instance has another id. In seconds.
const MAX_AGE: i64 = 90 * 24 * 3600;
const MAX_ENTRIES: usize = 200;
/// The instances that took no ed25519 key.
const RSA_ONLY: JsonCache<bool> = JsonCache::new("rsa-only.json", MAX_AGE, MAX_ENTRIES);

/// A key in memory, and its pushes.
pub(super) struct EphemeralKey {
    /// The key pair in memory.
    pub key: Key,
    pushed: PushedKey,
}

impl EphemeralKey {
    fn new(aws: Aws, instance_id: &str, key: Key) -> Self {
        let pushed = PushedKey::new(aws, instance_id, key.public_line(), &key.fingerprint());
        Self { key, pushed }
    }
}

/// The keys of one connection. Each is made when it is first needed.
pub(super) struct EphemeralKeys {
    aws: Aws,
    account: Account,
    instance_id: String,
    ed25519: EphemeralKey,
    rsa: OnceCell<EphemeralKey>,
    /// Set when the RSA key is to be used.
    prefers_rsa: AtomicBool,
    /// Set when the cache has it already.
    remembered: AtomicBool,
}

impl EphemeralKeys {
    /// Makes the keys for an instance; pushes nothing yet.
    pub(super) fn new(aws: Aws, account: &Account, instance_id: &str) -> Self {
        let known = RSA_ONLY.get(&account.cache_key(instance_id), when::now()).unwrap_or_default();
        Self {
            ed25519: EphemeralKey::new(aws.clone(), instance_id, Key::ephemeral()),
            aws,
            account: account.clone(),
            instance_id: instance_id.to_owned(),
            rsa: OnceCell::new(),
            prefers_rsa: AtomicBool::new(known),
            remembered: AtomicBool::new(known),
        }
    }

    /// Returns the key to use now.
    pub(super) async fn current(&self) -> &EphemeralKey {
        if !self.prefers_rsa() {
            return &self.ed25519;
        }
        self.rsa
            .get_or_init(|| async {
                // It takes a tenth of a second or more.
                let made = tokio::task::spawn_blocking(Key::ephemeral_rsa).await;
                let key = made.expect("making a key does not panic");
                EphemeralKey::new(self.aws.clone(), &self.instance_id, key)
            })
            .await
    }

    /// Returns the key to use now, once the instance admits it for long enough.
    pub(super) async fn authorized(&self, user: &str, events: &Events) -> Result<&Key, Error> {
        let current = self.current().await;
        current.pushed.ensure_fresh(user, events).await?;
        Ok(&current.key)
    }

    /// Whether the RSA key is used.
    pub(super) fn prefers_rsa(&self) -> bool {
        self.prefers_rsa.load(Ordering::Relaxed)
    }

    /// Uses the RSA key from now on; returns whether that is a change.
    pub(super) fn prefer_rsa(&self) -> bool {
        !self.prefers_rsa.swap(true, Ordering::Relaxed)
    }

    /// Remembers that the instance is to be offered the RSA key, if it is used.
    pub(super) fn remember(&self, events: &Events) {
        if !self.prefers_rsa() || self.remembered.swap(true, Ordering::Relaxed) {
            return;
        }
        let (key, events) = (self.account.cache_key(&self.instance_id), events.clone());
        // It may wait for another process that writes.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = RSA_ONLY.put(&key, true, when::now()) {
                events(Event::Step(format!("cannot cache the kind of key: {error}")));
            }
        });
    }
}
