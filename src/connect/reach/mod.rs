//! From the plan to bytes at the instance's SSH port: the routes race ([`race`]), the first to show an SSH server wins, and
//! what worked is remembered (`memory`).
//!
//! ```text
//! direct  DNS, TCP -----------------------------------------------> its banner
//! eice    DescribeInstanceConnectEndpoints -> its turn -> websocket -> banner
//! ssm     GetConnectionStatus -> its turn -> StartSession -> websocket -> handshake -> banner
//! ```
//!
//! What is only asked is asked at once where direct is unlikely to do (no address from outside, or another route worked last
//! time), else at the route's turn: most connections are direct and should cost no call more.

pub(super) mod memory;
mod obstacle;
pub mod race;
mod session;
pub mod survey;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio_util::task::AbortOnDropHandle;

use self::memory::Remembered;
pub use self::obstacle::{Obstacle, Tried};
use self::race::{Turn, Won};
use super::{Error, Event, Events, Resolved, start};
use crate::aws::endpoints::{self, Which};
use crate::config::{AddressKind, Via};
use crate::plan::Address;
use crate::plan::route::{self, Chosen, ENDPOINT_PORTS, Route};
use crate::transport::link::{self, Link};
use crate::transport::tcp::{self, Host};
use crate::transport::websocket::{self, Frames};

/// From the connection to the server's first word.
const BANNER: Duration = Duration::from_secs(10);
/// How long an address from outside is given before another route starts.
const PUBLIC_PATIENCE: Duration = Duration::from_millis(500);
/// A private address answers at once, or it is not reached from here.
const PRIVATE_PATIENCE: Duration = Duration::from_millis(250);
const ENDPOINT_PATIENCE: Duration = Duration::from_secs(2);
const SESSION_PATIENCE: Duration = Duration::from_secs(4);
/// A tunnel's end is announced so long before.
const ANNOUNCED: Duration = Duration::from_secs(300);
/// The service's own limit of a tunnel's duration, in seconds.
const LONGEST_TUNNEL: u32 = 3600;

/// A link, and how it was had.
pub struct Reached {
    /// It.
    pub link: Link,
    /// By which route.
    pub route: Route,
    /// What stood in the way of the others, where no SSH server was seen on this one either.
    pub others: Vec<Tried>,
}

/// What a route brings.
struct Arrival {
    link: Link,
    /// Through what, in words.
    through: String,
    /// An SSH server was seen.
    is_proven: bool,
    /// It ends after so many seconds, whatever goes on in it.
    limit: Option<u32>,
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
                Err(tried) => return Err(self.no_way(tried)),
            }
        }
    }

    async fn round(&self, events: &Events) -> Result<Reached, Vec<Tried>> {
        let plan = &self.plan;
        let (order, why) = self.order();
        let is_from_outside = plan.instance.has_address_from_outside();
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
        let is_shut = is_shut && !plan.instance.has_address_from_outside() && plan.address_kind == AddressKind::Auto;
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
    fn won(&self, won: Won<Route, Arrival, Obstacle>, order: &[Route], why: First, events: &Events) -> Reached {
        let Won { route, value, failed } = won;
        let line = format!("Route: {} ({})", value.through, because(route, order, why, &failed));
        events(if why == First::AsAskedFor { Event::Step(line) } else { Event::Route(line) });
        // A machine that boots is reached by whatever is up first.
        let is_usual_wish = why != First::AsAskedFor && self.plan.address_kind == AddressKind::Auto;
        if is_usual_wish && value.is_proven && !self.just_started {
            let is_usual = why == First::HasAddress && order.first() == Some(&route);
            if let Err(error) = memory::remember(&self.plan.instance.id, route, is_usual) {
                events(Event::Step(format!("cannot remember the route: {error}")));
            }
        }
        let link = match value.limit {
            Some(limit) => value.link.watched(announce_end(limit, events)),
            None => value.link,
        };
        let others = failed.into_iter().map(|(route, obstacle)| Tried { route, obstacle });
        Reached { link, route, others: if value.is_proven { Vec::new() } else { others.collect() } }
    }

    fn no_way(&self, mut tried: Vec<Tried>) -> Error {
        let plan = Box::new(self.plan.clone());
        match tried.as_slice() {
            [Tried { obstacle: Obstacle::Tcp(_), .. }] => match tried.remove(0).obstacle {
                Obstacle::Tcp(source) => Error::Unreachable { plan, source },
                obstacle => Error::NoWay { plan, tried: vec![Tried { route: Route::Direct, obstacle }] },
            },
            _ => Error::NoWay { plan, tried },
        }
    }

    /// The endpoint that serves.
    pub(super) async fn endpoint(&self) -> Result<Chosen, Obstacle> {
        let (plan, instance) = (&self.plan, &self.plan.instance);
        if !ENDPOINT_PORTS.contains(&plan.port) {
            return Err(Obstacle::Port(plan.port));
        }
        let which = match (&plan.tunnel.endpoint_id, &instance.vpc_id) {
            (Some(id), _) => Which::Id(id.clone()),
            (None, Some(vpc)) => Which::Vpc(vpc.clone()),
            (None, None) => return Err(route::NoEndpoint::Absent(None).into()),
        };
        let all = self.aws.endpoints(&which).await?;
        let is_named = plan.tunnel.endpoint_id.is_some();
        Ok(route::choose(&all, instance, plan.address_kind, is_named)?)
    }

    /// Whether the agent is there.
    pub(super) async fn agent(&self) -> Result<(), Obstacle> {
        match self.aws.is_agent_connected(&self.plan.instance.id).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Obstacle::NoAgent),
            Err(error) => Err(error.into()),
        }
    }
}

