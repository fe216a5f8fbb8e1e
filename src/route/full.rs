//! Waiting for a place at an endpoint: it has a limited number of connections, and those of a loop or of many at once are short.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::RouteError;
use crate::web::websocket;

/// The time for which a place is waited for.
const PLACE_TIMEOUT: Duration = Duration::from_secs(30);
/// The shortest and the longest pause between two attempts, in milliseconds: those that wait together do not come back together.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 500..=2_000;

/// Opens a tunnel. While `may_wait` holds and the endpoint has all its connections in use, tries again; `waiting` is told for how long
/// it has been so.
///
/// # Errors
/// The error of the last attempt.
pub(super) async fn wait_for_place<T>(
    mut open: impl AsyncFnMut() -> Result<T, RouteError>,
    may_wait: impl Fn() -> bool,
    waiting: impl Fn(Duration),
) -> Result<T, RouteError> {
    let begun = Instant::now();
    loop {
        match open().await {
            Err(error) if is_full(&error) && may_wait() && begun.elapsed() < PLACE_TIMEOUT => {
                waiting(begun.elapsed());
                sleep(Duration::from_millis(fastrand::u64(PAUSE_MS))).await;
            }
            other => return other,
        }
    }
}

/// Whether all connections of the endpoint are in use.
fn is_full(error: &RouteError) -> bool {
    let RouteError::Tunnel { source, .. } = error else { return false };
    matches!(&**source, websocket::Error::Refused { refusal, .. } if refusal.status == 429)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::web::websocket::UpgradeRefusal;

    fn refused(status: u16) -> RouteError {
        let refusal = UpgradeRefusal::read(status, &http::HeaderMap::new(), b"");
        let source = Box::new(websocket::Error::Refused { host: "localhost".to_owned(), refusal });
        RouteError::Tunnel { endpoint_id: "eice-1".to_owned(), source, has_max_duration: false }
    }

    /// Opens at the third attempt; returns the number of attempts and whether one succeeded.
    async fn attempts(status: u16, may_wait: bool, places_after: usize) -> (usize, bool) {
        let count = Cell::new(0);
        let open = async || {
            count.set(count.get() + 1);
            if count.get() > places_after { Ok(()) } else { Err(refused(status)) }
        };
        let opened = wait_for_place(open, || may_wait, |_| ()).await;
        (count.get(), opened.is_ok())
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_full_endpoint_is_waited_for() {
        assert_eq!(attempts(429, true, 2).await, (3, true));
        assert_eq!(attempts(429, false, 2).await, (1, false), "another route is left");
        assert_eq!(attempts(403, true, 2).await, (1, false));
        let (count, opened) = attempts(429, true, usize::MAX).await;
        assert!((15..=61).contains(&count) && !opened, "{count}");
    }
}
