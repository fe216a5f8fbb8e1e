//! From the plan to bytes at the instance's SSH port: the routes race ([`race`]), the first to show an SSH server wins, and
//! what worked is remembered (`memory`).
//!
//! ```text
//! direct  DNS, TCP -----------------------------------------------> its banner
//! eice    DescribeInstanceConnectEndpoints -> its turn -> websocket -> banner
//! ssm     GetConnectionStatus -> its turn -> StartSession -> websocket -> handshake -> banner
//! ```
//!
//! How each is gone is `course`'s affair, why it was chosen `reason`'s.
//!
//! What is only asked is asked at once where direct is unlikely to do (no address from outside, or another route worked last
//! time), else at the route's turn: most connections are direct and should cost no call more.

mod course;
mod limit;
pub(super) mod memory;
pub mod race;
mod reason;
mod route_error;
mod session;
pub mod survey;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use self::course::{Arrival, Course};
pub use self::limit::announcement;
use self::memory::Remembered;
use self::race::Won;
use self::reason::{First, because};
pub use self::route_error::{FailedRoute, RouteError};
use super::{Error, Event, Events, Resolved, start};
use crate::aws::endpoints::EndpointQuery;
use crate::config::{AddressKind, Via};
use crate::plan::route::{self, ChosenEndpoint, ENDPOINT_PORTS, Route};
use crate::transport::link::Link;

/// How long an address from outside is given before another route starts.
const PUBLIC_PATIENCE: Duration = Duration::from_millis(500);
/// A private address answers at once, or it is not reached from here.
const PRIVATE_PATIENCE: Duration = Duration::from_millis(250);
const ENDPOINT_PATIENCE: Duration = Duration::from_secs(2);
const SESSION_PATIENCE: Duration = Duration::from_secs(4);

/// A link, and how it was had.
pub struct Reached {
    /// It.
    pub link: Link,
    /// By which route.
    pub route: Route,
    /// About how long an answer takes to come by it.
    pub round_trip: Duration,
    /// What stood in the way of the others, where no SSH server was seen on this one either.
    pub others: Vec<FailedRoute>,
}

