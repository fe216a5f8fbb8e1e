//! Loads the credentials before the first call, and again when they are about to expire.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use tokio::time::timeout;

use super::provider::Provider;
use crate::aws::error::Error;
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
pub(crate) struct CachedCredentials {
    last: Mutex<Option<Credentials>>,
    /// Where they are from; without it they are not renewed.
    provider: Option<Provider>,
}

impl CachedCredentials {
    /// Loads the first credentials. Only now is the user asked for a code: later a session has the terminal.
    pub(in crate::aws) async fn load(provider: Provider) -> Result<Self, Error> {
        let first = provider.load(true).await?;
        Ok(Self { last: Mutex::new(Some(first)), provider: Some(provider) })
    }

    /// Keeps credentials that nothing renews.
    pub(in crate::aws) fn fixed(credentials: Credentials) -> Self {
        Self { last: Mutex::new(Some(credentials)), provider: None }
    }

    /// Returns the id of the current access key.
    pub(in crate::aws) fn access_key_id(&self) -> String {
        self.last().as_ref().map(|credentials| credentials.access_key_id().to_owned()).unwrap_or_default()
    }

    /// Loads the credentials again, whatever their expiry: they may have been replaced where they come from. The old ones stay if
    /// that fails.
    pub(in crate::aws) async fn renew(&self) {
        let Some(provider) = &self.provider else { return };
        match timeout(RENEWAL_TIMEOUT, provider.load(false)).await {
            Ok(Ok(fresh)) => *self.last() = Some(fresh),
            Ok(Err(error)) => tracing::debug!(%error, "cannot renew the credentials"),
            Err(_) => tracing::debug!("the credentials were not renewed in time"),
        }
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Credentials>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn current(&self) -> Result<Credentials, CredentialsError> {
        let last = self.last().clone();
        let provider = match (&self.provider, &last) {
            (Some(provider), _) => provider,
            (None, Some(last)) => return Ok(last.clone()),
            (None, None) => return Err(CredentialsError::not_loaded_no_source()),
        };
        if let Some(last) =
            last.filter(|last| last.expiry().is_none_or(|end| end > when::system_time() + EXPIRY_MARGIN))
        {
            return Ok(last);
        }
        let last = self.last().clone().filter(|last| last.expiry().is_none_or(|end| end > when::system_time()));
        let fresh = match last {
            // The old credentials are still valid, so do not wait long for a network that may be down.
            Some(last) => match timeout(RENEWAL_TIMEOUT, provider.load(false)).await {
                Ok(Ok(fresh)) => fresh,
                _ => return Ok(last),
            },
            None => provider.load(false).await.map_err(CredentialsError::provider_error)?,
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
