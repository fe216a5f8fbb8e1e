//! The answer of a holder to a connection that wants to log in.

use std::time::Duration;

/// The time after the push in which the key may be used for a new login: of the 60 seconds that the instance knows it, the login
/// itself takes some.
pub(crate) const FRESH_FOR: Duration = Duration::from_secs(45);

/// Whether the key may be used for a login now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The instance knows the key, which was pushed this long ago.
    Fresh(Duration),
    /// The caller is to push the key, and to report the result to the holder.
    Push,
    /// The key is good no more: another holder has another one.
    Retired,
    /// The holder has gone, or another connection's push takes too long.
    Lost,
}
