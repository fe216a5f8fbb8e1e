//! [`RouteDialer`]: opens links to the planned port. It orders the routes, races them, and caches the one that worked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::cache::{self, CachedRoute};
use super::dial::{Opened, RouteOpener};
use super::error::{FailedRoute, RouteError};
use super::explain::{FirstReason, explain_choice};
use super::race::{Winner, race_first};
use super::{boot, limit};
use crate::aws::Aws;
use crate::boot::Booting;
use crate::config::{AddressKind, Via};
use crate::confirm::ConfirmGate;
use crate::event::{Event, Events};
use crate::plan::RoutePlan;
use crate::plan::order::{Route, order};
use crate::store::background::write_in_background;
use crate::transport::link::Link;
use crate::transport::probe::Probe;

/// The head start of a direct connection to a public address before the next route begins.
const PUBLIC_HEAD_START: Duration = Duration::from_millis(500);
/// The head start of a direct connection to a private address: it answers at once, or it is not reachable from here.
const PRIVATE_HEAD_START: Duration = Duration::from_millis(250);
const EICE_HEAD_START: Duration = Duration::from_secs(2);
const SSM_HEAD_START: Duration = Duration::from_secs(4);
/// Opens links to the planned port, as often as needed.
pub(crate) struct RouteDialer {
    /// The clients for the instance's account and region.
    pub aws: Aws,
    /// The port to reach, and how.
    pub plan: RoutePlan,
    /// The patience with an instance that may still be booting: routes that fail are tried again.
    pub booting: Option<Booting>,
    /// Gates what is learned about the instance.
    pub confirmed: ConfirmGate,
    /// Set when another machine answers at the instance's private address.
    direct_disabled: AtomicBool,
}

/// A link, and how it was opened.
pub(crate) struct Dialed {
    /// The link to the port.
    pub link: Link,
    /// The route that it takes.
    pub route: Route,
    /// The approximate time until an answer arrives.
    pub round_trip: Duration,
    /// The other routes' errors, if the proof was not seen on this one either.
    pub failed: Vec<FailedRoute>,
}

impl RouteDialer {
    /// Makes a dialer for this plan.
    pub(crate) fn new(aws: Aws, plan: RoutePlan, booting: Option<Booting>, confirmed: ConfirmGate) -> Self {
        Self { aws, plan, booting, confirmed, direct_disabled: AtomicBool::default() }
    }

    /// Opens a link by the requested route, or by the first one that shows the probe's proof.
    ///
    /// # Errors
    /// The error of each route that was tried.
    pub(crate) async fn open(&self, probe: &Probe, events: &Events) -> Result<Dialed, Vec<FailedRoute>> {
        let begun = Instant::now();
        events(Event::Doing(format!("connecting to {} on port {}", self.plan.instance.id, self.plan.port)));
        loop {
            match self.try_routes(probe, events).await {
                Ok(dialed) => return Ok(dialed),
                Err(failed) if boot::may_come_up(self.booting, &failed) => {
                    let (id, waited) = (&self.plan.instance.id, begun.elapsed().as_secs());
                    events(Event::Progress(format!(
                        "waiting for {id} to answer on port {} ({waited} s)",
                        self.plan.port
                    )));
                    tokio::time::sleep(boot::RETRY_INTERVAL).await;
                }
                Err(failed) => return Err(failed),
            }
        }
    }

    async fn try_routes(&self, probe: &Probe, events: &Events) -> Result<Dialed, Vec<FailedRoute>> {
        let (order, reason) = self.order();
        let dials_private = self.plan.dials_private();
        let opener = RouteOpener {
            aws: &self.aws,
            plan: &self.plan,
            is_booting: self.booting.is_some(),
            probe,
            events,
            queries_early: dials_private || order.first() != Some(&Route::Direct),
            session_first: order.first() == Some(&Route::Ssm),
        };
        let head_start = |route| match route {
            Route::Direct if dials_private => PRIVATE_HEAD_START,
            Route::Direct => PUBLIC_HEAD_START,
            Route::Eice => EICE_HEAD_START,
            Route::Ssm => SSM_HEAD_START,
        };
        match race_first(&order, head_start, |route, slot| opener.open(route, slot)).await {
            Ok(winner) => Ok(self.finish_race(winner, &order, reason, events)),
            Err(failed) => unproven_socket(failed),
        }
    }

