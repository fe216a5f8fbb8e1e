//! [`Search`]: the look-up of one connection, by AWS or from the cache.

use std::sync::Arc;

use super::error::Error;
use super::located::Located;
use super::{lookup, lookup_cache, start};
use crate::aws::Aws;
use crate::aws::model::Instance;
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
    /// Asks AWS, and the user where there is something to ask; starts a stopped instance when that was asked for.
    ///
    /// # Errors
    /// No instance, several, or one that does not run.
    pub(crate) async fn find(&self, events: &Events) -> Result<Located, Error> {
        let (instance, just_started) = match lookup::find(&self.aws, &self.settings, events).await? {
            lookup::Found::Running(instance) => {
                self.cache(&instance, events);
                (instance, false)
            }
            // An ambiguous name that was resolved by a prompt is not cached: the next run must ask again.
            lookup::Found::Chosen(instance) => (instance, false),
            lookup::Found::Stopped(instance) => {
                let wanted = (self.settings.address, self.settings.via);
                (start::start(&self.aws, instance, wanted, events).await?, true)
            }
        };
        Ok(self.located(instance, just_started))
    }

    /// Returns the result of the last look-up from the cache, without a call.
    pub(crate) fn recall(&self) -> Option<Located> {
        let instance = lookup_cache::get(&lookup_cache::key(self.aws.account(), &self.settings))?;
        Some(self.located(instance, false))
    }

    fn located(&self, instance: Instance, just_started: bool) -> Located {
        Located { account: self.aws.account().clone(), instance, just_started }
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
