//! The speculative start: the work begins with the cached look-up while AWS is asked again. If the two agree, the work goes on as
//! if it had begun with the answer; if they do not, it is dropped and begins again.
//!
//! Before the answer it may: read from AWS, push a key, open a tunnel or a Session Manager session, dial, exchange keys with a
//! server whose host key is known. It has to wait at the [`ConfirmGate`] before it: logs in, hands the connection to another
//! process, learns a host key, caches a route. What a user would see or be asked is held back by the [`EventBuffer`], except for
//! the steps of `-v`.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::error::Error;
use crate::aws::AwsPool;
use crate::confirm::ConfirmGate;
use crate::event::{Event, Events};
use crate::find::{self, Located, Search};
use crate::plan::{RoutePlan, plan_route};
use crate::settings::Settings;

/// Loads the clients that the settings name, and makes their look-up.
pub(super) async fn search(pool: &AwsPool, settings: Settings, will_push: bool) -> Result<Search, Error> {
    let aws = Box::pin(pool.get(&settings.access, will_push)).await?;
    Ok(Search { aws, settings: Arc::new(settings) })
}

/// The input of the work: an instance, the plan to reach it, and the gate for irreversible steps.
pub(super) struct Attempt {
    /// The clients and the settings.
    pub search: Search,
    /// The instance as it was found.
    pub located: Located,
    /// The plan to reach it.
    pub plan: RoutePlan,
    /// Open if the look-up is fresh.
    pub confirmed: ConfirmGate,
}

impl Attempt {
    fn new(search: &Search, located: Located, confirmed: ConfirmGate) -> Result<Self, Error> {
        let settings = Arc::new(search.settings.for_instance(&located.instance));
        let plan = plan_route(&settings, located.account.clone(), located.instance.clone())?;
        Ok(Self { search: Search { settings, ..search.clone() }, located, plan, confirmed })
    }
}

/// The result of the speculative work.
enum Speculation<F, T> {
    Running(Pin<Box<F>>),
    Finished(Result<T, Error>),
    Cancelled,
}

impl<F: Future<Output = Result<T, Error>>, T> Speculation<F, T> {
    /// Waits until running work has finished; never resolves otherwise.
    async fn finish(&mut self) {
        match self {
            Self::Running(work) => *self = Self::Finished(work.await),
            Self::Finished(_) | Self::Cancelled => std::future::pending().await,
        }
    }
}

/// Finds the instance and does the work with it, beginning with the cached look-up where there is one.
pub(super) async fn connect_speculatively<T, W>(
    search: Search,
    events: &Events,
    work: impl Fn(Attempt, Events) -> W,
) -> Result<T, Error>
where
    W: Future<Output = Result<T, Error>>,
{
    let (confirmer, gate) = ConfirmGate::closed();
    let Some(cached) = recall(&search, gate) else {
        let located = Box::pin(search.find(events)).await?;
        return work(Attempt::new(&search, located, ConfirmGate::open())?, Arc::clone(events)).await;
    };
    let (cached_plan, buffer) = (cached.plan.clone(), Arc::new(EventBuffer::new(events)));
    events(Event::Step(format!("using the cached look-up of {} while AWS confirms it", cached_plan.instance.id)));
    let mut speculation = Speculation::Running(Box::pin(work(cached, buffer.events())));
    let (prompted, mut prompts) = mpsc::channel(1);
    let prompting = signal_prompts(events, prompted);
    let mut lookup = Box::pin(search.find(&prompting));
    let located = loop {
        tokio::select! {
            located = &mut lookup => break located?,
            () = speculation.finish() => {}
            // A prompt can outlast the server's LoginGraceTime.
            Some(()) = prompts.recv() => speculation = Speculation::Cancelled,
        }
    };
    drop(lookup);
    let fresh = Attempt::new(&search, located, ConfirmGate::open())?;
    if fresh.plan == cached_plan && fresh.located.booting.is_none() {
        match speculation {
            Speculation::Running(work) => {
                confirmer.confirm();
                buffer.release();
                return work.await;
            }
            Speculation::Finished(result) => {
                buffer.release();
                return result;
            }
            Speculation::Cancelled => {}
        }
    } else {
        let id = &fresh.plan.instance.id;
        events(Event::Step(format!("the cached look-up of {} is stale: connecting to {id}", cached_plan.instance.id)));
        // Dropped before the new work begins: it may hold a connection to the same server.
        drop(speculation);
    }
    // Dropping the confirmer also ends every task that still waits for the confirmation; buffered events are discarded.
    drop((confirmer, buffer));
    work(fresh, Arc::clone(events)).await
}

/// Returns the attempt that the cached look-up allows: with a plan, and with a login user that needs no call.
fn recall(search: &Search, gate: ConfirmGate) -> Option<Attempt> {
    let attempt = Attempt::new(search, search.recall()?, gate).ok()?;
    let is_user_known = attempt.search.settings.user.is_some() || find::cached_image(&attempt.located).is_some();
    is_user_known.then_some(attempt)
}

/// Wraps the events so that a question of the look-up is signalled.
fn signal_prompts(events: &Events, prompted: mpsc::Sender<()>) -> Events {
    let events = Arc::clone(events);
    Arc::new(move |event| {
        if matches!(event, Event::Choose { .. } | Event::Start { .. }) {
            let _ = prompted.try_send(());
        }
        events(event);
    })
}

/// Holds events back until the speculation is confirmed. Dropped before, it discards them, which answers no question.
struct EventBuffer {
    /// `None` once released: events pass through.
    held: Mutex<Option<Vec<Event>>>,
    events: Events,
}

impl EventBuffer {
    fn new(events: &Events) -> Self {
        Self { held: Mutex::new(Some(Vec::new())), events: Arc::clone(events) }
    }

    fn events(self: &Arc<Self>) -> Events {
        let buffer = Arc::clone(self);
        Arc::new(move |event| buffer.pass(event))
    }

    fn pass(&self, event: Event) {
        let is_step = matches!(event, Event::Step(_));
        {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Some(held), false) = (held.as_mut(), is_step) {
                return held.push(event);
            }
        }
        (self.events)(event);
    }

    fn release(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        for event in held.into_iter().flatten() {
            (self.events)(event);
        }
    }
}