    /// Returns the routes in their order, and why the first is the first.
    pub(super) fn order(&self) -> (Vec<Route>, FirstReason) {
        let plan = &self.plan;
        if plan.via != Via::Auto {
            return (order(plan.via, &plan.addresses, None), FirstReason::Requested);
        }
        let CachedRoute { route, direct_is_foreign } = cache::get(&plan.account, &plan.instance.id);
        // A requested kind of address is honored whatever worked without it.
        let last_successful = route.filter(|_| plan.is_typical());
        let mut order = order(plan.via, &plan.addresses, last_successful);
        let is_foreign = self.direct_disabled.load(Ordering::Relaxed) || direct_is_foreign;
        let is_disabled = is_foreign && plan.dials_private() && plan.address_kind == AddressKind::Auto;
        if is_disabled {
            order.retain(|route| *route != Route::Direct);
        }
        let reason = match order.first() {
            first if last_successful.is_some() && first == last_successful.as_ref() => FirstReason::WorkedLast,
            Some(Route::Direct) => FirstReason::HasAddress,
            _ if is_disabled => FirstReason::AddressIsForeign,
            _ => FirstReason::HasNoAddress,
        };
        (order, reason)
    }

    /// Reports the winner and why it was chosen, and caches it.
    fn finish_race(
        &self,
        winner: Winner<Route, Opened, RouteError>,
        order: &[Route],
        reason: FirstReason,
        events: &Events,
    ) -> Dialed {
        let Winner { route, value, failed } = winner;
        let why = if value.proven || reason == FirstReason::Requested {
            explain_choice(route, order, reason, &failed)
        } else {
            "the server has sent no SSH identification yet, and all other routes failed".to_owned()
        };
        let line = format!("Route: {} ({why})", value.through);
        events(if reason == FirstReason::Requested { Event::Step(line) } else { Event::Route(line) });
        // A booting instance is reached by whatever comes up first, which says nothing about the next time.
        let is_typical = reason != FirstReason::Requested && self.plan.is_typical();
        if is_typical && value.proven && self.booting.is_none() {
            self.cache(route, reason == FirstReason::HasAddress && order.first() == Some(&route), events);
        }
        let link = match value.limit {
            Some(limit) => value.link.holding(limit::announce(limit, events)),
            None => value.link,
        };
        let failed = failed.into_iter().map(|(route, error)| FailedRoute { route, error });
        let failed = if value.proven { Vec::new() } else { failed.collect() };
        Dialed { link, route, round_trip: value.round_trip, failed }
    }

    /// Caches the route once it is confirmed that it leads to the instance.
    fn cache(&self, route: Route, is_default: bool, events: &Events) {
        let (account, id) = (self.plan.account.clone(), self.plan.instance.id.clone());
        let (confirmed, events) = (self.confirmed.clone(), Arc::clone(events));
        tokio::spawn(async move {
            if !confirmed.decided().await {
                return;
            }
            // It may wait for another process that writes.
            write_in_background(move || {
                if let Err(error) = cache::put(&account, &id, route, is_default) {
                    events(Event::Step(format!("cannot cache the route: {error}")));
                }
            });
        });
    }

    /// Stops using the private address, for this connection and for those of the next day: another machine answers there.
    pub(crate) fn disable_direct(&self, events: &Events) {
        self.direct_disabled.store(true, Ordering::Relaxed);
        if let Err(error) = cache::put_direct_is_foreign(&self.plan.account, &self.plan.instance.id) {
            events(Event::Step(format!("cannot write the route cache: {error}")));
        }
    }

    /// Whether a direct connection may have reached a machine that has nothing to do with the instance: its address is private,
    /// and neither route nor address was requested.
    pub(crate) fn may_be_foreign(&self) -> bool {
        let is_auto = self.plan.via == Via::Auto && self.plan.address_kind == AddressKind::Auto;
        is_auto && self.plan.dials_private()
    }
}

/// Returns the direct connection on which no proof was seen, if no other route leads anywhere: the protocol spoken over it can
/// say best what the server is.
fn unproven_socket(failed: Vec<(Route, RouteError)>) -> Result<Dialed, Vec<FailedRoute>> {
    let mut others = Vec::new();
    let mut found = None;
    for (route, error) in failed {
        match error {
            RouteError::Unproven { socket: Some(socket), .. } => found = Some((Link::Socket(socket), route)),
            error => others.push(FailedRoute { route, error }),
        }
    }
    match found {
        Some((link, route)) => Ok(Dialed { link, route, round_trip: Duration::ZERO, failed: others }),
        None => Err(others),
    }
}
