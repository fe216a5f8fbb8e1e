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

mod memory;
mod obstacle;
pub mod race;
mod session;
pub mod survey;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio_util::task::AbortOnDropHandle;

pub use self::obstacle::{Obstacle, Tried};
use self::race::{Turn, Won};
use super::{Error, Event, Events, Resolved, start};
use crate::aws;
use crate::aws::endpoints::{self, Which};
use crate::config::Via;
use crate::plan::route::{self, Chosen, ENDPOINT_PORTS, Route};
use crate::plan::{Address, Plan};
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
}

/// What a route brings.
struct Arrival {
    link: Link,
    /// Through what, in words.
    through: String,
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
        let is_auto = plan.via == Via::Auto;
        let worked_last = if is_auto { memory::remembered(&plan.instance.id) } else { None };
        let mut order = route::order(plan.via, &plan.addresses, worked_last);
        if self.is_direct_shut.load(Ordering::Relaxed) {
            order.retain(|route| *route != Route::Direct);
        }
        let is_from_outside = plan.instance.has_address_from_outside();
        let course = Course {
            resolved: self,
            events,
            asks_ahead: !is_from_outside || order.first() != Some(&Route::Direct),
            is_alone: order.len() == 1,
        };
        let patience = |route| match route {
            Route::Direct if is_from_outside => PUBLIC_PATIENCE,
            Route::Direct => PRIVATE_PATIENCE,
            Route::Eice => ENDPOINT_PATIENCE,
            Route::Ssm => SESSION_PATIENCE,
        };
        match race::first(&order, patience, |route, turn| course.run(route, turn)).await {
            Ok(Won { route, value, failed }) => {
                let because = because(plan, route, &order, worked_last, &failed);
                let line = format!("Route: {} ({because})", value.through);
                events(if is_auto { Event::Route(line) } else { Event::Step(line) });
                if is_auto && let Err(error) = memory::remember(&plan.instance.id, route, order.first() == Some(&route))
                {
                    events(Event::Step(format!("cannot remember the route: {error}")));
                }
                Ok(Reached { link: value.link, route })
            }
            Err(failed) => or_say_what_it_is(failed),
        }
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
        let which = match (&plan.tunnel.endpoint_id, &instance.vpc_id) {
            (Some(id), _) => Which::Id(id.clone()),
            (None, Some(vpc)) => Which::Vpc(vpc.clone()),
            (None, None) => return Err(route::NoEndpoint::Absent(None).into()),
        };
        let all = self.aws.endpoints(&which).await?;
        let is_named = plan.tunnel.endpoint_id.is_some();
        Ok(route::choose(&all, instance, plan.address_kind, is_named)?)
    }

    /// Whether the agent is there, as far as AWS tells: that this may not be asked says nothing about the session.
    pub(super) async fn agent(&self) -> Result<(), Obstacle> {
        match self.aws.is_agent_connected(&self.plan.instance.id).await {
            Ok(false) => Err(Obstacle::NoAgent),
            Ok(true) | Err(aws::Error::Service { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A direct connection on which no SSH server spoke, where nothing else led anywhere: whoever speaks SSH over it will say
/// what it is.
fn or_say_what_it_is(failed: Vec<(Route, Obstacle)>) -> Result<Reached, Vec<Tried>> {
    let mut tried = Vec::new();
    let mut found = None;
    for (route, obstacle) in failed {
        match obstacle {
            Obstacle::NoBanner { socket: Some(socket), .. } => {
                found = Some(Reached { link: Link::Socket(socket), route });
            }
            obstacle => tried.push(Tried { route, obstacle }),
        }
    }
    found.ok_or(tried)
}

/// Why this route, in words.
fn because(
    plan: &Plan,
    route: Route,
    order: &[Route],
    worked_last: Option<Route>,
    failed: &[(Route, Obstacle)],
) -> String {
    if plan.via != Via::Auto {
        return "as asked for".to_owned();
    }
    let before = order.iter().take_while(|other| **other != route);
    let before: Vec<String> = before
        .map(|other| match failed.iter().find(|(failed, _)| failed == other) {
            Some((_, obstacle)) => format!("{other}: {obstacle}"),
            None => format!("{other} has not answered yet"),
        })
        .collect();
    match (before.is_empty(), route) {
        (false, _) => before.join("; "),
        (true, _) if worked_last == Some(route) => "it worked last time".to_owned(),
        (true, Route::Direct) if plan.instance.public_ip.is_some() => "it has a public address".to_owned(),
        (true, Route::Direct) => "it answers from here".to_owned(),
        (true, _) => "it has no address to be dialled".to_owned(),
    }
}

/// The routes as they are run.
struct Course<'a> {
    resolved: &'a Resolved,
    events: &'a Events,
    /// What is only asked is asked before the route's turn.
    asks_ahead: bool,
    /// There is no other route.
    is_alone: bool,
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
            spoken = link::banner_of(&socket, BANNER) => spoken,
            () = turn.is_alone() => Ok(()),
        };
        match spoken {
            Ok(()) => Ok(Arrival { link: Link::Socket(socket), through: format!("direct to {peer}") }),
            Err(why) => Err(Obstacle::NoBanner { why, socket: Some(socket) }),
        }
    }

    async fn eice(&self, mut turn: Turn) -> Result<Arrival, Obstacle> {
        let plan = &self.resolved.plan;
        if !ENDPOINT_PORTS.contains(&plan.port) {
            return Err(Obstacle::Port(plan.port));
        }
        if !self.asks_ahead {
            turn.comes().await;
        }
        let chosen = self.resolved.endpoint().await?;
        turn.comes().await;
        let link = self.tunnel(&chosen).await?;
        turn.headway();
        let link = banner(link, Some(&chosen.endpoint.id)).await?;
        Ok(Arrival { link, through: format!("endpoint {chosen}") })
    }

    /// Opens the tunnel. Where a policy demands a limit of its duration, it is sent: the service's own is an hour.
    async fn tunnel(&self, chosen: &Chosen) -> Result<Link, Obstacle> {
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
        let watch = announce_end(limit.unwrap_or(LONGEST_TUNNEL), self.events);
        Ok(Link::Tunnel { stream: Box::new(Frames::new(opened.socket)), watch: Some(watch) })
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
        if !self.is_alone {
            self.resolved.agent().await?;
        }
        turn.comes().await;
        let resolved = self.resolved;
        let stream = session::open(&resolved.aws, &resolved.plan.instance.id, resolved.plan.port, self.events).await?;
        turn.headway();
        let link = banner(Link::tunnel(stream), None).await?;
        Ok(Arrival { link, through: "Session Manager".to_owned() })
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
fn announce_end(seconds: u32, events: &Events) -> AbortOnDropHandle<()> {
    let (events, limit) = (events.clone(), Duration::from_secs(seconds.into()));
    AbortOnDropHandle::new(tokio::spawn(async move {
        let left = limit.min(ANNOUNCED);
        tokio::time::sleep(limit - left).await;
        let left = match left.as_secs() {
            seconds @ ..120 => format!("{seconds} s"),
            seconds => format!("{} minutes", seconds / 60),
        };
        let text = format!("The endpoint ends this connection in {left}: it lets none last longer than {seconds} s.");
        events(Event::Notice(text));
    }))
}

fn host(address: &Address) -> Host {
    match address {
        Address::Name(name, instead) => Host::Name(name.clone(), *instead),
        Address::Ip(ip) => Host::Ip(*ip),
    }
}
