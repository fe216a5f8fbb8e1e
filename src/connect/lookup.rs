//! Finds the one instance that is meant, with as few calls as the way of naming allows.

use super::{Error, Event, Events, Wish, ask};
use crate::aws::instances::Query;
use crate::aws::model::{Instance, State};
use crate::aws::{self, Aws};
use crate::select::{self, Pick, choose, near_misses};
use crate::target::Selector;

/// How many near misses are shown.
const NEAR: usize = 5;

/// What was found.
pub enum Found {
    /// It runs.
    Running(Instance),
    /// It runs, and a person chose it among several.
    Chosen(Instance),
    /// It does not, and may be started.
    Stopped(Instance),
}

/// The one that `selector` names, whatever its state.
pub async fn single(aws: &Aws, selector: &Selector) -> Result<Instance, Error> {
    match choose(selector, aws.search(selector).await?, Pick::Only) {
        Ok(instance) => Ok(instance),
        Err(select::Error::NotRunning(instance)) => Ok(*instance),
        Err(select::Error::None) => Err(not_found(aws, selector).await),
        Err(select::Error::Several(candidates)) => {
            Err(Error::Several { typed: selector.to_string(), candidates, seen: false })
        }
    }
}

/// Finds it. A person at a terminal is asked which of several, and whether a stopped one may be started.
pub async fn find(aws: &Aws, wish: &Wish, events: &Events) -> Result<Found, Error> {
    let (selector, pick, start) = (&wish.request.target.selector, wish.pick, wish.start);
    let found = aws.search(selector).await?;
    let typed = selector.to_string();
    match choose(selector, found, pick) {
        Ok(instance) => {
            events(Event::Step(format!("found {} in {}", instance.id, aws.account().region)));
            Ok(Found::Running(instance))
        }
        Err(select::Error::None) => Err(not_found(aws, selector).await),
        Err(select::Error::NotRunning(instance)) => may_start(*instance, typed, start, events).await,
        Err(select::Error::Several(candidates)) => {
            let shown = candidates.clone();
            let answer = ask(events, |reply| Event::Choose { candidates: shown, reply }).await;
            let seen = answer.is_some();
            match answer.flatten().and_then(|index| candidates.get(index)).cloned() {
                Some(chosen) if chosen.state == State::Running => Ok(Found::Chosen(chosen)),
                Some(chosen) => may_start(chosen, typed, start, events).await,
                None => Err(Error::Several { typed, candidates, seen }),
            }
        }
    }
}

async fn may_start(instance: Instance, typed: String, start: bool, events: &Events) -> Result<Found, Error> {
    let can_start = matches!(instance.state, State::Stopped | State::Stopping | State::Pending);
    if !can_start || !start {
        return Err(Error::NotRunning { typed, instance: Box::new(instance) });
    }
    // One that is pending starts already: there is nothing to ask.
    if instance.state != State::Pending {
        let shown = Box::new(instance.clone());
        if ask(events, |reply| Event::Start { instance: shown, reply }).await != Some(true) {
            return Err(Error::NotRunning { typed, instance: Box::new(instance) });
        }
    }
    Ok(Found::Stopped(instance))
}

/// The error for no match. For a name one more call looks for near misses; that it fails changes nothing.
async fn not_found(aws: &Aws, selector: &Selector) -> Error {
    let near = match selector {
        Selector::Name(name) => names_near(aws, name).await.unwrap_or_default(),
        _ => Vec::new(),
    };
    Error::NotFound { typed: selector.to_string(), account: aws.account().clone(), near }
}

async fn names_near(aws: &Aws, name: &str) -> Result<Vec<String>, aws::Error> {
    Ok(near_misses(name, &aws.instances(&Query::all()).await?, NEAR))
}
