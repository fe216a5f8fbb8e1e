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

use std::time::Duration;

/// Services are told of the end of what they opened for us; a network that is gone must not hold us.
const FAREWELL: Duration = Duration::from_secs(3);

/// What is to be done before the program ends, whatever ended it.
pub async fn farewell() {
    crate::transport::ssm::channel::all_ended(FAREWELL).await;
}
