//! One file per command: what may be typed for it, and what it does. [`options`] has what several share, [`answers`]
//! brings the lower layers' questions to the person.

pub mod answers;
pub mod complete;
pub mod completions;
#[cfg(unix)]
pub mod config;
pub mod known_hosts;
pub mod list;
pub mod options;
pub mod proxy;
mod shell;
pub mod ssh;

use std::sync::mpsc;
use std::time::Duration;

use crate::transport::ssm::channel;

/// Services are told of the end of what they opened for us; a network that is gone must not hold us.
const FAREWELL: Duration = Duration::from_secs(3);

/// What is to be done before the program ends, whatever ended it.
pub async fn farewell() {
    channel::all_ended(FAREWELL).await;
}

/// The same after a panic, begun now. What the program ran on may be what stands still: this has a thread and a runtime of
/// its own.
pub fn farewell_after_panic() -> Farewell {
    if !channel::any_open() {
        return Farewell(None);
    }
    let (done, is_done) = mpsc::channel();
    let tell = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(channel::terminate_all(FAREWELL));
        // A name that is still being resolved must not hold it.
        runtime.shutdown_background();
        done.send(()).map_err(std::io::Error::other)
    };
    Farewell(std::thread::Builder::new().spawn(tell).is_ok().then_some(is_done))
}

/// A farewell under way.
pub struct Farewell(Option<mpsc::Receiver<()>>);

impl Farewell {
    /// Waits for its end, but not for ever.
    pub fn wait(self) {
        if let Some(is_done) = self.0 {
            let _ = is_done.recv_timeout(FAREWELL);
        }
    }
}
