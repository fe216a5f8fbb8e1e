//! The race between routes: they start one after the other, the next without waiting for the previous ones to give up, and the
//! first that succeeds wins, as RFC 8305 races addresses. Knows nothing about the routes themselves.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// After a route reports progress, the next one starts this much later.
const PROGRESS_DELAY: Duration = Duration::from_millis(1500);

/// The place of one route in the race.
pub(super) struct Slot {
    begin: Option<oneshot::Receiver<()>>,
    progress: Arc<Notify>,
    others: watch::Receiver<usize>,
}

impl Slot {
    /// Waits for the route's turn. Work without effect on others may be done before.
    pub(super) async fn wait_turn(&mut self) {
        if let Some(begin) = self.begin.take()
            && begin.await.is_err()
        {
            // The race is over; this future is about to be dropped.
            std::future::pending::<()>().await;
        }
    }

    /// Whether all other routes have failed.
    pub(super) fn is_last(&self) -> bool {
        *self.others.borrow() == 0
    }

    /// Waits until all other routes have failed.
    pub(super) async fn wait_last(&mut self) {
        if self.others.wait_for(|others| *others == 0).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Reports that half of the work is done: the next route can wait a little longer.
    pub(super) fn report_progress(&self) {
        self.progress.notify_one();
    }
}

/// The winner of a race.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Winner<R, T, E> {
    /// The route that won.
    pub route: R,
    /// The value that it returned.
    pub value: T,
    /// The routes that had failed before.
    pub failed: Vec<(R, E)>,
}

/// Races the routes. `head_start` is the time that one may run alone before the next one starts; the next one starts at once
/// when all running ones have failed.
///
/// # Errors
/// The error of each route, in the order of `routes`, when all have failed.
pub(super) async fn race_first<R, T, E, F>(
    routes: &[R],
    head_start: impl Fn(R) -> Duration,
    run: impl Fn(R, Slot) -> F,
) -> Result<Winner<R, T, E>, Vec<(R, E)>>
where
    R: Copy + PartialEq,
    F: Future<Output = Result<T, E>>,
{
    let progress = Arc::new(Notify::new());
    let (others, counted) = watch::channel(routes.len().saturating_sub(1));
    let mut waiting = VecDeque::new();
    let mut running = FuturesUnordered::new();
    for route in routes.iter().copied() {
        let (sender, begin) = oneshot::channel();
        waiting.push_back((route, sender));
        let slot = Slot { begin: Some(begin), progress: Arc::clone(&progress), others: counted.clone() };
        let runner = run(route, slot);
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
                Ok(value) => return Ok(Winner { route, value, failed }),
                Err(error) => {
                    failed.push((route, error));
                    others.send_replace(running.len().saturating_sub(1));
                    begun.retain(|other| *other != route);
                    waiting.retain(|(other, _)| *other != route);
                }
            },
            () = progress.notified() => next_turn = next_turn.max(Instant::now() + PROGRESS_DELAY),
            () = sleep_until(next_turn), if !waiting.is_empty() => {
                if let Some((route, begin)) = waiting.pop_front() {
                    begun.push(route);
                    next_turn = Instant::now() + head_start(route);
                    let _ = begin.send(());
                }
            }
        }
    }
    failed.sort_by_key(|(route, _)| routes.iter().position(|other| other == route));
    Err(failed)
}

#[cfg(test)]
mod tests;
