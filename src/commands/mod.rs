//! The commands, one file each: its arguments and what it does. [`options`] holds the arguments that several commands
//! share, [`prompts`] shows the lower layers' events and answers their questions. Exit codes belong to `cli`.

#[cfg(unix)]
pub(crate) mod background;
pub(crate) mod complete;
pub(crate) mod completions;
#[cfg(unix)]
pub(crate) mod config;
pub(crate) mod credentials;
pub(crate) mod doctor;
#[cfg(unix)]
pub(crate) mod forward;
mod forwarding;
#[cfg(unix)]
pub(crate) mod hold_key;
pub(crate) mod info;
mod jump;
pub(crate) mod known_hosts;
pub(crate) mod list;
pub(crate) mod metadata;
pub(crate) mod options;
pub(crate) mod prompts;
pub(crate) mod proxy;
#[cfg(unix)]
pub(crate) mod rdp;
#[cfg(unix)]
pub(crate) mod serial;
mod session_io;
pub(crate) mod ssh;
mod ssh_options;
#[cfg(unix)]
pub(crate) mod ssm;
