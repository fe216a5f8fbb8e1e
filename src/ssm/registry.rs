//! The sessions whose end has not been reported to the service yet: they are ended however the program ends, short of SIGKILL.

use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::api::SessionApi;

/// The tasks of sessions whose end has not been reported to the service yet.
static SESSION_TASKS: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// The APIs that can end the sessions when their tasks no longer run, for example after a panic.
static SESSION_APIS: Mutex<Vec<Weak<dyn SessionApi>>> = Mutex::new(Vec::new());

fn session_apis() -> Vec<Arc<dyn SessionApi>> {
    SESSION_APIS.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
}

/// Whether a session may still be open at the service.
pub(crate) fn any_open() -> bool {
    !session_apis().is_empty()
}

/// Ends each session over new connections on this runtime, within `limit`.
pub(crate) async fn terminate_all(limit: Duration) {
    let session_apis = session_apis();
    let _ = timeout(limit, join_all(session_apis.iter().map(|api| api.terminate_with_fresh_pool()))).await;
}

/// Spawns a part of a session's lifecycle that must finish although no task awaits it.
pub(crate) fn spawn(lifecycle: impl Future<Output = ()> + Send + 'static) {
    SESSION_TASKS.spawn(lifecycle);
}

/// Waits, for `limit` at most, until the service has been told of each session's end. Called when the program ends;
/// the streams must have been dropped before.
pub(crate) async fn wait_until_all_ended(limit: Duration) {
    if !SESSION_TASKS.is_empty() {
        SESSION_TASKS.close();
        let _ = timeout(limit, SESSION_TASKS.wait()).await;
        SESSION_TASKS.reopen();
    }
}

/// Registers a session that the service takes for open from now on.
pub(super) fn register(api: &Arc<dyn SessionApi>) {
    SESSION_APIS.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(api));
}
