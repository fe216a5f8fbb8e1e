//! Dials each route (direct, EICE, SSM), up to the proof that its probe waits for.

use std::time::{Duration, Instant};

use super::error::RouteError;
use super::full::wait_for_place;
use super::race::Slot;
use super::{boot, queries, session};
use crate::aws::Aws;
use crate::aws::endpoints;
use crate::aws::sessions::SessionTo;
use crate::eice::Tunnel;
use crate::event::{Event, Events};
use crate::plan::RoutePlan;
use crate::plan::address::Address;
use crate::plan::endpoint::ChosenEndpoint;
use crate::plan::order::Route;
use crate::transport::link::Link;
use crate::transport::probe::Probe;
use crate::transport::tcp::{self, Host};
use crate::web::websocket;

/// The service's own limit of a tunnel's duration, in seconds.
const MAX_TUNNEL_DURATION: u32 = 3600;

/// A route that is open.
pub(super) struct Opened {
    /// The link to the port.
    pub link: Link,
    /// A description of the path, for the user.
    pub through: String,
    /// Set when the probe's proof was seen.
    pub proven: bool,
    /// The approximate time until an answer arrives.
    pub round_trip: Duration,
    /// The number of seconds after which the service cuts the link, if it does.
    pub limit: Option<u32>,
}

/// Opens the routes of one race.
pub(super) struct RouteOpener<'a> {
    /// The clients for the instance's account and region.
    pub aws: &'a Aws,
    /// The port to reach, and how.
    pub plan: &'a RoutePlan,
    /// Set when the instance is still booting.
    pub is_booting: bool,
    /// The proof to wait for.
    pub probe: &'a Probe,
    /// Receives the steps and notices.
    pub events: &'a Events,
    /// Send queries before the route's turn.
    pub queries_early: bool,
    /// Session Manager goes first: starting the session tells as well whether the agent is online.
    pub session_first: bool,
}