/// A direct connection on which no SSH server spoke, where nothing else led anywhere: whoever speaks SSH over it will say
/// what it is.
fn or_say_what_it_is(failed: Vec<(Route, Obstacle)>) -> Result<Reached, Vec<Tried>> {
    let mut others = Vec::new();
    let mut found = None;
    for (route, obstacle) in failed {
        match obstacle {
            Obstacle::NoBanner { socket: Some(socket), .. } => found = Some((Link::Socket(socket), route)),
            obstacle => others.push(Tried { route, obstacle }),
        }
    }
    match found {
        Some((link, route)) => Ok(Reached { link, route, others }),
        None => Err(others),
    }
}

/// Why the first route is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    AsAskedFor,
    WorkedLast,
    HasAddress,
    /// What answers at its private address is another machine.
    AddressIsAnothers,
    HasNoAddress,
}

/// Why this route, in words.
fn because(route: Route, order: &[Route], why: First, failed: &[(Route, Obstacle)]) -> String {
    let before = order.iter().take_while(|other| **other != route);
    let before: Vec<String> = before
        .map(|other| match failed.iter().find(|(failed, _)| failed == other) {
            Some((_, obstacle)) => format!("{other}: {obstacle}"),
            None => format!("{other} has not answered yet"),
        })
        .collect();
    let first = match why {
        First::AsAskedFor => "as asked for",
        First::WorkedLast => "it worked last time",
        First::HasAddress => "it has an address that answers",
        First::AddressIsAnothers => "another machine answers at its private address",
        First::HasNoAddress => "it has no address to be dialled",
    };
    match (before.is_empty(), why) {
        (true, _) => first.to_owned(),
        (false, First::AddressIsAnothers) => format!("{first}; {}", before.join("; ")),
        (false, _) => before.join("; "),
    }
}

/// The routes as they are run.
struct Course<'a> {
    resolved: &'a Resolved,
    events: &'a Events,
    /// What is only asked is asked before the route's turn.
    asks_ahead: bool,
    /// Session Manager goes first: to start the session tells as well whether the agent is there.
    starts_with_session: bool,
}

