//! Ends the open Session Manager sessions at the service before the program exits, for whatever reason it exits, and lets writes to
//! the caches end.

use std::sync::mpsc;
use std::time::Duration;

use crate::ssm::registry;
use crate::store::background::finish_writes;

/// The timeout for terminating open sessions at exit, so that a dead network cannot block the exit.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// Waits until the open Session Manager sessions are terminated and the caches are written. Must run before the program exits, for whatever
/// reason.
pub(super) async fn shut_down() {
    tokio::join!(registry::wait_until_all_ended(SHUTDOWN_TIMEOUT), finish_writes());
}

/// Starts the same shutdown after a panic. The main runtime may be blocked by the panic, so this uses its own thread
/// and runtime.
pub(super) fn shut_down_after_panic() -> Shutdown {
    if !registry::any_open() {
        return Shutdown(None);
    }
    let (done, finished) = mpsc::channel();
    let terminate = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(registry::terminate_all(SHUTDOWN_TIMEOUT));
        // A DNS lookup that is still running must not delay the shutdown.
        runtime.shutdown_background();
        done.send(()).map_err(std::io::Error::other)
    };
    Shutdown(std::thread::Builder::new().spawn(terminate).is_ok().then_some(finished))
}

/// A shutdown that is in progress.
pub(super) struct Shutdown(Option<mpsc::Receiver<()>>);

impl Shutdown {
    /// Waits until the shutdown has finished, up to a timeout.
    pub(super) fn wait(self) {
        if let Some(finished) = self.0 {
            let _ = finished.recv_timeout(SHUTDOWN_TIMEOUT);
        }
    }
}
