//! Finds the one instance that a selector means, with as few calls as the kind of selector allows.

use std::time::Duration;

use tokio::time::timeout;

use super::error::Error;
use super::select::{self, choose, near_misses};
use crate::aws::instances::Query;
use crate::aws::model::{Instance, State};
use crate::aws::{self, Aws};
use crate::event::{Event, Events, ask};
use crate::settings::{Pick, Settings};
use crate::target::Selector;

/// The number of similar names that an error lists.
const MAX_SIMILAR: usize = 5;
/// The time limit for finding similar names: a large account has many pages.
const SIMILAR_TIMEOUT: Duration = Duration::from_secs(5);

/// An instance that was found.
pub(super) enum Found {
    /// The instance is running.
    Running(Instance),
    /// The instance is running, and the user chose it among several.
    Chosen(Instance),
    /// The instance is not running; it may be started, or it is starting.
    NotYet(Instance),
}

/// The treatment of an instance that does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnStopped {
    /// An error says that it does not run.
    Refuse,
    /// The user is asked whether to start it.
    Ask,
    /// The instance is taken as it is.
    Accept,
}

/// Returns the one instance that the selector matches, whatever its state.
///
/// # Errors
/// None or several match, or AWS cannot be asked.
pub(crate) async fn single(aws: &Aws, selector: &Selector) -> Result<Instance, Error> {
    match choose(selector, None, aws.search(selector, |_| ()).await?, Pick::Only) {
        Ok(instance) => Ok(instance),
        Err(select::Error::NotRunning(instance)) => Ok(*instance),
        Err(select::Error::None) => Err(not_found(aws, selector).await),
        Err(select::Error::Several(candidates)) => {
            Err(Error::Ambiguous { target: selector.to_string(), candidates, shown: false })
        }
    }
}

/// Finds the instance. The user is asked which of several, and where `stopped` says so whether a stopped one may be started.
pub(super) async fn find(aws: &Aws, settings: &Settings, stopped: OnStopped, events: &Events) -> Result<Found, Error> {
    let waits = settings.wait.is_some();
    let selector = &settings.target.selector;
    let target = selector.to_string();
    let on_page = |count| events(Event::Progress(format!("looking for {target}: {count} found so far")));
    let found = aws.search(selector, on_page).await?;
    let whole_name = settings.target.whole_name();
    match choose(selector, whole_name.as_deref(), found, settings.pick) {
        Ok(instance) => {
            events(Event::Step(format!("found {} in {}", instance.id, aws.account().region)));
            Ok(Found::Running(instance))
        }
        Err(select::Error::None) => Err(not_found(aws, selector).await),
        Err(select::Error::NotRunning(instance)) => may_start(*instance, target, (stopped, waits), events).await,
        Err(select::Error::Several(candidates)) => {
            let shown = candidates.clone();
            let answer = ask(events, |reply| Event::Choose { candidates: shown, reply }).await;
            let was_shown = answer.is_some();
            match answer.flatten().and_then(|index| candidates.get(index)).cloned() {
                Some(chosen) if chosen.state == State::Running => Ok(Found::Chosen(chosen)),
                Some(chosen) => may_start(chosen, target, (stopped, waits), events).await,
                None => Err(Error::Ambiguous { target, candidates, shown: was_shown }),
            }
        }
    }
}

async fn may_start(
    instance: Instance,
    target: String,
    (stopped, waits): (OnStopped, bool),
    events: &Events,
) -> Result<Found, Error> {
    let not_running = |instance| Err(Error::NotRunning { target, instance: Box::new(instance) });
    match (instance.state, stopped) {
        // A pending instance is starting already: there is nothing to ask.
        (State::Pending, _) if waits || stopped != OnStopped::Refuse => Ok(Found::NotYet(instance)),
        (State::Stopped | State::Stopping, OnStopped::Accept) => Ok(Found::NotYet(instance)),
        (State::Stopped | State::Stopping, OnStopped::Ask) => {
            let shown = Box::new(instance.clone());
            match ask(events, |reply| Event::Start { instance: shown, reply }).await {
                Some(true) => Ok(Found::NotYet(instance)),
                _ => not_running(instance),
            }
        }
        _ => not_running(instance),
    }
}

/// Returns the error for no match. For a name, all are read to find similar ones; if that fails or takes long, there are none.
async fn not_found(aws: &Aws, selector: &Selector) -> Error {
    let similar = match selector {
        Selector::Name(name) => timeout(SIMILAR_TIMEOUT, similar_names(aws, name)).await,
        _ => Ok(Ok(Vec::new())),
    };
    let similar = similar.ok().and_then(Result::ok).unwrap_or_default();
    Error::NotFound { target: selector.to_string(), account: aws.account().clone(), similar }
}

async fn similar_names(aws: &Aws, name: &str) -> Result<Vec<String>, aws::Error> {
    Ok(near_misses(name, &aws.instances(&Query::all()).await?, MAX_SIMILAR))
}
