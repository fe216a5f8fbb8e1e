//! The keys that are made for logins: ed25519, and RSA for a server that takes no ed25519 (FIPS mode). Connections of a user to an
//! instance share them by a holder. Which of the two an instance takes is remembered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Mutex;

use super::error::Error;
use super::pushed_key::{Admission, PushedKey};
use crate::aws::Aws;
use crate::aws::model::Account;
use crate::event::{Event, Events};
use crate::key_holder::{HeldKey, KeyKind, KeyName};
use crate::ssh::keys::{self, Key, LoginKey, RemoteKey};
use crate::store::background::write_in_background;
use crate::store::cache::JsonCache;
use crate::when;

/// An image's policy does not change; a reinstalled instance has another id. In seconds.
const MAX_AGE: i64 = 90 * 24 * 3600;
const MAX_ENTRIES: usize = 200;
/// The instances that took an RSA key and no ed25519 key.
const RSA_ONLY: JsonCache<bool> = JsonCache::new("rsa-only.json", MAX_AGE, MAX_ENTRIES);
/// The time for which a denial counts that may have another cause, such as a wrong user. In seconds.
const SUGGESTION_MAX_AGE: i64 = 300;
/// The users and instances that denied an ed25519 key to plain ssh, which cannot be given another one in the same connection.
const RSA_NEXT: JsonCache<bool> = JsonCache::new("rsa-next.json", SUGGESTION_MAX_AGE, MAX_ENTRIES);
/// The number of holders that are asked for a key in one connection: each key is good for 45 seconds.
const MAX_HOLDERS: usize = 20;

/// Where the private half of a key is.
enum Pair {
    /// The key pair is in this process.
    Own(Box<Key>),
    /// The key pair is in a holder, which other connections use as well.
    Held(Arc<HeldKey>),
}

/// A key that was made for logins, and its pushes.
pub(super) struct EphemeralKey {
    pair: Pair,
    kind: KeyKind,
    pushed: PushedKey,
}

impl EphemeralKey {
    /// Returns what signs a login.
    pub(super) fn login_key(&self) -> LoginKey<'_> {
        match &self.pair {
            Pair::Own(key) => LoginKey::Local(key),
            Pair::Held(key) => LoginKey::Remote(&**key),
        }
    }

    /// Returns the public key as `algorithm base64`.
    pub(super) fn public_line(&self) -> String {
        match &self.pair {
            Pair::Own(key) => key.public_line(),
            Pair::Held(key) => key.public_line().to_owned(),
        }
    }

    /// Returns the public key in SSH's encoding.
    pub(super) fn public_blob(&self) -> Vec<u8> {
        keys::public_blob(&self.public_line()).unwrap_or_default()
    }

    /// Signs a login request by this algorithm, as an agent does.
    pub(super) async fn sign(&self, login: &[u8], algorithm: &str) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Own(key) => key.sign(login, algorithm),
            Pair::Held(key) => key.sign(login.to_vec()).await,
        }
    }

    /// Notes that the instance denied the key. Returns whether another connection had pushed it: then nobody else uses it, and another
    /// key may do. A key that was pushed here is kept, because a retry while the instance boots would push one more, and each makes
    /// the look-up slower.
    pub(super) async fn denied(&self) -> bool {
        let is_of_another = self.pushed.is_of_another();
        if is_of_another {
            self.pushed.denied().await;
        }
        is_of_another
    }
}

/// The keys of one connection. Each is made or found when it is first needed.
pub(super) struct EphemeralKeys {
    aws: Aws,
    account: Account,
    instance_id: String,
    current: Mutex<Option<Arc<EphemeralKey>>>,
    /// Set while a holder is asked for the key.
    shares: AtomicBool,
    /// Set when the RSA key is to be used.
    prefers_rsa: AtomicBool,
    /// Whether RSA is preferred from memory, so that the other kind may be worth a try.
    by_memory: AtomicBool,
    /// Set once it is known whether the user was denied an ed25519 key a moment ago.
    consulted: AtomicBool,
    /// Set when both kinds have been tried.
    tried_both: AtomicBool,
    /// Set while the cache says that the instance takes RSA only.
    stored: AtomicBool,
}

