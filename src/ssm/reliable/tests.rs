//! Tests of order and acknowledgements under loss, duplication and reordering, and of the timeouts.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Receipt, ReceiveWindow, SendWindow};

/// Adds a message that leaves at once.
fn send<M: Clone>(outgoing: &mut SendWindow<M>, message: M, now: Instant) {
    let number = outgoing.next();
    outgoing.push(message, now);
    outgoing.leaves(number, now);
}

/// Returns the messages that are overdue, which leave again at once.
fn resend<M: Clone>(outgoing: &mut SendWindow<M>, now: Instant) -> Vec<(i64, M)> {
    let due = outgoing.due(now);
    for (number, _) in &due {
        outgoing.leaves(*number, now);
    }
    due
}

proptest! {
    /// The network loses, repeats and reorders messages and acknowledgements at random, and is reliable after a while.
    #[test]
    fn bytes_arrive_once_and_in_order(
        fates in proptest::collection::vec((0_u8..6, 0_usize..8), 1..400),
        count in 1_usize..300,
    ) {
        let begun = Instant::now();
        let mut now = begun;
        let mut outgoing = SendWindow::default();
        let mut incoming = ReceiveWindow::default();
        let mut network: VecDeque<(i64, [u8; 8])> = VecDeque::new();
        let mut arrived: Vec<u8> = Vec::new();
        let mut sent = 0;
        let mut fates = fates.into_iter();
        for _ in 0..20_000 {
            if arrived.len() == count * 8 && outgoing.is_empty() {
                break;
            }
            now += Duration::from_millis(10);
            if sent < count && !outgoing.is_full() {
                let message = (outgoing.next(), (sent as u64).to_be_bytes());
                send(&mut outgoing, message, now);
                network.push_back(message);
                sent += 1;
            }
            network.extend(resend(&mut outgoing, now).into_iter().map(|(_, message)| message));
            // Each step decides the fate of one message: 0 loses it, 1 duplicates it, 2 loses its acknowledgement,
            // anything else delivers it.
            let (fate, place) = fates.next().unwrap_or((5, 0));
            let Some(message) = network.remove(place.min(network.len().saturating_sub(1))) else { continue };
            if fate == 0 {
                continue;
            }
            if fate == 1 {
                network.push_back(message);
            }
            let verdict = incoming.take(message.0, message.1);
            prop_assert_ne!(verdict, Receipt::Refused);
            while let Some(bytes) = incoming.next_in_order() {
                arrived.extend(bytes);
            }
            if fate != 2 {
                outgoing.acknowledge(message.0, now);
            }
        }
        let expected: Vec<u8> = (0..count as u64).flat_map(u64::to_be_bytes).collect();
        prop_assert_eq!(arrived, expected);
        prop_assert!(outgoing.is_empty());
    }
}

#[test]
fn timeout_follows_round_trip_within_bounds() {
    let begun = Instant::now();
    let at = |ms: u64| begun + Duration::from_millis(ms);
    let mut outgoing: SendWindow<u8> = SendWindow::default();
    send(&mut outgoing, 0, at(0));
    assert_eq!(outgoing.next_due(), Some(at(200)));
    assert!(resend(&mut outgoing, at(199)).is_empty());
    assert_eq!(resend(&mut outgoing, at(200)), [(0, 0)]);
    // A retransmitted message gives no sample of the round trip (Karn's algorithm).
    outgoing.acknowledge(0, at(900));
    send(&mut outgoing, 1, at(1000));
    // The timeout that was too short has been doubled.
    assert_eq!(outgoing.next_due(), Some(at(1400)));
    // A long round trip raises the timeout, but never above one second.
    for round in 0..20 {
        let when = 2000 + round * 3000;
        outgoing.acknowledge(i64::try_from(round).unwrap() + 1, at(when));
        send(&mut outgoing, 2, at(when));
        outgoing.acknowledge(i64::try_from(round).unwrap() + 2, at(when + 2000));
        send(&mut outgoing, 3, at(when + 2000));
    }
    let last = outgoing.next_due().unwrap();
    assert!(last <= at(2000 + 19 * 3000 + 3000), "{:?}", last - begun);
    // Acknowledgements of numbers that were never sent are ignored.
    outgoing.acknowledge(-5, at(100_000));
    outgoing.acknowledge(1_000_000, at(100_000));
    assert!(!outgoing.is_empty());
}

