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
    /// The smallest window for bulk data, which is the one that OpenSSH's client uses.
    pub(crate) const MIN: Self = Self(2 << 20);
    const MAX: Self = Self(32 << 20);
    /// The limits at a terminal.
    const TERMINAL_MIN: u32 = 64 << 10;
    const TERMINAL_MAX: u32 = 512 << 10;

    /// Returns the window for a path with this round-trip time that carries `rate` bytes per second.
    ///
    /// For bulk data it fills the path at 200 MB/s. A window larger than the path needs makes sshd slow: it reads ahead of the network,
    /// into buffers that it moves around. On our side the window costs no memory: after some unread data ([`Backlog`]) the rest stays
    /// in the network, and the server waits.
    ///
    /// At a terminal the window is what still arrives after Ctrl-C. So it fills the path at a rate that no reader follows, 1.2 MB/s, or
    /// at the path's own rate where that is known and lower.
    pub(crate) fn of(purpose: Purpose, round_trip: Duration, rate: Option<u32>) -> Self {
        let filling = |rate: u32| {
            u32::try_from(round_trip.as_micros().saturating_mul(rate.into()) / 1_000_000).unwrap_or(u32::MAX)
        };
        match purpose {
            Purpose::Terminal => {
                let rate = rate.unwrap_or(TERMINAL_RATE).min(TERMINAL_RATE);
                Self(filling(rate).clamp(Self::TERMINAL_MIN, Self::TERMINAL_MAX))
            }
            Purpose::Bulk => Self(filling(BULK_RATE).clamp(Self::MIN.0, Self::MAX.0)),
        }
    }
}

/// The rates that windows are made for, in bytes per second.
const TERMINAL_RATE: u32 = 1_200_000;
const BULK_RATE: u32 = 200_000_000;

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
