//! `--start`: starts a stopped instance and waits until it runs, has the address asked for, and answers on its SSH port.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::reach::FailedRoute;
use super::{Error, Event, Events};
use crate::aws::Aws;
use crate::aws::instances::Query;
use crate::aws::model::{Instance, State};
use crate::config::{AddressKind, Via};
use crate::plan::addresses;
use crate::ssh;

/// Stopping may take minutes, and so may a start after it.
const UP_WITHIN: Duration = Duration::from_secs(300);
/// From running to an sshd that lets us in.
const SSH_WITHIN: Duration = Duration::from_secs(180);
/// A machine that boots lets nobody in before its users and Instance Connect are there; after that a no is a no.
const LET_IN_WITHIN: Duration = Duration::from_secs(40);
/// A running instance that has a private address only may get its public one a moment later.
const PUBLIC_WITHIN: Duration = Duration::from_secs(8);
/// Between two look-ups.
pub const POLL: Duration = Duration::from_secs(2);
/// One round of dialling while the instance boots; nobody may be there to refuse.
pub(super) const ROUND: Duration = Duration::from_secs(5);
/// Look-ups in a row that may fail while we wait: the instance starts whether we see it or not.
const FAILURES: usize = 3;

/// Starts the instance and waits until it runs and has an address of this kind.
pub(super) async fn start(
    aws: &Aws,
    mut instance: Instance,
    (kind, via): (AddressKind, Via),
    events: &Events,
) -> Result<Instance, Error> {
    let begun = Instant::now();
    let mut progress = Progress { asked: instance.state == State::Pending, ..Progress::default() };
    loop {
        match progress.judge(&instance, (kind, via), begun.elapsed()) {
            Next::Up => return Ok(instance),
            Next::Start => {
                aws.start(&instance.id).await?;
                progress.asked = true;
            }
            Next::Wait(what) => {
                let text = format!("{} is {what} ({} s)", instance.id, begun.elapsed().as_secs());
                events(Event::Progress(text));
            }
            Next::GiveUp(waited_for) => {
                let (reason, seconds) = (instance.state_reason.clone(), begun.elapsed().as_secs());
                return Err(Error::NotUp { instance_id: instance.id, waited_for, seconds, reason });
            }
        }
        sleep(POLL).await;
        match aws.instances(&Query::Id(instance.id.clone())).await {
            Ok(now) => {
                progress.failures = 0;
                // For a moment after the start the look-up may not know the instance; later that means that it is gone.
                match now.into_iter().next() {
                    Some(now) => instance = now,
                    None if progress.seen_starting => instance.state = State::Terminated,
                    None => {}
                }
            }
            Err(error) if progress.failures >= FAILURES => return Err(error.into()),
            Err(_) => progress.failures += 1,
        }
    }
}

/// How far a start has come.
#[derive(Debug, Default)]
pub struct Progress {
    /// The start has been asked for.
    pub asked: bool,
    /// It was seen on its way up.
    seen_starting: bool,
    /// When it was first seen running, counted from the beginning.
    running_since: Option<Duration>,
    failures: usize,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// It runs and has its address.
    Up,
    /// Ask for the start.
    Start,
    /// Look again; what it is doing.
    Wait(&'static str),
    /// It will not come; what was waited for.
    GiveUp(&'static str),
}

impl Progress {
    /// Judges what a look-up showed. Pure but for what it remembers.
    pub fn judge(&mut self, instance: &Instance, (kind, via): (AddressKind, Via), elapsed: Duration) -> Next {
        self.seen_starting |= matches!(instance.state, State::Pending | State::Running);
        match instance.state {
            State::Running => {
                let since = *self.running_since.get_or_insert(elapsed);
                if has_address(instance, kind, via, elapsed - since) {
                    Next::Up
                } else if elapsed > UP_WITHIN {
                    Next::GiveUp("an address")
                } else {
                    Next::Wait("running, waiting for its address")
                }
            }
            // It came up and went down again: no capacity, a broken volume, a script that shuts it down.
            State::Stopped if self.asked && self.seen_starting => Next::GiveUp("the state 'running'"),
            State::ShuttingDown | State::Terminated => Next::GiveUp("the state 'running'"),
            State::Stopped if !self.asked => Next::Start,
            _ if elapsed > UP_WITHIN => Next::GiveUp("the state 'running'"),
            State::Stopping => Next::Wait("still stopping, waiting to start it"),
            _ => Next::Wait("starting, waiting for it to run"),
        }
    }
}

/// A stopped instance keeps its private address: to have one says nothing until it has run for a while.
fn has_address(instance: &Instance, kind: AddressKind, via: Via, running_for: Duration) -> bool {
    match via {
        // Neither an endpoint nor Session Manager needs a public one.
        Via::Eice => return instance.private_ip.is_some() || !instance.ipv6.is_empty(),
        Via::Ssm => return true,
        Via::Auto | Via::Direct => {}
    }
    let wait = kind == AddressKind::Auto && !instance.has_public_address() && running_for < PUBLIC_WITHIN;
    !wait && !addresses(instance, kind).is_empty()
}

/// Whether a machine that has just been started may be reached yet, after a round in which it was not.
pub(super) fn may_come_up(tried: &[FailedRoute], waited: Duration) -> bool {
    waited <= SSH_WITHIN && tried.iter().any(|tried| tried.route_error.is_transient())
}

/// Whether a connection to a machine that has just been started is worth another try after this error. Its patience with a
/// denial counts from the first one, which is noted.
pub(super) fn still_booting(error: &Error, begun: std::time::Instant, denied: &mut Option<std::time::Instant>) -> bool {
    use ssh::Error::{ClosedEarly, HandshakeTimeout, Lost};
    match error {
        Error::Denied { .. } => denied.get_or_insert_with(std::time::Instant::now).elapsed() < LET_IN_WITHIN,
        Error::Ssh { source, .. } => {
            begun.elapsed() < SSH_WITHIN && matches!(**source, ClosedEarly { .. } | HandshakeTimeout { .. } | Lost(_))
        }
        _ => false,
    }
}
