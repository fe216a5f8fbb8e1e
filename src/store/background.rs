//! Writes that nobody waits for while the program works, because they may wait for another process's lock. A program that would end
//! before they do waits for them a moment.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// The time that the end of the program waits at most.
const EXIT_TIMEOUT: Duration = Duration::from_millis(500);

static WRITES: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// Starts a write and returns at once.
pub(crate) fn write_in_background(write: impl FnOnce() + Send + 'static) {
    drop(WRITES.spawn_blocking(write));
}

/// Waits for the writes that were started, within a short time limit.
pub(crate) async fn finish_writes() {
    WRITES.close();
    let _ = timeout(EXIT_TIMEOUT, WRITES.wait()).await;
}
