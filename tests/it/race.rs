//! The race between the routes, with routes that do nothing but wait; the clock is tokio's own.

use std::time::Duration;

use ec2ssh::connect::reach::race::{Turn, Won, first};
use tokio::time::{Instant, sleep};

const MS: Duration = Duration::from_millis(1);

/// What a route does: it makes headway after so many ms, if at all, and then ends after so many more.
#[derive(Clone, Copy)]
struct Way {
    headway: Option<u32>,
    takes: u32,
    arrives: bool,
}

fn arrives(takes: u32) -> Way {
    Way { headway: None, takes, arrives: true }
}

fn fails(takes: u32) -> Way {
    Way { headway: None, takes, arrives: false }
}

async fn run(way: Way, mut turn: Turn, begun: Instant) -> Result<u128, u128> {
    turn.comes().await;
    let started = begun.elapsed().as_millis();
    if let Some(headway) = way.headway {
        sleep(MS * headway).await;
        turn.headway();
    }
    sleep(MS * way.takes).await;
    if way.arrives { Ok(started) } else { Err(started) }
}

/// Who wins, when he started, when he arrived, and who had failed.
async fn race(ways: &[Way]) -> (Option<(usize, u128)>, u128, Vec<usize>) {
    let begun = Instant::now();
    let routes: Vec<usize> = (0..ways.len()).collect();
    let result = first(&routes, |_| MS * 500, |route, turn| run(ways[route], turn, begun)).await;
    let took = begun.elapsed().as_millis();
    match result {
        Ok(Won { route, value, failed }) => (Some((route, value)), took, failed.iter().map(|one| one.0).collect()),
        Err(failed) => (None, took, failed.iter().map(|one| one.0).collect()),
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_alone_runs_while_it_is_quick() {
    assert_eq!(race(&[arrives(400), arrives(1)]).await, (Some((0, 0)), 400, vec![]));
}

#[tokio::test(start_paused = true)]
async fn the_next_starts_while_the_first_goes_on_and_the_first_to_arrive_wins() {
    assert_eq!(race(&[arrives(9000), arrives(100)]).await, (Some((1, 500)), 600, vec![]));
    assert_eq!(race(&[arrives(700), arrives(9000)]).await, (Some((0, 0)), 700, vec![]));
    assert_eq!(race(&[arrives(9000), arrives(9000), arrives(50)]).await, (Some((2, 1000)), 1050, vec![]));
}

#[tokio::test(start_paused = true)]
async fn the_next_starts_at_once_where_the_first_has_failed() {
    assert_eq!(race(&[fails(20), arrives(100)]).await, (Some((1, 20)), 120, vec![0]));
    assert_eq!(race(&[fails(20), fails(30), arrives(1)]).await, (Some((2, 50)), 51, vec![0, 1]));
    // One that fails while another runs does not hurry the third.
    assert_eq!(race(&[arrives(9000), fails(100), arrives(1)]).await, (Some((2, 1000)), 1001, vec![1]));
}

#[tokio::test(start_paused = true)]
async fn headway_keeps_the_next_from_starting() {
    let connected = Way { headway: Some(300), takes: 1000, arrives: true };
    assert_eq!(race(&[connected, arrives(1)]).await, (Some((0, 0)), 1300, vec![]));
    let silent = Way { headway: Some(300), takes: 20_000, arrives: true };
    assert_eq!(race(&[silent, arrives(1)]).await, (Some((1, 1800)), 1801, vec![]));
}

#[tokio::test(start_paused = true)]
async fn all_that_failed_are_told_in_their_order() {
    assert_eq!(race(&[fails(800), fails(10)]).await, (None, 800, vec![0, 1]));
    assert_eq!(race(&[fails(5)]).await, (None, 5, vec![0]));
    assert_eq!(race(&[]).await, (None, 0, vec![]));
}

/// What is only asked may be asked before the turn; that it fails then is not waited for.
#[tokio::test(start_paused = true)]
async fn a_route_that_fails_before_its_turn_is_passed_over() {
    let begun = Instant::now();
    let run = |route: usize, mut turn: Turn| async move {
        match route {
            0 => sleep(MS * 9000).await,
            1 => return Err("no endpoint"),
            _ => {
                turn.comes().await;
                sleep(MS).await;
            }
        }
        Ok(())
    };
    let won = first(&[0, 1, 2], |_| MS * 500, run).await.unwrap();
    assert_eq!((won.route, won.failed, begun.elapsed().as_millis()), (2, vec![(1, "no endpoint")], 501));
}

#[tokio::test(start_paused = true)]
async fn the_last_one_left_knows_it() {
    let begun = Instant::now();
    let run = |route: usize, mut turn: Turn| async move {
        turn.comes().await;
        match route {
            0 => turn.is_alone().await,
            _ => {
                sleep(MS * 100).await;
                return Err(());
            }
        }
        Ok(())
    };
    let won = first(&[0, 1, 2], |_| MS * 500, run).await.unwrap();
    assert_eq!((won.route, won.failed.len(), begun.elapsed().as_millis()), (0, 2, 1100));
}
