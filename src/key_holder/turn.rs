//! The answer of a holder to a connection that wants to log in.

use std::time::Duration;

/// Whether the key may be used for a login now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The instance knows the key, which was pushed this long ago.
    Fresh(Duration),
    /// The caller is to push the key, and to report the result to the holder.
    Push,
    /// The key is good no more: another holder has another one.
    Over,
    /// The holder has gone, or another connection's push takes too long.
    Lost,
}
