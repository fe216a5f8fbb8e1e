//! How a connection is made: its time limits, and how much data may be in flight and be kept.

use std::time::Duration;

use crate::program::Purpose;

/// The time limits of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// A keepalive is sent after this long without data from the server.
    pub keepalive_interval: Duration,
    /// The number of unanswered keepalives after which the connection is given up.
    pub keepalive_misses: usize,
    /// The time from the first byte to the end of the key exchange; the time that the host key check takes is not counted.
    pub handshake: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { keepalive_interval: Duration::from_secs(15), keepalive_misses: 3, handshake: Duration::from_secs(15) }
    }
}

impl Timeouts {
    /// The limit of a write that makes no progress: as long as unanswered keepalives take to end the connection.
    pub(super) fn write(&self) -> Duration {
        self.keepalive_interval * u32::try_from(self.keepalive_misses + 1).unwrap_or(u32::MAX)
    }
}

/// The SSH channel window in bytes: how far the server may send ahead of what we have consumed (RFC 4254, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window(pub(super) u32);

impl Window {
    /// The smallest window, which is the one that OpenSSH's client uses.
    pub(crate) const MIN: Self = Self(2 << 20);
    const MAX: Self = Self(32 << 20);

    /// Returns the window that fills a path with this round-trip time at 200 MB/s.
    ///
    /// A window larger than the path needs makes sshd slow: it reads ahead of the network, into buffers that it moves
    /// around. On our side the window costs no memory: after some unread data ([`Backlog`]) the rest stays in the network, and
    /// the server waits.
    pub(crate) fn of(purpose: Purpose, round_trip: Duration) -> Self {
        let wanted = u32::try_from(round_trip.as_micros().saturating_mul(200)).unwrap_or(u32::MAX);
        match purpose {
            Purpose::Terminal => Self::MIN,
            Purpose::Bulk => Self(wanted.clamp(Self::MIN.0, Self::MAX.0)),
        }
    }
}

/// The number of bytes of output that are kept for a slow reader; beyond that the server has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backlog(pub usize);

impl Backlog {
    /// Returns the size for this purpose. At a terminal it is small: what is kept is still shown after Ctrl-C.
    pub(crate) fn of(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Terminal => Self(128 << 10),
            Purpose::Bulk => Self(4 << 20),
        }
    }
}

/// How a connection is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionOptions {
    /// The window of its channels.
    pub window: Window,
    /// The output that is kept for a slow reader.
    pub backlog: Backlog,
    /// The time limits of the connection.
    pub timeouts: Timeouts,
    /// Whether to ask for compression (`zlib@openssh.com`), which begins after the login.
    pub compress: bool,
}
