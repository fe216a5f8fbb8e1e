//! The forwarded connections that are open, for `~#`.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::relay::Meter;

/// The forwarded connections of one session; clones are the same list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: BTreeMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    what: String,
    since: Instant,
    meter: Arc<Meter>,
}

/// An entry of the list; dropping it takes the connection off.
#[derive(Debug)]
pub(crate) struct Entry {
    list: Connections,
    number: u64,
    /// The bytes that the connection has carried.
    pub meter: Arc<Meter>,
}

impl Connections {
    /// Puts a connection on the list.
    pub(crate) fn open(&self, what: String) -> Entry {
        let meter = Arc::<Meter>::default();
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.open.insert(number, Connection { what, since: Instant::now(), meter: Arc::clone(&meter) });
        Entry { list: self.clone(), number, meter }
    }

    /// Returns the number of connections that are open.
    pub(crate) fn count(&self) -> usize {
        self.state().open.len()
    }

    /// Waits until none is open.
    pub(crate) async fn all_ended(&self) {
        loop {
            let ended = self.0.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Returns the list for the user, one line per connection.
    pub(crate) fn describe(&self) -> String {
        let state = self.state();
        if state.open.is_empty() {
            return "No forwarded connections are open.".to_owned();
        }
        let mut lines = vec!["Forwarded connections:".to_owned()];
        lines.extend(state.open.iter().map(|(number, connection)| {
            let Connection { what, since, meter } = connection;
            let [up, down] = [&meter.up, &meter.down].map(|count| size(count.load(Ordering::Relaxed)));
            format!("  #{number} {what}  {} s, {up} sent, {down} received", since.elapsed().as_secs())
        }));
        lines.join("\n")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.list.state().open.remove(&self.number);
        self.list.0.ended.notify_waiters();
    }
}

/// Returns a number of bytes for the user.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    #[allow(clippy::cast_precision_loss, reason = "two digits are shown")]
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1000.0, unit + 1);
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_connections_are_listed_until_dropped() {
        let list = Connections::default();
        assert_eq!(list.describe(), "No forwarded connections are open.");
        let first = list.open("127.0.0.1:4000 -> localhost:80".to_owned());
        let second = list.open("127.0.0.1:4001 -> localhost:80".to_owned());
        second.meter.down.store(1_234_567, Ordering::Relaxed);
        drop(first);
        let expected = "Forwarded connections:\n  #1 127.0.0.1:4001 -> localhost:80  0 s, 0 B sent, 1.2 MB received";
        assert_eq!(list.describe(), expected);
    }
}
