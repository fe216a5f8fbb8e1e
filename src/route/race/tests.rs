//! Tests of the race between routes, with fake routes that only wait. The clock is tokio's paused clock.

use std::time::Duration;

use super::{Slot, Winner, race_first};
use tokio::time::{Instant, sleep};

const MS: Duration = Duration::from_millis(1);

/// Behavior of a fake route: it reports progress after `progress` ms, if at all, and ends `takes` ms later.
#[derive(Clone, Copy)]
struct FakeRoute {
    progress: Option<u32>,
    takes: u32,
    arrives: bool,
}

fn arrives(takes: u32) -> FakeRoute {
    FakeRoute { progress: None, takes, arrives: true }
}

fn fails(takes: u32) -> FakeRoute {
    FakeRoute { progress: None, takes, arrives: false }
}

async fn run(route: FakeRoute, mut slot: Slot, begun: Instant) -> Result<u128, u128> {
    slot.wait_turn().await;
    let started = begun.elapsed().as_millis();
    if let Some(progress) = route.progress {
        sleep(MS * progress).await;
        slot.report_progress();
    }
    sleep(MS * route.takes).await;
    if route.arrives { Ok(started) } else { Err(started) }
}

/// Returns the winner and when it started, the total time (both in ms), and the routes that had failed.
async fn race(fakes: &[FakeRoute]) -> (Option<(usize, u128)>, u128, Vec<usize>) {
    let begun = Instant::now();
    let routes: Vec<usize> = (0..fakes.len()).collect();
    let result = race_first(&routes, |_| MS * 500, |route, slot| run(fakes[route], slot, begun)).await;
    let took = begun.elapsed().as_millis();
    match result {
        Ok(Winner { route, value, failed }) => (Some((route, value)), took, failed.iter().map(|one| one.0).collect()),
        Err(failed) => (None, took, failed.iter().map(|one| one.0).collect()),
    }
}

#[tokio::test(start_paused = true)]
async fn quick_first_route_runs_alone() {
    assert_eq!(race(&[arrives(400), arrives(1)]).await, (Some((0, 0)), 400, vec![]));
}

/// Each route starts 500 ms after the one before it, which keeps running. The first one that connects wins.
#[tokio::test(start_paused = true)]
async fn next_route_starts_after_the_delay() {
    assert_eq!(race(&[arrives(9000), arrives(100)]).await, (Some((1, 500)), 600, vec![]));
    assert_eq!(race(&[arrives(700), arrives(9000)]).await, (Some((0, 0)), 700, vec![]));
    assert_eq!(race(&[arrives(9000), arrives(9000), arrives(50)]).await, (Some((2, 1000)), 1050, vec![]));
}

#[tokio::test(start_paused = true)]
async fn next_route_starts_at_once_after_failure() {
    assert_eq!(race(&[fails(20), arrives(100)]).await, (Some((1, 20)), 120, vec![0]));
    assert_eq!(race(&[fails(20), fails(30), arrives(1)]).await, (Some((2, 50)), 51, vec![0, 1]));
    // A route that fails while another one is running does not start the third one early.
    assert_eq!(race(&[arrives(9000), fails(100), arrives(1)]).await, (Some((2, 1000)), 1001, vec![1]));
}

/// A route that reports progress delays the start of the next one, but not without limit.
#[tokio::test(start_paused = true)]
async fn progress_delays_the_next_route() {
    let connected = FakeRoute { progress: Some(300), takes: 1000, arrives: true };
    assert_eq!(race(&[connected, arrives(1)]).await, (Some((0, 0)), 1300, vec![]));
    let silent = FakeRoute { progress: Some(300), takes: 20_000, arrives: true };
    assert_eq!(race(&[silent, arrives(1)]).await, (Some((1, 1800)), 1801, vec![]));
}

#[tokio::test(start_paused = true)]
async fn all_failures_are_returned_in_order() {
    assert_eq!(race(&[fails(800), fails(10)]).await, (None, 800, vec![0, 1]));
    assert_eq!(race(&[fails(5)]).await, (None, 5, vec![0]));
    assert_eq!(race(&[]).await, (None, 0, vec![]));
}

/// A route may make calls without side effects before its turn. If they fail, its turn is skipped.
#[tokio::test(start_paused = true)]
async fn route_failing_before_its_turn_is_skipped() {
    let begun = Instant::now();
    let run = |route: usize, mut slot: Slot| async move {
        match route {
            0 => sleep(MS * 9000).await,
            1 => return Err("no endpoint"),
            _ => {
                slot.wait_turn().await;
                sleep(MS).await;
            }
        }
        Ok(())
    };
    let won = race_first(&[0, 1, 2], |_| MS * 500, run).await.unwrap();
    assert_eq!((won.route, won.failed, begun.elapsed().as_millis()), (2, vec![(1, "no endpoint")], 501));
}

#[tokio::test(start_paused = true)]
async fn last_remaining_route_is_notified() {
    let begun = Instant::now();
    let run = |route: usize, mut slot: Slot| async move {
        slot.wait_turn().await;
        match route {
            0 => slot.wait_last().await,
            _ => {
                sleep(MS * 100).await;
                return Err(());
            }
        }
        Ok(())
    };
    let won = race_first(&[0, 1, 2], |_| MS * 500, run).await.unwrap();
    assert_eq!((won.route, won.failed.len(), begun.elapsed().as_millis()), (0, 2, 1100));
}
