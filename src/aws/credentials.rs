//! The credentials: loaded before the first call, and again when they are about to expire.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};

/// Credentials that expire sooner are loaded anew: a call takes its time, and so does a clock that is a little off.
const LEFT: Duration = Duration::from_secs(120);

/// Credentials that were loaded before the first call. Loaded within a call they are under its time limit, and tried again
/// with it: a `credential_process` that waits for a person's token takes longer than any answer of AWS. In a run of minutes
/// (after `--start`, for a session that is resumed) they expire, and are loaded again within the call that needs them.
#[derive(Debug)]
pub struct Prefetched {
    last: Mutex<Option<Credentials>>,
    chain: DefaultCredentialsChain,
}

impl Prefetched {
    /// Loads them.
    pub async fn load(chain: DefaultCredentialsChain) -> Result<Self, CredentialsError> {
        let first = chain.provide_credentials().await?;
        Ok(Self { last: Mutex::new(Some(first)), chain })
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Credentials>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn current(&self) -> Result<Credentials, CredentialsError> {
        let last = self.last().clone();
        if let Some(last) = last.filter(|last| last.expiry().is_none_or(|end| end > SystemTime::now() + LEFT)) {
            return Ok(last);
        }
        let last = self.last().clone().filter(|last| last.expiry().is_none_or(|end| end > SystemTime::now()));
        match (self.chain.provide_credentials().await, last) {
            (Ok(fresh), _) => {
                *self.last() = Some(fresh.clone());
                Ok(fresh)
            }
            // They are good for a moment still.
            (Err(_), Some(last)) => Ok(last),
            (Err(error), None) => Err(error),
        }
    }
}

impl ProvideCredentials for Prefetched {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.current())
    }
}
