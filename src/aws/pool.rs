//! The clients by profile and region, loaded once each.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, OnceCell};

use super::clients::Aws;
use super::credentials::Interaction;
use super::error::Error;
use super::model::Access;

/// Clients that were loaded already. Clones of a client share its connections and credentials.
#[derive(Debug)]
pub(crate) struct AwsPool {
    interaction: Interaction,
    clients: Mutex<HashMap<Access, Arc<OnceCell<Aws>>>>,
}

impl AwsPool {
    /// Makes an empty pool; `interaction` is how the user is asked while credentials are loaded.
    pub(crate) fn new(interaction: Interaction) -> Self {
        Self { interaction, clients: Mutex::default() }
    }

    /// Makes an empty pool like this one, whose credentials are loaded afresh.
    #[must_use]
    pub(crate) fn fresh(&self) -> Self {
        Self::new(self.interaction.clone())
    }

    /// Returns the clients for a profile and region. The first call loads the credentials and opens connections early: to EC2,
    /// and to EC2 Instance Connect if a key will be pushed.
    ///
    /// # Errors
    /// No region, no such profile, or no usable credentials.
    pub(crate) async fn get(&self, access: &Access, will_push: bool) -> Result<Aws, Error> {
        let cell = Arc::clone(self.clients.lock().await.entry(access.clone()).or_default());
        Ok(cell.get_or_try_init(|| Aws::load(access, will_push, &self.interaction)).await?.clone())
    }
}
