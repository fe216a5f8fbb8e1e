//! Tests of how long a lost connection is resumed.

use std::time::{Duration, Instant};

use super::Resumption;

/// Refusals of the service end after five attempts, network failures after two minutes.
#[test]
fn resume_attempts_are_limited_by_cause() {
    let begun = Instant::now();
    let at = |seconds: u64| begun + Duration::from_secs(seconds);
    let ms = Duration::from_millis;
    // The service refuses: five attempts, with growing pauses between them.
    let mut resumption = Resumption::default();
    assert_eq!(resumption.lost(7, at(0)), ms(0));
    let pauses: Vec<_> = std::iter::from_fn(|| resumption.failed(false, at(1))).collect();
    assert_eq!(pauses, [ms(200), ms(400), ms(800), ms(1600)]);
    // The network is down: attempts continue for two minutes.
    let mut resumption = Resumption::default();
    resumption.lost(7, at(0));
    assert!((0..100).all(|second| resumption.failed(true, at(second)).is_some()));
    assert_eq!(resumption.failed(true, at(120)), None);
    // Connections that deliver nothing are retried with growing pauses, and for two minutes at most.
    let mut resumption = Resumption::default();
    assert_eq!(resumption.lost(7, at(0)), ms(0));
    assert_eq!(resumption.lost(7, at(0)), ms(200));
    assert_eq!(resumption.lost(7, at(1)), ms(400));
    assert!(!resumption.is_exhausted(at(119)) && resumption.is_exhausted(at(120)));
    // A connection that made progress resets the pauses and the deadline.
    assert_eq!(resumption.lost(8, at(130)), ms(0));
    assert!(!resumption.is_exhausted(at(140)));
    // So does an idle connection that lasted long enough, as when an idle session roams for the second time.
    resumption.restored(at(131));
    assert_eq!(resumption.lost(8, at(500)), ms(0));
    assert!(!resumption.is_exhausted(at(500)));
    resumption.restored(at(501));
    assert_eq!(resumption.lost(8, at(502)), ms(200));
}