impl EphemeralKeys {
    /// Makes the keys for an instance; pushes nothing yet. `shares` says whether other connections may use them as well.
    pub(super) fn new(aws: Aws, account: &Account, instance_id: &str, shares: bool) -> Self {
        let stored = RSA_ONLY.get(&account.cache_key(instance_id), when::now()).unwrap_or_default();
        Self {
            aws,
            account: account.clone(),
            instance_id: instance_id.to_owned(),
            current: Mutex::new(None),
            shares: AtomicBool::new(shares),
            prefers_rsa: AtomicBool::new(stored),
            by_memory: AtomicBool::new(stored),
            consulted: AtomicBool::new(false),
            tried_both: AtomicBool::new(false),
            stored: AtomicBool::new(stored),
        }
    }

    /// Returns the key to use now.
    pub(super) async fn current(&self, user: &str, events: &Events) -> Arc<EphemeralKey> {
        self.consult_memory(user);
        let kind = if self.prefers_rsa() { KeyKind::Rsa } else { KeyKind::Ed25519 };
        let mut current = self.current.lock().await;
        match &*current {
            Some(key) if key.kind == kind => Arc::clone(key),
            _ => {
                let key = Arc::new(self.find(kind, user, events).await);
                *current = Some(Arc::clone(&key));
                key
            }
        }
    }

    /// Prefers RSA if this user was denied an ed25519 key in the last minutes.
    fn consult_memory(&self, user: &str) {
        if !self.consulted.swap(true, Ordering::Relaxed) && RSA_NEXT.get(&self.of_user(user), when::now()) == Some(true)
        {
            self.prefers_rsa.store(true, Ordering::Relaxed);
            self.by_memory.store(true, Ordering::Relaxed);
        }
    }