impl Resolved {
    /// A link to the SSH port, by the route that was asked for or by the first that leads there.
    ///
    /// # Errors
    /// What stood in the way of each route.
    pub(super) async fn dial(&self, events: &Events) -> Result<Reached, Error> {
        let begun = Instant::now();
        loop {
            match self.round(events).await {
                Ok(reached) => return Ok(reached),
                Err(tried) if self.just_started && start::may_come_up(&tried, begun.elapsed()) => {
                    let (id, waited) = (&self.plan.instance.id, begun.elapsed().as_secs());
                    events(Event::Progress(format!("{id} runs, waiting for SSH ({waited} s)")));
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(tried) => return Err(self.no_route(tried)),
            }
        }
    }

    async fn round(&self, events: &Events) -> Result<Reached, Vec<FailedRoute>> {
        let plan = &self.plan;
        let (order, why) = self.order();
        let is_from_outside = plan.instance.has_public_address();
        let course = Course {
            resolved: self,
            events,
            asks_ahead: !is_from_outside || order.first() != Some(&Route::Direct),
            starts_with_session: order.first() == Some(&Route::Ssm),
        };
        let patience = |route| match route {
            Route::Direct if is_from_outside => PUBLIC_PATIENCE,
            Route::Direct => PRIVATE_PATIENCE,
            Route::Eice => ENDPOINT_PATIENCE,
            Route::Ssm => SESSION_PATIENCE,
        };
        match race::first(&order, patience, |route, turn| course.run(route, turn)).await {
            Ok(won) => Ok(self.won(won, &order, why, events)),
            Err(failed) => or_say_what_it_is(failed),
        }
    }

    /// The routes in their order, and why the first is the first.
    pub(super) fn order(&self) -> (Vec<Route>, First) {
        let plan = &self.plan;
        if plan.via != Via::Auto {
            return (route::order(plan.via, &plan.addresses, None), First::AsAskedFor);
        }
        let Remembered { route, is_direct_anothers } = memory::remembered(&plan.instance.id);
        // Who names a kind of address means that one, whatever worked without it.
        let worked_last = route.filter(|_| plan.address_kind == AddressKind::Auto);
        let mut order = route::order(plan.via, &plan.addresses, worked_last);
        let is_shut = self.is_direct_shut.load(Ordering::Relaxed) || is_direct_anothers;
        let is_shut = is_shut && !plan.instance.has_public_address() && plan.address_kind == AddressKind::Auto;
        if is_shut {
            order.retain(|route| *route != Route::Direct);
        }
        let why = match order.first() {
            first if worked_last.is_some() && first == worked_last.as_ref() => First::WorkedLast,
            Some(Route::Direct) => First::HasAddress,
            _ if is_shut => First::AddressIsAnothers,
            _ => First::HasNoAddress,
        };
        (order, why)
    }

    /// Says which route it is and why, and remembers it.
    fn won(&self, won: Won<Route, Arrival, RouteError>, order: &[Route], why: First, events: &Events) -> Reached {
        let Won { route, value, failed } = won;
        let why_this = match value.is_proven || why == First::AsAskedFor {
            true => because(route, order, why, &failed),
            false => "no SSH server has answered yet, and no other way leads there".to_owned(),
        };
        let line = format!("Route: {} ({why_this})", value.through);
        events(if why == First::AsAskedFor { Event::Step(line) } else { Event::Route(line) });
        // A machine that boots is reached by whatever is up first.
        let is_usual_wish = why != First::AsAskedFor && self.plan.address_kind == AddressKind::Auto;
        if is_usual_wish && value.is_proven && !self.just_started {
            self.remember(route, why == First::HasAddress && order.first() == Some(&route), events);
        }
        let link = match value.limit {
            Some(limit) => value.link.watched(limit::announce(limit, events)),
            None => value.link,
        };
        let others = failed.into_iter().map(|(route, route_error)| FailedRoute { route, route_error });
        Reached {
            link,
            route,
            round_trip: value.round_trip,
            others: if value.is_proven { Vec::new() } else { others.collect() },
        }
    }

    /// Remembers what worked, once it is known that it was the instance.
    fn remember(&self, route: Route, is_usual: bool, events: &Events) {
        let (id, confirmed, events) = (self.plan.instance.id.clone(), self.confirmed.clone(), Arc::clone(events));
        tokio::spawn(async move {
            if !confirmed.decided().await {
                return;
            }
            // It may have to wait for another process that writes.
            tokio::task::spawn_blocking(move || {
                if let Err(error) = memory::remember(&id, route, is_usual) {
                    events(Event::Step(format!("cannot remember the route: {error}")));
                }
            });
        });
    }

    fn no_route(&self, mut tried: Vec<FailedRoute>) -> Error {
        let plan = Box::new(self.plan.clone());
        match tried.as_slice() {
            [FailedRoute { route_error: RouteError::Tcp(_), .. }] => match tried.remove(0).route_error {
                RouteError::Tcp(source) => Error::Unreachable { plan, source },
                route_error => Error::NoRoute { plan, tried: vec![FailedRoute { route: Route::Direct, route_error }] },
            },
            _ => Error::NoRoute { plan, tried },
        }
    }

    /// The endpoint that serves.
    pub(super) async fn endpoint(&self) -> Result<ChosenEndpoint, RouteError> {
        let (plan, instance) = (&self.plan, &self.plan.instance);
        if !ENDPOINT_PORTS.contains(&plan.port) {
            return Err(RouteError::Port(plan.port));
        }
        let which = match (&plan.tunnel.endpoint_id, &instance.vpc_id) {
            (Some(id), _) => EndpointQuery::Id(id.clone()),
            (None, Some(vpc)) => EndpointQuery::Vpc(vpc.clone()),
            (None, None) => return Err(route::EndpointError::NotFound(None).into()),
        };
        let all = self.aws.endpoints(&which).await?;
        let is_named = plan.tunnel.endpoint_id.is_some();
        Ok(route::choose(&all, instance, plan.address_kind, is_named)?)
    }

    /// Whether the agent is there.
    pub(super) async fn agent(&self) -> Result<(), RouteError> {
        match self.aws.is_agent_connected(&self.plan.instance.id).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(RouteError::NoAgent),
            Err(error) => Err(error.into()),
        }
    }
}

/// A direct connection on which no SSH server spoke, where nothing else led anywhere: whoever speaks SSH over it will say
/// what it is.
fn or_say_what_it_is(failed: Vec<(Route, RouteError)>) -> Result<Reached, Vec<FailedRoute>> {
    let mut others = Vec::new();
    let mut found = None;
    for (route, route_error) in failed {
        match route_error {
            RouteError::NoIdentification { socket: Some(socket), .. } => found = Some((Link::Socket(socket), route)),
            route_error => others.push(FailedRoute { route, route_error }),
        }
    }
    match found {
        Some((link, route)) => Ok(Reached { link, route, round_trip: Duration::ZERO, others }),
        None => Err(others),
    }
}