impl RouteOpener<'_> {
    /// Opens one of the routes.
    pub(super) async fn open(&self, route: Route, slot: Slot) -> Result<Opened, RouteError> {
        match route {
            Route::Direct => self.direct(slot).await,
            Route::Eice => self.eice(slot).await,
            Route::Ssm => self.ssm(slot).await,
        }
    }

    fn step(&self, text: String) {
        (self.events)(Event::Step(text));
    }

    async fn direct(&self, mut slot: Slot) -> Result<Opened, RouteError> {
        slot.wait_turn().await;
        let plan = self.plan;
        let hosts: Vec<Host> = plan.addresses.iter().map(host).collect();
        let limit = if self.is_booting { boot::CONNECT_TIMEOUT } else { tcp::CONNECT_TIMEOUT };
        let begun = Instant::now();
        let mut socket = tcp::connect(&hosts, plan.port, plan.family, limit).await?;
        let peer = socket.peer_addr().map(|peer| peer.to_string()).unwrap_or_default();
        self.step(format!("connected to {peer}"));
        slot.report_progress();
        let (connected_in, begun) = (begun.elapsed(), Instant::now());
        // When every other route has failed, the protocol begins: it can say best what the server is.
        let proven = tokio::select! {
            biased;
            proof = self.probe.peek(&mut socket) => proof.map(|()| true),
            () = slot.wait_last() => Ok(false),
        };
        match proven {
            Ok(proven) => {
                let through = format!("direct to {peer}");
                // Both are upper bounds: connecting includes name resolution and the race of the addresses.
                let round_trip = if proven { begun.elapsed() } else { connected_in };
                Ok(Opened { link: Link::Socket(socket), through, proven, round_trip, limit: None })
            }
            Err(source) => Err(RouteError::Unproven { source, socket: Some(socket) }),
        }
    }

    async fn eice(&self, mut slot: Slot) -> Result<Opened, RouteError> {
        if !self.queries_early {
            slot.wait_turn().await;
        }
        let chosen = queries::endpoint(self.aws, self.plan).await?;
        slot.wait_turn().await;
        let waiting = |waited: Duration| {
            let (id, seconds) = (&chosen.endpoint.id, waited.as_secs());
            let text = format!("waiting for {id}, all whose connections are in use ({seconds} s)");
            (self.events)(Event::Progress(text));
        };
        let opened = wait_for_place(async || self.tunnel(&chosen).await, || slot.is_last(), waiting).await;
        let (link, limit) = opened?;
        slot.report_progress();
        let (link, round_trip) = self.prove(link, Some(&chosen.endpoint.id)).await?;
        let through = format!("EICE {chosen}");
        Ok(Opened { link, through, proven: true, round_trip, limit: Some(limit) })
    }

    /// Opens the tunnel. A policy may demand a limit of its duration; then the service's own maximum is sent.
    async fn tunnel(&self, chosen: &ChosenEndpoint) -> Result<(Link, u32), RouteError> {
        let requested = self.plan.tunnel.max_duration;
        let (opened, limit) = match self.open_tunnel(chosen, requested).await {
            Err(RouteError::Tunnel { source, .. }) if requested.is_none() && demands_limit(&source) => {
                self.step(format!("{}: an IAM policy requires maxTunnelDuration", chosen.endpoint.id));
                (self.open_tunnel(chosen, Some(MAX_TUNNEL_DURATION)).await?, Some(MAX_TUNNEL_DURATION))
            }
            other => (other?, requested),
        };
        let id = opened.request_id.unwrap_or_else(|| "no request id".to_owned());
        self.step(format!("{} opened a tunnel ({id})", chosen.endpoint.id));
        Ok((Link::tunnel(Tunnel::new(opened.socket)), limit.unwrap_or(MAX_TUNNEL_DURATION)))
    }

    async fn open_tunnel(&self, chosen: &ChosenEndpoint, limit: Option<u32>) -> Result<websocket::Opened, RouteError> {
        let (aws, port) = (self.aws, self.plan.port);
        let request = endpoints::TunnelRequest { address: chosen.address, port, max_duration: limit };
        let url = aws.tunnel_url(&chosen.endpoint, &request).await?;
        websocket::open(aws.connector(), &url, &[]).await.map_err(|source| RouteError::Tunnel {
            endpoint_id: chosen.endpoint.id.clone(),
            source: Box::new(source),
            has_max_duration: limit.is_some(),
        })
    }

    async fn ssm(&self, mut slot: Slot) -> Result<Opened, RouteError> {
        if !self.queries_early {
            slot.wait_turn().await;
        }
        if !self.session_first {
            match queries::agent(self.aws, &self.plan.instance.id).await {
                // A denied query says nothing about the session.
                Err(RouteError::Aws(error)) if error.code().is_some() => {
                    self.step(format!("{error}; trying Session Manager all the same"));
                }
                other => other?,
            }
        }
        slot.wait_turn().await;
        let (aws, plan) = (self.aws, self.plan);
        let stream =
            session::open_session(aws, &plan.instance.id, SessionTo::Ssh(plan.port), self.events).await?.stream;
        slot.report_progress();
        let (link, round_trip) = self.prove(Link::tunnel(stream), None).await?;
        Ok(Opened { link, through: "Session Manager".to_owned(), proven: true, round_trip, limit: None })
    }

    /// Waits for the proof; returns how long it took, too.
    async fn prove(&self, link: Link, endpoint_id: Option<&str>) -> Result<(Link, Duration), RouteError> {
        let begun = Instant::now();
        let link = link.probe(self.probe).await.map_err(|error| RouteError::of_probe(error, endpoint_id))?;
        Ok((link, begun.elapsed()))
    }
}

/// Whether a policy demands a duration: its condition key is the only common part of the service's messages.
fn demands_limit(error: &websocket::Error) -> bool {
    let websocket::Error::Refused { refusal, .. } = error else { return false };
    refusal.message.to_ascii_lowercase().contains("maxtunnelduration")
}

fn host(address: &Address) -> Host {
    match address {
        Address::Name(name, fallback) => Host::Name(name.clone(), *fallback),
        Address::Ip(ip) => Host::Ip(*ip),
    }
}
