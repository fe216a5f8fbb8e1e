//! A tunnel that comes back by itself: it dials again when it is lost, and before its time is over, while the listeners stay.
//!
//! The clock is tokio's, and what dials is given, so that tests let an hour pass in no time.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::opener::{BoxFuture, OpenError, Opened, Opener, Reason};
use crate::forward_spec::Destination;

/// The time for which a new connection waits while the tunnel is dialed again.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);
/// The first pause after a failed attempt; each one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The time in which a tunnel that was dialed counts as working: one that is lost sooner has the next pause.
const STABLE: Duration = Duration::from_secs(30);
/// The pause after a failed attempt to replace a tunnel that still works.
const RENEWAL_PAUSE: Duration = Duration::from_secs(15);
/// The time for which connections of a tunnel that was replaced may go on.
const OLD_TUNNEL_LIFETIME: Duration = Duration::from_secs(3600);

/// A tunnel that was dialed.
pub(crate) struct Live {
    /// Opens connections through it.
    pub opener: Arc<dyn Opener>,
    /// Resolves to the reason when it has ended.
    pub ended: LocalBoxFuture<'static, String>,
    /// Resolves some time before its end, where that is known.
    pub expires: BoxFuture<'static, ()>,
    /// Finds out whether it still answers.
    pub answers: Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>,
}

/// Dials tunnels, as often as needed.
pub(crate) trait Dial {
    /// Why a tunnel cannot be dialed.
    type Error: Display;

    /// Dials a tunnel and waits until it stands. `asks` says whether the user may be asked something: nobody is while the old one
    /// still works.
    fn dial(&mut self, asks: bool) -> impl Future<Output = Result<Live, Self::Error>>;

    /// Whether another attempt would fail in the same way.
    fn is_permanent(&self, error: &Self::Error) -> bool;
}

/// A change of the tunnel's state, for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The tunnel stands for the first time.
    Up,
    /// The tunnel was lost for this reason.
    Lost(String),
    /// An attempt to dial it again has failed for this reason, which is not the one before.
    Failing(String),
    /// The tunnel stands again, after this time.
    Back(Duration),
    /// The tunnel was replaced before its time was over.
    Renewed,
}

/// The opener of a tunnel that comes and goes.
pub(crate) struct Tunnel(watch::Receiver<Option<Arc<dyn Opener>>>);

/// Keeps a tunnel up and publishes its opener.
pub(crate) struct Keeper {
    current: watch::Sender<Option<Arc<dyn Opener>>>,
    /// The tunnels that were replaced, whose connections go on.
    old: FuturesUnordered<LocalBoxFuture<'static, ()>>,
}

/// Makes a tunnel that is not dialed yet.
pub(crate) fn tunnel() -> (Tunnel, Keeper) {
    let (sender, receiver) = watch::channel(None);
    (Tunnel(receiver), Keeper { current: sender, old: FuturesUnordered::new() })
}

impl Opener for Tunnel {
    fn open<'a>(&'a self, to: &'a Destination, origin: Option<SocketAddr>) -> BoxFuture<'a, Result<Opened, OpenError>> {
        Box::pin(async move {
            let opened = self.open_when_up(to, origin).await;
            opened.unwrap_or_else(|| {
                let message = format!("no connection to the instance within {} s", WAIT_TIMEOUT.as_secs());
                Err(OpenError { reason: Reason::Lost, message })
            })
        })
    }
}

impl Tunnel {
    /// Opens a connection as soon as the tunnel stands; `None` when it does not stand in time. The time that the far side takes is not
    /// limited.
    async fn open_when_up(&self, to: &Destination, origin: Option<SocketAddr>) -> Option<Result<Opened, OpenError>> {
        let until = Instant::now() + WAIT_TIMEOUT;
        let mut current = self.0.clone();
        loop {
            let opener = timeout_at(until, current.wait_for(Option::is_some)).await.ok()?.ok()?.clone()?;
            match open_to_the_end(&opener, to, origin).await {
                // It has been lost meanwhile: the next one will do.
                Err(OpenError { reason: Reason::Lost, .. }) => {
                    let is_another =
                        |now: &Option<Arc<dyn Opener>>| now.as_ref().is_none_or(|now| !Arc::ptr_eq(now, &opener));
                    timeout_at(until, current.wait_for(is_another)).await.ok()?.ok()?;
                }
                other => return Some(other),
            }
        }
    }
}