#[test]
fn both_directions_are_bounded() {
    let mut outgoing = SendWindow::default();
    let mut count = 0;
    while !outgoing.is_full() {
        outgoing.push([0_u8; 4], Instant::now());
        count += 1;
        assert!(count < 100_000);
    }
    let mut incoming: ReceiveWindow<Vec<u8>> = ReceiveWindow::default();
    let taken = (1..1_000_000).take_while(|n| incoming.take(*n, vec![0; 1024]) == Receipt::Accepted).count();
    assert!(taken * 1024 <= 9 << 20, "{taken}");
    // The next message in order is accepted even if the buffer is full, and makes room again.
    assert_eq!(incoming.take(0, vec![0; 1024]), Receipt::Accepted);
    assert_eq!(std::iter::from_fn(|| incoming.next_in_order()).count(), taken + 1);
    assert_eq!(incoming.take(0, Vec::new()), Receipt::Duplicate);
}

/// On a slow uplink, a full window takes longer than any timeout. A message that only waits for its turn is not late.
#[test]
fn slow_link_causes_no_retransmissions() {
    let begun = Instant::now();
    let at = |ms: u64| begun + Duration::from_millis(ms);
    let mut outgoing = SendWindow::default();
    for _ in 0..2000 {
        send(&mut outgoing, 0, at(0));
    }
    // Every 5 ms one message arrives, which is acknowledged 100 ms later.
    for number in 0..2000_u64 {
        let when = at(100 + 5 * number);
        assert!(outgoing.due(when).is_empty(), "{number}");
        outgoing.acknowledge(i64::try_from(number).unwrap(), when);
    }
    assert!(outgoing.is_empty());
}

/// The round trip is longer than the first timeout. After a retransmission the timeout fits it.
#[test]
fn timeout_adapts_to_long_round_trips() {
    let begun = Instant::now();
    let at = |ms: u64| begun + Duration::from_millis(ms);
    let mut outgoing = SendWindow::default();
    let mut again = 0;
    for number in 0..10_u64 {
        let start = 1000 * number;
        send(&mut outgoing, 0, at(start));
        for ms in (0..300).step_by(10) {
            again += resend(&mut outgoing, at(start + ms)).len();
        }
        outgoing.acknowledge(i64::try_from(number).unwrap(), at(start + 300));
    }
    assert!(again <= 2, "{again}");
}

/// A message that waits for its pace is not late, and its wait is no part of the round trip.
#[test]
fn timeout_counts_from_the_message_that_leaves() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut outgoing = SendWindow::default();
    outgoing.push(0, at(0));
    outgoing.push(1, at(0));
    outgoing.leaves(0, at(0));
    outgoing.leaves(1, at(500));
    assert_eq!(outgoing.due(at(501)), [(0, 0)]);
    outgoing.acknowledge(0, at(502));
    assert!(outgoing.due(at(599)).is_empty(), "the first waits to leave again, the second is not late");
    assert_eq!(outgoing.waiting_for(at(600)), Duration::from_millis(100));
    // A number outside the window changes nothing.
    outgoing.leaves(7, at(600));
    outgoing.leaves(-1, at(600));
}

/// A message is late only after it has left, and is repeated once however long it waits to leave again.
#[test]
fn queued_message_is_not_repeated() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut outgoing = SendWindow::default();
    outgoing.push(7, at(0));
    assert_eq!((outgoing.next_due(), outgoing.due(at(5000))), (None, Vec::new()));
    outgoing.leaves(0, at(5000));
    assert_eq!(outgoing.due(at(5200)), [(0, 7)]);
    assert_eq!((outgoing.next_due(), outgoing.due(at(9000))), (None, Vec::new()));
    outgoing.leaves(0, at(9000));
    assert_eq!(outgoing.due(at(9400)), [(0, 7)]);
    assert_eq!(outgoing.acknowledge(0, at(9500)), None, "it may be the answer to either");
}
