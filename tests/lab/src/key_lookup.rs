//! How long an instance takes to look up the pushed keys. Its AuthorizedKeysCommand checks each key that was pushed in the last minute
//! with programs that use the processor, so look-ups at the same time share the instance's cores; after 5 seconds it is stopped.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::lock;
use crate::state::State;

/// The time limit of EC2 Instance Connect's script (eic_run_authorized_keys).
const LIMIT: Duration = Duration::from_secs(5);
/// The longest time for which a look-up has a core before another one gets it.
const SLICE: Duration = Duration::from_millis(50);

/// The cost of a look-up.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyLookup {
    /// The time of a look-up without keys.
    pub base: Duration,
    /// The further time for each key.
    pub per_key: Duration,
    /// The instance's cores; `None` for as many as there are look-ups.
    pub cores: Option<Arc<Semaphore>>,
}

impl KeyLookup {
    /// A look-up that costs what it does on an instance with two cores: 0.19 s for one key, of which the key takes 50 ms.
    pub(crate) fn real() -> Self {
        let cores = Some(Arc::new(Semaphore::new(2)));
        Self { base: Duration::from_millis(140), per_key: Duration::from_millis(50), cores }
    }

    async fn run(&self, keys: usize) {
        let mut left = self.base + self.per_key * u32::try_from(keys).unwrap_or(u32::MAX);
        while !left.is_zero() {
            let core = match &self.cores {
                Some(cores) => Some(cores.acquire().await.expect("it is never closed")),
                None => None,
            };
            let slice = if core.is_some() { left.min(SLICE) } else { left };
            sleep(slice).await;
            left -= slice;
        }
    }
}

/// Returns the keys that the instance gives its sshd for this user: none if the look-up was stopped.
pub(crate) async fn look_up(state: &Mutex<State>, instance_id: &str, user: &str) -> Vec<String> {
    let (lookup, keys) = {
        let mut state = lock(state);
        state.key_lookups += 1;
        (state.key_lookup.clone(), state.pushed_keys(instance_id, user))
    };
    match timeout(LIMIT, lookup.run(keys.len())).await {
        Ok(()) => keys,
        Err(_) => Vec::new(),
    }
}