/// Opens a connection in a task of its own: where the client has gone meanwhile, the connection that comes is closed and not forgotten.
async fn open_to_the_end(
    opener: &Arc<dyn Opener>,
    to: &Destination,
    origin: Option<SocketAddr>,
) -> Result<Opened, OpenError> {
    let (opener, to) = (Arc::clone(opener), to.clone());
    let opened = tokio::spawn(async move { opener.open(&to, origin).await }).await;
    opened.unwrap_or_else(|_| {
        Err(OpenError { reason: Reason::Other, message: "the connection was cancelled".to_owned() })
    })
}

impl Keeper {
    /// Keeps the tunnel up. `woken` changes when the machine has slept or its network has changed.
    ///
    /// # Errors
    /// The first attempt fails, or a later one in a way that another would, too.
    pub(crate) async fn keep<D: Dial>(
        mut self,
        mut dial: D,
        mut woken: watch::Receiver<u64>,
        once: bool,
        report: impl Fn(Change),
    ) -> Result<String, D::Error> {
        let mut live = dial.dial(true).await?;
        let mut dialed = Instant::now();
        let mut pause = FIRST_PAUSE;
        self.current.send_replace(Some(Arc::clone(&live.opener)));
        report(Change::Up);
        loop {
            let reason = tokio::select! {
                reason = &mut live.ended => reason,
                () = &mut live.expires => {
                    live = self.renew(&mut dial, live, &report).await;
                    continue;
                }
                Some(()) = self.old.next() => continue,
                Ok(()) = woken.changed() => match (live.answers)().await {
                    true => continue,
                    false => "it no longer answers".to_owned(),
                },
            };
            self.current.send_replace(None);
            // Connections through it are broken at once.
            drop(live);
            if once {
                return Ok(reason);
            }
            report(Change::Lost(reason));
            let lost = Instant::now();
            let is_flapping = lost.duration_since(dialed) < STABLE;
            if !is_flapping {
                pause = FIRST_PAUSE;
            }
            live = redial(&mut dial, &mut woken, is_flapping, &mut pause, &report).await?;
            dialed = Instant::now();
            self.current.send_replace(Some(Arc::clone(&live.opener)));
            report(Change::Back(lost.elapsed()));
        }
    }

    /// Replaces a tunnel that still works. New connections go through the new one, and those that are open stay.
    async fn renew<D: Dial>(&mut self, dial: &mut D, old: Live, report: &impl Fn(Change)) -> Live {
        let Ok(new) = dial.dial(false).await else {
            return Live { expires: Box::pin(sleep(RENEWAL_PAUSE)), ..old };
        };
        self.current.send_replace(Some(Arc::clone(&new.opener)));
        report(Change::Renewed);
        self.old.push(Box::pin(async move {
            let _ = timeout(OLD_TUNNEL_LIFETIME, old.ended).await;
            drop(old.opener);
        }));
        new
    }
}

/// Dials until it succeeds. The first attempt is made at once, unless the tunnel was lost as soon as it stood.
async fn redial<D: Dial>(
    dial: &mut D,
    woken: &mut watch::Receiver<u64>,
    is_flapping: bool,
    pause: &mut Duration,
    report: &impl Fn(Change),
) -> Result<Live, D::Error> {
    let mut said = String::new();
    let mut waits = is_flapping;
    loop {
        if waits {
            // Many that were lost together do not come back together.
            let wait = pause.mul_f64(0.75 + 0.5 * fastrand::f64());
            tokio::select! {
                () = sleep(wait) => *pause = (*pause * 2).min(LONGEST_PAUSE),
                Ok(()) = woken.changed() => *pause = FIRST_PAUSE,
            }
        }
        waits = true;
        match dial.dial(true).await {
            Ok(live) => return Ok(live),
            Err(error) if dial.is_permanent(&error) => return Err(error),
            Err(error) => {
                let text = error.to_string();
                if text != said {
                    report(Change::Failing(text.clone()));
                }
                said = text;
            }
        }
    }
}

#[cfg(test)]
mod tests;
