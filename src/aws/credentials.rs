//! The credentials: loaded before the first call, and again when they are about to expire.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use tokio::time::timeout;

/// Credentials that expire sooner are loaded anew: a call takes its time, and so does a clock that is a little off.
const LEFT: Duration = Duration::from_secs(120);
/// For new ones while the old ones are good.
const RENEWAL: Duration = Duration::from_secs(3);

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
        let fresh = match last {
            // They are good for a moment still: that is no time to wait for a network that is gone.
            Some(last) => match timeout(RENEWAL, self.chain.provide_credentials()).await {
                Ok(Ok(fresh)) => fresh,
                _ => return Ok(last),
            },
            None => self.chain.provide_credentials().await?,
        };
        *self.last() = Some(fresh.clone());
        Ok(fresh)
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
