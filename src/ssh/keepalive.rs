//! Keepalives after the login: a request to the server after some time without data, and the end of the connection when several in a
//! row are unanswered. russh's own would count those whose answers nobody has looked for, because the gate was shut.
//!
//! While the gate is shut the server's own keepalives are not answered. It is sent something all the same: OpenSSH's server takes
//! any packet as a sign of life (ClientAliveInterval in sshd_config).

use std::sync::{Arc, Weak};
use std::time::Duration;

use russh::client::Handle;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::gate::Gate;
use super::handler::{Handler, Shared};
use super::options::Timeouts;

/// The interval at which something is sent while the gate is shut. The shortest that a server can ask for is a second, three times.
const SIGN_INTERVAL: Duration = Duration::from_secs(1);
/// The time within which a sign is on its way, unless russh is in the middle of a key exchange: then it sends nothing else.
const WRITE_TIMEOUT: Duration = Duration::from_millis(500);

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Wait until then, unless the gate changes.
    Wait(Instant),
    /// Send a request that the server has to answer.
    Request,
    /// Send something that needs no answer.
    Sign,
    /// End the connection as dead.
    GiveUp,
}

/// The state of the keepalives.
struct Keepalive {
    interval: Duration,
    max_unanswered: u32,
    unanswered: u32,
    /// When something was last heard, as far as it is known here.
    heard: Instant,
    /// When the last sign was due to be sent, while the gate is shut.
    signed: Option<Instant>,
}

impl Keepalive {
    fn new(timeouts: &Timeouts, now: Instant) -> Self {
        let max_unanswered = u32::try_from(timeouts.keepalive_misses).unwrap_or(u32::MAX);
        Self { interval: timeouts.keepalive_interval, max_unanswered, unanswered: 0, heard: now, signed: None }
    }

    fn step(&mut self, now: Instant, heard: Instant, is_shut: bool) -> Step {
        if is_shut {
            let signed = *self.signed.get_or_insert(now);
            if now < signed + SIGN_INTERVAL {
                return Step::Wait(signed + SIGN_INTERVAL);
            }
            self.signed = Some(now);
            return Step::Sign;
        }
        self.signed = None;
        if heard > self.heard {
            (self.heard, self.unanswered) = (heard, 0);
        }
        let due = self.heard + self.interval * (self.unanswered + 1);
        if now < due {
            return Step::Wait(due);
        }
        if self.unanswered == self.max_unanswered {
            return Step::GiveUp;
        }
        self.unanswered += 1;
        Step::Request
    }
}

/// Sends keepalives until the connection ends.
pub(super) async fn keep_alive(
    handle: Weak<Handle<Handler>>,
    gate: Gate,
    shared: Arc<Shared>,
    cancelled: CancellationToken,
    timeouts: Timeouts,
) {
    let mut keepalive = Keepalive::new(&timeouts, Instant::now());
    loop {
        let wants_answer = match keepalive.step(Instant::now(), gate.heard(), gate.is_shut()) {
            Step::Wait(until) => {
                tokio::select! {
                    () = sleep_until(until) => {}
                    () = gate.changed() => {}
                    () = shared.closed.cancelled() => return,
                }
                continue;
            }
            Step::GiveUp => {
                shared.set_reason(Error::KeepaliveTimeout);
                cancelled.cancel();
                return;
            }
            Step::Request => true,
            Step::Sign => false,
        };
        let Some(handle) = handle.upgrade() else { return };
        let writes = gate.writes();
        let sent = timeout(SIGN_INTERVAL, handle.send_keepalive(wants_answer)).await;
        drop(handle);
        if matches!(sent, Ok(Err(_))) {
            return;
        }
        if !wants_answer && timeout(WRITE_TIMEOUT, gate.written_since(writes)).await.is_err() {
            // The server's part of the key exchange is among what is not read.
            gate.force();
            tokio::select! {
                // The first write may be a part of the key exchange, and the sign comes after it.
                () = async { gate.written_since(writes).await; sleep(WRITE_TIMEOUT).await } => {}
                () = gate.changed() => {}
                () = shared.closed.cancelled() => return,
            }
            gate.unforce();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn begun() -> (Instant, Keepalive) {
        let now = Instant::now();
        (now, Keepalive::new(&Timeouts::default(), now))
    }

    #[test]
    fn three_unanswered_requests_end_the_connection() {
        let (begun, mut keepalive) = begun();
        let mut at = |seconds: u32| keepalive.step(begun + SECOND * seconds, begun, false);
        assert_eq!(at(14), Step::Wait(begun + SECOND * 15));
        assert_eq!([at(15), at(30), at(45)], [Step::Request; 3]);
        assert_eq!([at(59), at(60)], [Step::Wait(begun + SECOND * 60), Step::GiveUp]);
    }

    #[test]
    fn whatever_is_heard_counts_as_an_answer() {
        let (begun, mut keepalive) = begun();
        assert_eq!(keepalive.step(begun + SECOND * 15, begun, false), Step::Request);
        let heard = begun + SECOND * 16;
        assert_eq!(keepalive.step(begun + SECOND * 30, heard, false), Step::Wait(heard + SECOND * 15));
    }

    /// Data that was sent while nobody read is not lost, and the silence begins when reading goes on.
    #[test]
    fn shut_gate_counts_nothing() {
        let (begun, mut keepalive) = begun();
        assert_eq!(keepalive.step(begun + SECOND * 15, begun, false), Step::Request);
        assert_eq!(keepalive.step(begun + SECOND * 16, begun, true), Step::Wait(begun + SECOND * 17));
        for second in 17..600 {
            assert_eq!(keepalive.step(begun + SECOND * second, begun, true), Step::Sign);
        }
        let opened = begun + SECOND * 600;
        assert_eq!(keepalive.step(opened, opened, false), Step::Wait(opened + SECOND * 15));
    }
}
