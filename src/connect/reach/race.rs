//! The race between the routes: one after the other they get their turn, the next without waiting for those before to give
//! up, and the first that arrives wins, as RFC 8305 does it with addresses. What the routes are is not known here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// After headway the one that made it has so much longer before the next one starts.
const HEADWAY: Duration = Duration::from_millis(1500);

/// One runner's side of the race.
pub struct Turn {
    begin: Option<oneshot::Receiver<()>>,
    headway: Arc<Notify>,
    others: watch::Receiver<usize>,
}

impl Turn {
    /// Waits for its turn. What has no effect on others may be done before.
    pub async fn comes(&mut self) {
        if let Some(begin) = self.begin.take()
            && begin.await.is_err()
        {
            // The race is over, and we with it.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until all others have failed.
    pub async fn is_alone(&mut self) {
        if self.others.wait_for(|others| *others == 0).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Half the way is done: the others can wait a little.
    pub fn headway(&self) {
        self.headway.notify_one();
    }
}

/// How it ended for the one that arrived first.
#[derive(Debug, PartialEq, Eq)]
pub struct Won<R, T, E> {
    /// Which.
    pub route: R,
    /// What it brought.
    pub value: T,
    /// Those that had failed.
    pub failed: Vec<(R, E)>,
}

/// Runs the race. `patience` is how long one may run alone before the next one gets its turn; it comes at once where all
/// that run have failed.
///
/// # Errors
/// When all have failed: each with its reason, in the order of `routes`.
pub async fn first<R, T, E, F>(
    routes: &[R],
    patience: impl Fn(R) -> Duration,
    run: impl Fn(R, Turn) -> F,
) -> Result<Won<R, T, E>, Vec<(R, E)>>
where
    R: Copy + PartialEq,
    F: Future<Output = Result<T, E>>,
{
    let headway = Arc::new(Notify::new());
    let (others, counted) = watch::channel(routes.len().saturating_sub(1));
    let mut waiting = VecDeque::new();
    let mut running = FuturesUnordered::new();
    for route in routes.iter().copied() {
        let (sender, begin) = oneshot::channel();
        waiting.push_back((route, sender));
        let turn = Turn { begin: Some(begin), headway: Arc::clone(&headway), others: counted.clone() };
        let runner = run(route, turn);
        running.push(async move { (route, runner.await) });
    }
    let mut begun: Vec<R> = Vec::new();
    let mut failed: Vec<(R, E)> = Vec::new();
    let mut next_turn = Instant::now();
    while !running.is_empty() {
        if begun.is_empty() {
            next_turn = Instant::now();
        }
        tokio::select! {
            biased;
            Some((route, result)) = running.next() => match result {
                Ok(value) => return Ok(Won { route, value, failed }),
                Err(error) => {
                    failed.push((route, error));
                    others.send_replace(running.len().saturating_sub(1));
                    begun.retain(|other| *other != route);
                    waiting.retain(|(other, _)| *other != route);
                }
            },
            () = headway.notified() => next_turn = next_turn.max(Instant::now() + HEADWAY),
            () = sleep_until(next_turn), if !waiting.is_empty() => {
                if let Some((route, begin)) = waiting.pop_front() {
                    begun.push(route);
                    next_turn = Instant::now() + patience(route);
                    let _ = begin.send(());
                }
            }
        }
    }
    failed.sort_by_key(|(route, _)| routes.iter().position(|other| other == route));
    Err(failed)
}