    /// Begins another attempt at a login: what an instance denied while it booted says nothing about the kind of key.
    pub(super) fn start_over(&self) {
        self.tried_both.store(false, Ordering::Relaxed);
        self.prefers_rsa.store(self.by_memory.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    fn of_user(&self, user: &str) -> String {
        self.account.cache_key(&format!("{}/{user}", self.instance_id))
    }

    /// Returns the key to use now, once the instance admits it for long enough.
    pub(super) async fn authorized(&self, user: &str, events: &Events) -> Result<Arc<EphemeralKey>, Error> {
        for _ in 0..MAX_HOLDERS {
            let key = self.current(user, events).await;
            match key.pushed.ensure_fresh(user, events).await? {
                Admission::Fresh => return Ok(key),
                Admission::Retired => self.discard(&key).await,
                Admission::Lost => break,
            }
        }
        self.stop_sharing().await;
        let key = self.current(user, events).await;
        key.pushed.ensure_fresh(user, events).await?;
        Ok(key)
    }

    /// Returns a key that the instance knows already, from an earlier push, and uses it from now on. Pushes nothing, and starts no
    /// holder.
    pub(super) async fn still_good(&self, user: &str) -> Option<Arc<EphemeralKey>> {
        if !self.shares.load(Ordering::Relaxed) {
            return None;
        }
        for kind in [KeyKind::Ed25519, KeyKind::Rsa] {
            let Ok(Some(held)) = HeldKey::find_running(&self.name(kind, user)).await else { continue };
            let key = Arc::new(self.held(kind, held));
            if key.pushed.is_fresh().await {
                self.prefers_rsa.store(kind == KeyKind::Rsa, Ordering::Relaxed);
                *self.current.lock().await = Some(Arc::clone(&key));
                return Some(key);
            }
        }
        None
    }

    fn held(&self, kind: KeyKind, held: HeldKey) -> EphemeralKey {
        let held = Arc::new(held);
        let line = held.public_line().to_owned();
        EphemeralKey { kind, pushed: self.pushed(line, Some(Arc::clone(&held))), pair: Pair::Held(held) }
    }

    /// Uses another key than this one from now on.
    pub(super) async fn discard(&self, key: &Arc<EphemeralKey>) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, key)) {
            *current = None;
        }
    }

    /// Makes a key of its own for this connection from now on.
    pub(super) async fn stop_sharing(&self) {
        self.shares.store(false, Ordering::Relaxed);
        *self.current.lock().await = None;
    }

    /// Asks a holder for the key; where there is none, makes one.
    async fn find(&self, kind: KeyKind, user: &str, events: &Events) -> EphemeralKey {
        if self.shares.load(Ordering::Relaxed) {
            match HeldKey::find(&self.name(kind, user)).await {
                Ok(held) => return self.held(kind, held),
                Err(error) => events(Event::Step(format!("cannot share a key with other connections: {error}"))),
            }
            self.shares.store(false, Ordering::Relaxed);
        }
        let key = match kind {
            // It takes a tenth of a second or more.
            KeyKind::Rsa => tokio::task::spawn_blocking(Key::ephemeral_rsa).await.expect("making a key does not panic"),
            KeyKind::Ed25519 | KeyKind::None => Key::ephemeral(),
        };
        EphemeralKey { kind, pushed: self.pushed(key.public_line(), None), pair: Pair::Own(Box::new(key)) }
    }

    fn name(&self, kind: KeyKind, user: &str) -> KeyName {
        KeyName {
            instance: self.account.cache_key(&self.instance_id),
            profile: self.account.profile.clone(),
            user: user.to_owned(),
            kind,
            public_key: None,
        }
    }

    fn pushed(&self, line: String, holder: Option<Arc<HeldKey>>) -> PushedKey {
        let fingerprint = keys::fingerprint_of(&line);
        PushedKey::new(self.aws.clone(), &self.instance_id, line, &fingerprint, holder)
    }

    /// Whether the RSA key is used.
    pub(super) fn prefers_rsa(&self) -> bool {
        self.prefers_rsa.load(Ordering::Relaxed)
    }

    /// Uses the RSA key from now on; returns whether that is a change.
    pub(super) fn prefer_rsa(&self) -> bool {
        !self.prefers_rsa.swap(true, Ordering::Relaxed)
    }

    /// Whether a key of the other kind has not been tried and may be taken.
    pub(super) fn has_other_kind(&self) -> bool {
        !self.tried_both.load(Ordering::Relaxed) && (!self.prefers_rsa() || self.by_memory.load(Ordering::Relaxed))
    }

    /// Uses a key of the other kind from now on; returns whether that is RSA.
    pub(super) fn use_other_kind(&self) -> bool {
        self.tried_both.store(true, Ordering::Relaxed);
        !self.prefers_rsa.fetch_not(Ordering::Relaxed)
    }

    /// Has the next connections of this user in some minutes offer an RSA key: this one was denied, for whatever reason.
    pub(super) fn suggest_rsa(&self, user: &str, events: &Events) {
        self.write(RSA_NEXT, self.of_user(user), true, events);
    }

    /// Remembers the kind of key that the instance has taken, if that is news.
    pub(super) fn remember(&self, events: &Events) {
        let is_rsa = self.prefers_rsa();
        if self.stored.swap(is_rsa, Ordering::Relaxed) != is_rsa {
            self.write(RSA_ONLY, self.account.cache_key(&self.instance_id), is_rsa, events);
        }
    }

    fn write(&self, cache: JsonCache<bool>, key: String, value: bool, events: &Events) {
        let events = events.clone();
        write_in_background(move || {
            if let Err(error) = cache.put(&key, value, when::now()) {
                events(Event::Step(format!("cannot cache the kind of key: {error}")));
            }
        });
    }
}
