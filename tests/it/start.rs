//! The course of a `--start`, look-up by look-up: pure.

use ec2ssh::aws::model::{Instance, State};
use ec2ssh::config::{AddressKind, Via};
use ec2ssh::connect::start::{Next, POLL, Progress};

fn seen(state: State, public: bool) -> Instance {
    let private_ip = Some("10.0.0.7".parse().unwrap());
    let public_ip = public.then(|| "54.1.2.3".parse().unwrap());
    Instance { state, private_ip, public_ip, ..Instance::default() }
}

/// A course of look-ups two seconds apart, and what each leads to.
fn course(kind: AddressKind, looks: &[(State, bool)]) -> Vec<Next> {
    let mut progress = Progress::default();
    let steps = looks.iter().enumerate().map(|(index, (state, public))| {
        let elapsed = POLL * u32::try_from(index).unwrap();
        let next = progress.judge(&seen(*state, *public), (kind, Via::Auto), elapsed);
        progress.asked |= next == Next::Start;
        next
    });
    steps.collect()
}

#[test]
fn a_private_address_kept_from_before_is_not_taken_for_the_one_that_is_coming() {
    use State::{Pending, Running, Stopped};
    let looks = [(Stopped, false), (Stopped, false), (Pending, false), (Running, false), (Running, true)];
    let expected = [
        Next::Start,
        Next::Wait("starting, waiting for it to run"),
        Next::Wait("starting, waiting for it to run"),
        Next::Wait("running, waiting for its address"),
        Next::Up,
    ];
    assert_eq!(course(AddressKind::Auto, &looks), expected);
    assert_eq!(course(AddressKind::Public, &looks)[3..], expected[3..]);
    // Asked for, it is there.
    assert_eq!(course(AddressKind::Private, &looks)[3], Next::Up);
    // One that never gets a public address is taken as it is, a little later.
    let looks = [(Running, false); 6];
    let next = course(AddressKind::Auto, &looks);
    assert_eq!((&next[3], &next[4]), (&Next::Wait("running, waiting for its address"), &Next::Up));
}

#[test]
fn one_that_goes_down_again_is_given_up_at_once() {
    use State::{Pending, Stopped, Stopping};
    let looks = [(Stopping, false), (Stopped, false), (Pending, false), (Stopped, false)];
    let next = course(AddressKind::Auto, &looks);
    assert_eq!(next[0], Next::Wait("still stopping, waiting to start it"));
    assert_eq!(next[1], Next::Start);
    assert_eq!(next[3], Next::GiveUp("the state 'running'"));
    let next = course(AddressKind::Auto, &[(Pending, false), (State::Terminated, false)]);
    assert_eq!(next[1], Next::GiveUp("the state 'running'"));
}
