//! `--start` and `--wait`: starts a stopped instance, and waits until it runs and has the requested address.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::Error;
use crate::aws::Aws;
use crate::aws::instances::Query;
use crate::aws::model::{Instance, State};
use crate::config::{AddressKind, Via};
use crate::event::{Event, Events};
use crate::plan::address::addresses;
use crate::settings::Settings;

/// The time limit for the instance to run. Stopping may take minutes, and so may a start after it.
const UP_TIMEOUT: Duration = Duration::from_secs(300);
/// The time that a running instance with only a private address may take to get its public one.
const PUBLIC_ADDRESS_TIMEOUT: Duration = Duration::from_secs(8);
/// The interval between two look-ups.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// The number of consecutive look-ups that may fail: the instance starts whether we see it or not.
const MAX_FAILURES: usize = 3;

/// Starts the instance and waits until it runs and has an address of the kind that the settings name.
pub(super) async fn start(
    aws: &Aws,
    mut instance: Instance,
    settings: &Settings,
    events: &Events,
) -> Result<Instance, Error> {
    let (begun, kind, via) = (Instant::now(), settings.address, settings.via);
    let requested = instance.state == State::Pending;
    let mut progress = Progress { requested, limit: settings.wait.unwrap_or(UP_TIMEOUT), ..Progress::default() };
    let mut left_behind = None;
    loop {
        match progress.judge(&instance, (kind, via), begun.elapsed()) {
            Next::Up => {
                drop(left_behind.map(LeftBehind::forgotten));
                return Ok(instance);
            }
            Next::Start => {
                aws.start(&instance.id).await?;
                progress.requested = true;
                left_behind = Some(LeftBehind::new(&instance.id, events));
            }
            Next::Wait(what) => {
                let text = format!("waiting for {} to {what} ({} s)", instance.id, begun.elapsed().as_secs());
                events(Event::Progress(text));
            }
            Next::GiveUp(awaited) => {
                drop(left_behind.map(LeftBehind::forgotten));
                let (reason, seconds) = (instance.state_reason.clone(), begun.elapsed().as_secs());
                return Err(Error::StartTimeout { instance_id: instance.id, awaited, seconds, reason });
            }
        }
        sleep(POLL_INTERVAL).await;
        match aws.instances(&Query::Id(instance.id.clone())).await {
            Ok(found) => {
                progress.failures = 0;
                // For a moment after the start the look-up may not know the instance; later that means that it is gone.
                match found.into_iter().next() {
                    Some(found) => instance = found,
                    None if progress.seen_starting => instance.state = State::Terminated,
                    None => {}
                }
            }
            Err(error) if progress.failures >= MAX_FAILURES => return Err(error.into()),
            Err(_) => progress.failures += 1,
        }
    }
}

/// Says, when the wait is interrupted, that the instance goes on starting.
struct LeftBehind {
    text: String,
    events: Events,
}

impl LeftBehind {
    fn new(id: &str, events: &Events) -> Self {
        let text = format!("{id} goes on starting. To stop it: aws ec2 stop-instances --instance-ids {id}");
        Self { text, events: Arc::clone(events) }
    }

    /// Says nothing, because the wait has ended: an error or the session says what there is to say.
    fn forgotten(mut self) -> Self {
        self.text.clear();
        self
    }
}

impl Drop for LeftBehind {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            (self.events)(Event::Notice(std::mem::take(&mut self.text)));
        }
    }
}

/// The progress of a start.
#[derive(Debug)]
struct Progress {
    /// The time limit for all of it.
    limit: Duration,
    /// Set once the start was requested.
    requested: bool,
    /// Set once the instance was seen pending or running.
    seen_starting: bool,
    /// When the instance was first seen running, counted from the beginning.
    running_since: Option<Duration>,
    failures: usize,
}

impl Default for Progress {
    fn default() -> Self {
        Self { limit: UP_TIMEOUT, requested: false, seen_starting: false, running_since: None, failures: 0 }
    }
}

/// The next step of a start.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// None: the instance runs and has its address.
    Up,
    /// Request the start of the instance.
    Start,
    /// Look again; the text says what the instance is doing.
    Wait(&'static str),
    /// Give up; the text says what was awaited.
    GiveUp(&'static str),
}

impl Progress {
    /// Decides by the instance as the last look-up showed it.
    fn judge(&mut self, instance: &Instance, (kind, via): (AddressKind, Via), elapsed: Duration) -> Next {
        self.seen_starting |= matches!(instance.state, State::Pending | State::Running);
        match instance.state {
            State::Running => {
                let since = *self.running_since.get_or_insert(elapsed);
                if has_address(instance, kind, via, elapsed - since) {
                    Next::Up
                } else if elapsed > self.limit {
                    Next::GiveUp("get an address")
                } else {
                    Next::Wait("get an address")
                }
            }
            // It started and stopped again: no capacity, a broken volume, a script that shuts it down.
            State::Stopped if self.requested && self.seen_starting => Next::GiveUp("run"),
            State::ShuttingDown | State::Terminated => Next::GiveUp("run"),
            State::Stopped if !self.requested => Next::Start,
            _ if elapsed > self.limit => Next::GiveUp("run"),
            State::Stopping => Next::Wait("finish stopping"),
            _ => Next::Wait("run"),
        }
    }
}

/// Whether the instance has the address that was requested. A stopped instance keeps its private address, so having one proves
/// nothing until it has run for a while.
fn has_address(instance: &Instance, kind: AddressKind, via: Via, running_for: Duration) -> bool {
    match via {
        // Neither an endpoint nor Session Manager needs a public address.
        Via::Eice => return instance.private_ip.is_some() || !instance.ipv6.is_empty(),
        Via::Ssm => return true,
        Via::Auto | Via::Direct => {}
    }
    let wait = kind == AddressKind::Auto && !instance.has_public_address() && running_for < PUBLIC_ADDRESS_TIMEOUT;
    !wait && !addresses(instance, kind).is_empty()
}

#[cfg(test)]
mod tests;