impl Course<'_> {
    async fn run(&self, route: Route, turn: Turn) -> Result<Arrival, Obstacle> {
        match route {
            Route::Direct => self.direct(turn).await,
            Route::Eice => self.eice(turn).await,
            Route::Ssm => self.ssm(turn).await,
        }
    }

    fn step(&self, text: String) {
        (self.events)(Event::Step(text));
    }

    async fn direct(&self, mut turn: Turn) -> Result<Arrival, Obstacle> {
        turn.comes().await;
        let plan = &self.resolved.plan;
        let hosts: Vec<Host> = plan.addresses.iter().map(host).collect();
        let limit = if self.resolved.just_started { start::ROUND } else { tcp::CONNECT_TIMEOUT };
        let socket = tcp::connect(&hosts, plan.port, self.resolved.family, limit).await?;
        let peer = socket.peer_addr().map(|peer| peer.to_string()).unwrap_or_default();
        self.step(format!("connected to {peer}"));
        turn.headway();
        // Where there is no other way (any more), SSH begins: it can say best what it finds there.
        let spoken = tokio::select! {
            biased;
            spoken = link::banner_of(&socket, BANNER) => spoken.map(|()| true),
            () = turn.is_alone() => Ok(false),
        };
        match spoken {
            Ok(is_proven) => {
                let through = format!("direct to {peer}");
                Ok(Arrival { link: Link::Socket(socket), through, is_proven, limit: None })
            }
            Err(why) => Err(Obstacle::NoBanner { why, socket: Some(socket) }),
        }
    }

    async fn eice(&self, mut turn: Turn) -> Result<Arrival, Obstacle> {
        if !self.asks_ahead {
            turn.comes().await;
        }
        let chosen = self.resolved.endpoint().await?;
        turn.comes().await;
        let (link, limit) = self.tunnel(&chosen).await?;
        turn.headway();
        let link = banner(link, Some(&chosen.endpoint.id)).await?;
        Ok(Arrival { link, through: format!("endpoint {chosen}"), is_proven: true, limit: Some(limit) })
    }

    /// Opens the tunnel. Where a policy demands a limit of its duration, it is sent: the service's own is an hour.
    async fn tunnel(&self, chosen: &Chosen) -> Result<(Link, u32), Obstacle> {
        let asked = self.resolved.plan.tunnel.max_duration;
        let (opened, limit) = match self.open_tunnel(chosen, asked).await {
            Err(Obstacle::Tunnel { source, .. }) if asked.is_none() && demands_limit(&source) => {
                self.step(format!("{}: a policy demands maxTunnelDuration", chosen.endpoint.id));
                (self.open_tunnel(chosen, Some(LONGEST_TUNNEL)).await?, Some(LONGEST_TUNNEL))
            }
            other => (other?, asked),
        };
        let id = opened.request_id.unwrap_or_else(|| "no request id".to_owned());
        self.step(format!("{} opened a tunnel ({id})", chosen.endpoint.id));
        Ok((Link::tunnel(Frames::new(opened.socket)), limit.unwrap_or(LONGEST_TUNNEL)))
    }

    async fn open_tunnel(&self, chosen: &Chosen, limit: Option<u32>) -> Result<websocket::Opened, Obstacle> {
        let resolved = self.resolved;
        let tunnel = endpoints::Tunnel { address: chosen.address, port: resolved.plan.port, max_duration: limit };
        let url = resolved.aws.tunnel_url(&chosen.endpoint, &tunnel).await?;
        websocket::open(resolved.aws.dialler(), &url, &[]).await.map_err(|source| Obstacle::Tunnel {
            endpoint_id: chosen.endpoint.id.clone(),
            source: Box::new(source),
            has_max_duration: limit.is_some(),
        })
    }

    async fn ssm(&self, mut turn: Turn) -> Result<Arrival, Obstacle> {
        if !self.asks_ahead {
            turn.comes().await;
        }
        if !self.starts_with_session {
            match self.resolved.agent().await {
                // That this may not be asked says nothing about the session.
                Err(Obstacle::Aws(error)) if error.code().is_some() => {
                    self.step(format!("{error}; trying all the same"))
                }
                other => other?,
            }
        }
        turn.comes().await;
        let resolved = self.resolved;
        let stream = session::open(&resolved.aws, &resolved.plan.instance.id, resolved.plan.port, self.events).await?;
        turn.headway();
        let link = banner(Link::tunnel(stream), None).await?;
        Ok(Arrival { link, through: "Session Manager".to_owned(), is_proven: true, limit: None })
    }
}

async fn banner(link: Link, endpoint_id: Option<&str>) -> Result<Link, Obstacle> {
    link.with_banner(BANNER).await.map_err(|why| Obstacle::of(why, endpoint_id))
}

/// The condition key of a policy that caps the duration is all that the service's words have in common.
fn demands_limit(error: &websocket::Error) -> bool {
    let websocket::Error::Refused { refusal, .. } = error else { return false };
    refusal.message.to_ascii_lowercase().contains("maxtunnelduration")
}

/// A tunnel ends after its time, whatever goes on in it: that is said while there is time left.
fn announce_end(limit: u32, events: &Events) -> AbortOnDropHandle<()> {
    let events = events.clone();
    let (wait, text) = announcement(limit);
    AbortOnDropHandle::new(tokio::spawn(async move {
        tokio::time::sleep(wait).await;
        events(Event::Notice(text));
    }))
}

/// When to say that a tunnel of so many seconds is about to end, and how.
pub fn announcement(limit: u32) -> (Duration, String) {
    let limit = Duration::from_secs(limit.into());
    let left = limit.min(ANNOUNCED).as_secs();
    let left_in_words = if left < 120 { format!("{left} s") } else { format!("{} minutes", left / 60) };
    let text = format!(
        "This connection ends in {left_in_words}: a tunnel through an endpoint lasts {} s at most.",
        limit.as_secs()
    );
    (limit - Duration::from_secs(left), text)
}

fn host(address: &Address) -> Host {
    match address {
        Address::Name(name, instead) => Host::Name(name.clone(), *instead),
        Address::Ip(ip) => Host::Ip(*ip),
    }
}
