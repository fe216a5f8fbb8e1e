//! Going ahead: the work that an instance is wanted for begins with what is remembered of it, while AWS is asked what it is
//! now. Where the two agree, the work goes on as if it had been begun with the answer; where they do not, it is dropped and
//! begun anew.
//!
//! What may be done before the answer: read of AWS, push a key, have a tunnel or a session of Session Manager opened,
//! dial, exchange keys with a server whose host key is known. What waits for it ([`Confirmation`]): to log in, to hand the
//! connection to anybody, to learn a host key, to remember a route or a suspicion; and whatever a person would see or be
//! asked (`Gate`), but for the steps of `-v`.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::resolve::{Resolved, Search};
use super::{Error, Event, Events};
use crate::confirmation::Confirmation;

/// Finds the instance and does the work with it, ahead of the answer where it is remembered.
pub async fn find_and<T, W>(search: Search, events: &Events, work: impl Fn(Resolved, Events) -> W) -> Result<T, Error>
where
    W: Future<Output = Result<T, Error>>,
{
    let Some(remembered) = search.recall().and_then(|found| search.plan(found).ok()) else {
        let found = Box::pin(search.find(events)).await?;
        return work(search.planned(found, events)?, Arc::clone(events)).await;
    };
    let (plan, gate) = (remembered.plan.clone(), Arc::new(Gate::new(events)));
    let id = plan.instance.id.clone();
    let (confirmer, confirmed) = Confirmation::awaited();
    let mut begun = Some(Box::pin(work(Resolved { confirmed, ..remembered }, gate.events())));
    events(Event::Step(format!("going ahead with {id}, as it was last time")));
    let (asked, mut is_asked) = mpsc::channel(1);
    let noting = noting_questions(events, asked);
    let mut look_up = Box::pin(search.find(&noting));
    let mut failed = None;
    let found = loop {
        tokio::select! {
            found = &mut look_up => break found?,
            // It waits for the confirmation before it can succeed.
            ended = async { begun.as_mut().expect("it is there").await }, if begun.is_some() => {
                (begun, failed) = (None, Some(ended));
            }
            // A person takes his time, which no server gives to who does not log in.
            Some(()) = is_asked.recv() => (begun, failed) = (None, None),
        }
    };
    drop(look_up);
    let resolved = search.planned(found, events)?;
    if resolved.plan == plan && !resolved.just_started {
        if let Some(begun) = begun {
            confirmer.confirm();
            gate.open();
            return begun.await;
        }
        if let Some(failed) = failed {
            gate.open();
            return failed;
        }
        // A person was asked: what went ahead is gone, and what it had to say.
        drop((confirmer, gate));
        return work(resolved, Arc::clone(events)).await;
    }
    // The confirmation that will not come, too: whatever still waits for it ends.
    drop((begun, failed, confirmer, gate));
    events(Event::Step(format!(
        "{id} is not what it was last time: beginning anew with {}",
        resolved.plan.instance.id
    )));
    work(resolved, Arc::clone(events)).await
}

/// These events; that one of them asks a person something is told.
fn noting_questions(events: &Events, asked: mpsc::Sender<()>) -> Events {
    let events = Arc::clone(events);
    Arc::new(move |event| {
        if matches!(event, Event::Choose { .. } | Event::Start { .. }) {
            let _ = asked.try_send(());
        }
        events(event);
    })
}

/// Holds events back until it is known that they mean something. Dropped unopened, it answers nobody.
struct Gate {
    /// `None`: it is open.
    held: Mutex<Option<Vec<Event>>>,
    beyond: Events,
}

impl Gate {
    fn new(beyond: &Events) -> Self {
        Self { held: Mutex::new(Some(Vec::new())), beyond: Arc::clone(beyond) }
    }

    fn events(self: &Arc<Self>) -> Events {
        let gate = Arc::clone(self);
        Arc::new(move |event| gate.pass(event))
    }

    fn pass(&self, event: Event) {
        let is_step = matches!(event, Event::Step(_) | Event::Ssh(crate::ssh::Event::Step(_)));
        {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Some(held), false) = (held.as_mut(), is_step) {
                return held.push(event);
            }
        }
        (self.beyond)(event);
    }

    fn open(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        for event in held.into_iter().flatten() {
            (self.beyond)(event);
        }
    }
}
