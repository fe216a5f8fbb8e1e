//! The keys on an instance's console, read at most once and only when somebody asks.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::console::Printed;

/// The keys that the console printed, or the reason why they are not available, worded to follow "The console of i-… ".
pub(crate) type ConsoleKeys = Result<Printed, String>;
type Fetch = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ConsoleKeys> + Send>> + Send + Sync>;

/// The console of an instance, read on first use and only once, however many tasks ask for it.
#[derive(Clone)]
pub(crate) struct Console {
    fetch: Fetch,
    answer: Arc<OnceCell<ConsoleKeys>>,
}

impl Console {
    /// Creates a console that is read with `fetch`.
    pub(crate) fn new<F>(fetch: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ConsoleKeys> + Send + 'static,
    {
        Self { fetch: Arc::new(move || Box::pin(fetch())), answer: Arc::default() }
    }

    /// Returns the printed keys, reading the console on first use.
    pub(crate) async fn printed_keys(&self) -> &ConsoleKeys {
        self.answer.get_or_init(|| (self.fetch)()).await
    }

    /// Returns the printed keys if the console has already been read.
    pub(crate) fn try_get(&self) -> Option<Printed> {
        self.answer.get().and_then(|answer| answer.clone().ok())
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Console").field(&self.answer.get()).finish()
    }
}
