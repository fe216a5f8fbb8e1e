//! The decisions of `--start` after each look-up, as pure tables.

use super::{Next, POLL_INTERVAL, Progress};
use crate::aws::model::{Instance, State};
use crate::config::{AddressKind, Via};

fn seen(state: State, public: bool) -> Instance {
    let private_ip = Some("10.0.0.7".parse().unwrap());
    let public_ip = public.then(|| "54.1.2.3".parse().unwrap());
    Instance { state, private_ip, public_ip, ..Instance::default() }
}

/// Returns the decision after each of these look-ups, which are `POLL_INTERVAL` apart.
fn decisions(kind: AddressKind, lookups: &[(State, bool)]) -> Vec<Next> {
    let mut progress = Progress::default();
    let steps = lookups.iter().enumerate().map(|(index, (state, public))| {
        let elapsed = POLL_INTERVAL * u32::try_from(index).unwrap();
        let next = progress.judge(&seen(*state, *public), (kind, Via::Auto), elapsed);
        progress.requested |= next == Next::Start;
        next
    });
    steps.collect()
}

/// A stopped instance keeps its private address, so `--start` waits a while for the public one.
#[test]
fn kept_private_address_does_not_end_waiting() {
    use State::{Pending, Running, Stopped};
    let lookups = [(Stopped, false), (Stopped, false), (Pending, false), (Running, false), (Running, true)];
    let expected = [Next::Start, Next::Wait("run"), Next::Wait("run"), Next::Wait("get an address"), Next::Up];
    assert_eq!(decisions(AddressKind::Auto, &lookups), expected);
    assert_eq!(decisions(AddressKind::Public, &lookups)[3..], expected[3..]);
    // The private address counts at once when it was asked for.
    assert_eq!(decisions(AddressKind::Private, &lookups)[3], Next::Up);
    // An instance that never gets a public address is used without one, a little later.
    let lookups = [(Running, false); 6];
    let next = decisions(AddressKind::Auto, &lookups);
    assert_eq!((&next[3], &next[4]), (&Next::Wait("get an address"), &Next::Up));
}

#[test]
fn instance_that_stops_again_fails_at_once() {
    use State::{Pending, Stopped, Stopping};
    let lookups = [(Stopping, false), (Stopped, false), (Pending, false), (Stopped, false)];
    let next = decisions(AddressKind::Auto, &lookups);
    assert_eq!(next[0], Next::Wait("finish stopping"));
    assert_eq!(next[1], Next::Start);
    assert_eq!(next[3], Next::GiveUp("run"));
    let next = decisions(AddressKind::Auto, &[(Pending, false), (State::Terminated, false)]);
    assert_eq!(next[1], Next::GiveUp("run"));
}
