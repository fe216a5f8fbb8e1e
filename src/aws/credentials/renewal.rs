//! Loads the credentials before the first call, and again when they are about to expire.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use tokio::time::timeout;

use crate::when;

/// The remaining lifetime below which credentials are renewed. It allows for the duration of a call and for clock skew.
const EXPIRY_MARGIN: Duration = Duration::from_secs(120);
/// The timeout of a renewal while the old credentials are still valid.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(3);

/// Caches credentials that are loaded before the first call and renewed when they are about to expire.
///
/// Loading them within a call would put them under its timeout and its retries, but a `credential_process` that waits
/// for a user to enter a token takes longer than any response from AWS. In a run of several minutes (after `--start`,
/// or for a resumed session) they expire and are renewed within the call that needs them.
#[derive(Debug)]
pub(super) struct CachedCredentials {
    last: Mutex<Option<Credentials>>,
    chain: DefaultCredentialsChain,
}

impl CachedCredentials {
    /// Loads the first credentials from the provider chain.
    pub(super) async fn load(chain: DefaultCredentialsChain) -> Result<Self, CredentialsError> {
        let first = chain.provide_credentials().await?;
        Ok(Self { last: Mutex::new(Some(first)), chain })
    }

    /// Returns the id of the current access key.
    pub(super) fn access_key_id(&self) -> String {
        self.last().as_ref().map(|credentials| credentials.access_key_id().to_owned()).unwrap_or_default()
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Credentials>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn current(&self) -> Result<Credentials, CredentialsError> {
        let last = self.last().clone();
        if let Some(last) =
            last.filter(|last| last.expiry().is_none_or(|end| end > when::system_time() + EXPIRY_MARGIN))
        {
            return Ok(last);
        }
        let last = self.last().clone().filter(|last| last.expiry().is_none_or(|end| end > when::system_time()));
        let fresh = match last {
            // The old credentials are still valid, so do not wait long for a network that may be down.
            Some(last) => match timeout(RENEWAL_TIMEOUT, self.chain.provide_credentials()).await {
                Ok(Ok(fresh)) => fresh,
                _ => return Ok(last),
            },
            None => self.chain.provide_credentials().await?,
        };
        *self.last() = Some(fresh.clone());
        Ok(fresh)
    }
}

impl ProvideCredentials for CachedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.current())
    }
}
