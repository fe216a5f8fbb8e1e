//! The words for what is in the way to an instance: a title, and the commands that mend it. A command opens no more than is needed.

mod fix;
mod instance;
mod login;
mod network;
mod tunnels;

use crate::diagnose::Cause;
pub(crate) use fix::{Fix, Place, Remedy, Words};

/// Returns the words for a cause.
pub(crate) fn words(cause: &Cause, place: &Place<'_>) -> Words {
    let of_its_kind = instance::words(cause, place)
        .or_else(|| network::words(cause, place))
        .or_else(|| tunnels::words(cause, place))
        .or_else(|| login::words(cause, place));
    of_its_kind.unwrap_or_else(|| Words { title: cause.code().replace('-', " "), fixes: Vec::new() })
}
