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
