//! How each route is gone, from its first question to an SSH server's first word.

use std::time::{Duration, Instant};

use super::race::Turn;
use super::{RouteError, session};
use crate::aws::endpoints;
use crate::connect::{Event, Events, Resolved, start};
use crate::plan::Address;
use crate::plan::route::{ChosenEndpoint, Route};
use crate::transport::link::{self, Link};
use crate::transport::tcp::{self, Host};
use crate::transport::websocket::{self, FrameStream};

/// From the connection to the server's first word.
const BANNER: Duration = Duration::from_secs(10);
/// The service's own limit of a tunnel's duration, in seconds.
const LONGEST_TUNNEL: u32 = 3600;

/// What a route brings.
pub struct Arrival {
    /// The link.
    pub link: Link,
    /// Through what, in words.
    pub through: String,
    /// An SSH server was seen.
    pub is_proven: bool,
    /// About how long an answer takes to come.
    pub round_trip: Duration,
    /// It ends after so many seconds, whatever goes on in it.
    pub limit: Option<u32>,
}

/// The routes as they are run.
pub struct Course<'a> {
    /// What is to be reached.
    pub resolved: &'a Resolved,
    /// Where the steps are told.
    pub events: &'a Events,
    /// What is only asked is asked before the route's turn.
    pub asks_ahead: bool,
    /// Session Manager goes first: to start the session tells as well whether the agent is there.
    pub starts_with_session: bool,
}

impl Course<'_> {
    /// Goes one of them.
    pub async fn run(&self, route: Route, turn: Turn) -> Result<Arrival, RouteError> {
        match route {
            Route::Direct => self.direct(turn).await,
            Route::Eice => self.eice(turn).await,
            Route::Ssm => self.ssm(turn).await,
        }
    }

    fn step(&self, text: String) {
        (self.events)(Event::Step(text));
    }

    async fn direct(&self, mut turn: Turn) -> Result<Arrival, RouteError> {
        turn.comes().await;
        let plan = &self.resolved.plan;
        let hosts: Vec<Host> = plan.addresses.iter().map(host).collect();
        let limit = if self.resolved.just_started { start::ROUND } else { tcp::CONNECT_TIMEOUT };
        let begun = Instant::now();
        let socket = tcp::connect(&hosts, plan.port, self.resolved.family, limit).await?;
        let peer = socket.peer_addr().map(|peer| peer.to_string()).unwrap_or_default();
        self.step(format!("connected to {peer}"));
        turn.headway();
        let (connected_in, begun) = (begun.elapsed(), Instant::now());
        // Where there is no other way (any more), SSH begins: it can say best what it finds there.
        let spoken = tokio::select! {
            biased;
            spoken = link::peek_banner(&socket, BANNER) => spoken.map(|()| true),
            () = turn.is_alone() => Ok(false),
        };
        match spoken {
            Ok(is_proven) => {
                let through = format!("direct to {peer}");
                // Both are a little more than it; names are resolved and addresses raced in the first.
                let round_trip = if is_proven { begun.elapsed() } else { connected_in };
                Ok(Arrival { link: Link::Socket(socket), through, is_proven, round_trip, limit: None })
            }
            Err(why) => Err(RouteError::NoIdentification { why, socket: Some(socket) }),
        }
    }

    async fn eice(&self, mut turn: Turn) -> Result<Arrival, RouteError> {
        if !self.asks_ahead {
            turn.comes().await;
        }
        let chosen = self.resolved.endpoint().await?;
        turn.comes().await;
        let (link, limit) = self.tunnel(&chosen).await?;
        turn.headway();
        let (link, round_trip) = banner(link, Some(&chosen.endpoint.id)).await?;
        let through = format!("endpoint {chosen}");
        Ok(Arrival { link, through, is_proven: true, round_trip, limit: Some(limit) })
    }

    /// Opens the tunnel. Where a policy demands a limit of its duration, it is sent: the service's own is an hour.
    async fn tunnel(&self, chosen: &ChosenEndpoint) -> Result<(Link, u32), RouteError> {
        let asked = self.resolved.plan.tunnel.max_duration;
        let (opened, limit) = match self.open_tunnel(chosen, asked).await {
            Err(RouteError::Tunnel { source, .. }) if asked.is_none() && demands_limit(&source) => {
                self.step(format!("{}: a policy demands maxTunnelDuration", chosen.endpoint.id));
                (self.open_tunnel(chosen, Some(LONGEST_TUNNEL)).await?, Some(LONGEST_TUNNEL))
            }
            other => (other?, asked),
        };
        let id = opened.request_id.unwrap_or_else(|| "no request id".to_owned());
        self.step(format!("{} opened a tunnel ({id})", chosen.endpoint.id));
        Ok((Link::tunnel(FrameStream::new(opened.socket)), limit.unwrap_or(LONGEST_TUNNEL)))
    }

    async fn open_tunnel(&self, chosen: &ChosenEndpoint, limit: Option<u32>) -> Result<websocket::Opened, RouteError> {
        let resolved = self.resolved;
        let tunnel =
            endpoints::TunnelRequest { address: chosen.address, port: resolved.plan.port, max_duration: limit };
        let url = resolved.aws.tunnel_url(&chosen.endpoint, &tunnel).await?;
        websocket::open(resolved.aws.connector(), &url, &[]).await.map_err(|source| RouteError::Tunnel {
            endpoint_id: chosen.endpoint.id.clone(),
            source: Box::new(source),
            has_max_duration: limit.is_some(),
        })
    }

    async fn ssm(&self, mut turn: Turn) -> Result<Arrival, RouteError> {
        if !self.asks_ahead {
            turn.comes().await;
        }
        if !self.starts_with_session {
            match self.resolved.agent().await {
                // That this may not be asked says nothing about the session.
                Err(RouteError::Aws(error)) if error.code().is_some() => {
                    self.step(format!("{error}; trying all the same"))
                }
                other => other?,
            }
        }
        turn.comes().await;
        let resolved = self.resolved;
        let stream = session::open(&resolved.aws, &resolved.plan.instance.id, resolved.plan.port, self.events).await?;
        turn.headway();
        let (link, round_trip) = banner(Link::tunnel(stream), None).await?;
        Ok(Arrival { link, through: "Session Manager".to_owned(), is_proven: true, round_trip, limit: None })
    }
}

/// The server's first word, and how long it took.
async fn banner(link: Link, endpoint_id: Option<&str>) -> Result<(Link, Duration), RouteError> {
    let begun = Instant::now();
    let link = link.wait_for_banner(BANNER).await.map_err(|why| RouteError::of(why, endpoint_id))?;
    Ok((link, begun.elapsed()))
}

/// The condition key of a policy that caps the duration is all that the service's words have in common.
fn demands_limit(error: &websocket::Error) -> bool {
    let websocket::Error::Refused { refusal, .. } = error else { return false };
    refusal.message.to_ascii_lowercase().contains("maxtunnelduration")
}

fn host(address: &Address) -> Host {
    match address {
        Address::Name(name, instead) => Host::Name(name.clone(), *instead),
        Address::Ip(ip) => Host::Ip(*ip),
    }
}
