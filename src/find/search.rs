//! [`Search`]: the look-up of one connection, by AWS or from the cache.

use std::sync::Arc;

use tokio::time::Instant;

use super::error::Error;
use super::located::Located;
use super::lookup::OnStopped;
use super::{lookup, lookup_cache, start};
use crate::aws::Aws;
use crate::aws::model::Instance;
use crate::boot::Booting;
use crate::event::{Event, Events};
use crate::settings::Settings;
use crate::store::background::write_in_background;

/// A look-up: where to ask, and what for.
#[derive(Clone)]
pub(crate) struct Search {
    /// The clients of the account and region to search.
    pub aws: Aws,
    /// The settings of the connection.
    pub settings: Arc<Settings>,
}

impl Search {
    /// Asks AWS, and the user where there is something to ask; starts a stopped instance when that was asked for, and waits for one
    /// that is starting.
    ///
    /// # Errors
    /// No instance, several, or one that does not run.
    pub(crate) async fn find(&self, events: &Events) -> Result<Located, Error> {
        let stopped = if self.settings.start { OnStopped::Ask } else { OnStopped::Refuse };
        let found = lookup::find(&self.aws, &self.settings, stopped, events).await?;
        // The user may have taken a while for the answers.
        let waited = self.settings.wait.map(|limit| Booting::until(Instant::now() + limit));
        Ok(match found {
            lookup::Found::Running(instance) => {
                self.cache(&instance, events);
                self.located(instance, waited)
            }
            // An ambiguous name that was resolved by a prompt is not cached: the next run must ask again.
            lookup::Found::Chosen(instance) => self.located(instance, waited),
            lookup::Found::NotYet(instance) => {
                let settings = self.settings.for_instance(&instance);
                let running = start::start(&self.aws, instance, &settings, events).await?;
                let patience = Booting::after_start();
                self.located(running, Some(waited.map_or(patience, |waited| waited.or_longer(patience))))
            }
        })
    }

    /// Finds the instance as [`Self::find`] does, and starts nothing: a stopped one is returned as it is where it would be started.
    ///
    /// # Errors
    /// As for [`Self::find`].
    pub(crate) async fn find_only(&self, events: &Events) -> Result<Located, Error> {
        let stopped = if self.settings.start { OnStopped::Accept } else { OnStopped::Refuse };
        let found = lookup::find(&self.aws, &self.settings, stopped, events).await?;
        if let lookup::Found::Running(instance) = &found {
            self.cache(instance, events);
        }
        let (lookup::Found::Running(instance) | lookup::Found::Chosen(instance) | lookup::Found::NotYet(instance)) =
            found;
        Ok(self.located(instance, None))
    }

    /// Returns the result of the last look-up from the cache, without a call. An instance that is waited for may not be as it was.
    pub(crate) fn recall(&self) -> Option<Located> {
        if self.settings.wait.is_some() {
            return None;
        }
        let instance = lookup_cache::get(&lookup_cache::key(self.aws.account(), &self.settings))?;
        Some(self.located(instance, None))
    }

    fn located(&self, instance: Instance, booting: Option<Booting>) -> Located {
        Located { account: self.aws.account().clone(), instance, booting }
    }

    /// Stores the result for the next run, in the background.
    fn cache(&self, instance: &Instance, events: &Events) {
        if !self.aws.account().confirms_owner(instance) {
            events(Event::Step(format!(
                "not caching {}: the instance belongs to another AWS account than the credentials",
                instance.id
            )));
            return;
        }
        let key = lookup_cache::key(self.aws.account(), &self.settings);
        if lookup_cache::is_current(&key, instance) {
            return;
        }
        let (instance, events) = (instance.clone(), Arc::clone(events));
        write_in_background(move || {
            if let Err(error) = lookup_cache::put(&key, &instance) {
                events(Event::Step(format!("cannot cache {}: {error}", instance.id)));
            }
        });
    }
}
