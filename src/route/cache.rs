//! The route by which an instance was reached last; the next connection begins with it. An entry expires after a day
//! even if the route keeps working, because a shorter one may be available by then, for example over a VPN. The cache
//! also records that another machine answers at the private address.

use std::io;

use serde::{Deserialize, Serialize};

use crate::aws::model::Account;
use crate::plan::order::Route;
use crate::store::cache::{Entry, JsonCache};
use crate::when;

/// The time after which the routes are probed again: one day, in seconds.
const MAX_AGE: i64 = 24 * 60 * 60;
const MAX_ENTRIES: usize = 1000;
const CACHE: JsonCache<CachedRoute> = JsonCache::new("routes.json", MAX_AGE, MAX_ENTRIES);

/// The cached facts about an instance's routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CachedRoute {
    /// The route that worked last, if any did.
    pub route: Option<Route>,
    /// Set when another machine answers at the instance's private address.
    pub direct_is_foreign: bool,
}

/// Returns what is cached about the instance.
pub(super) fn get(account: &Account, instance_id: &str) -> CachedRoute {
    CACHE.get(&account.cache_key(instance_id), when::now()).unwrap_or_default()
}

/// Caches that this route worked. The default route needs no entry, unless there is another one already.
pub(super) fn put(account: &Account, instance_id: &str, route: Route, is_default: bool) -> io::Result<()> {
    update(account, instance_id, |cached| match cached {
        None if is_default => None,
        Some(cached) if cached.route == Some(route) => None,
        cached => Some(CachedRoute { route: Some(route), ..cached.unwrap_or_default() }),
    })
}

/// Caches that another machine answers at the instance's private address.
pub(super) fn put_direct_is_foreign(account: &Account, instance_id: &str) -> io::Result<()> {
    update(account, instance_id, |cached| match cached {
        Some(cached) if cached.direct_is_foreign => None,
        cached => {
            let route = cached.and_then(|cached| cached.route).filter(|route| *route != Route::Direct);
            Some(CachedRoute { route, direct_is_foreign: true })
        }
    })
}

fn update(
    account: &Account,
    instance_id: &str,
    change: impl Fn(Option<CachedRoute>) -> Option<CachedRoute>,
) -> io::Result<()> {
    let now = when::now();
    CACHE.update(&account.cache_key(instance_id), now, |old: Option<Entry<CachedRoute>>| {
        let value = change(old.as_ref().map(|old| old.value))?;
        // Whether the private address is foreign is found out again after a day, whatever was learned meanwhile.
        let at = old.filter(|old| old.value.direct_is_foreign).map_or(now, |old| old.at);
        Some(Entry { at, value })
    })
}
