//! [`Ports`]: the ports of an instance without a login: by Session Manager's documents for ports, which need no user, no key and no sshd;
//! and by an endpoint, which connects to ports 22 and 3389.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::speculative::search;
use crate::aws::sessions::SessionTo;
use crate::aws::{Aws, AwsPool};
use crate::config::Via;
use crate::confirm::ConfirmGate;
use crate::event::{Event, Events};
use crate::forward::opener::{Ask, OpenError, Opened, Reason};
use crate::forward_spec::Destination;
use crate::plan::order::Route;
use crate::plan::{RoutePlan, plan_route};
use crate::route::{FailedRoute, RouteDialer, RouteError, open_session, tcp_connection};
use crate::settings::Settings;
use crate::ssm;
use crate::ssm::channel::OpenChannel;
use crate::ssm::mux::Mux;
use crate::ssm::stream::SessionStream;

/// The time for which it is tried again where the network fails.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// The names of the instance itself, as its agent takes them. Newer agents refuse them where a host behind it is asked for.
const ITSELF: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// The ports that an endpoint connects to.
const ENDPOINT_PORTS: [u16; 2] = [22, 3389];

/// The session to one place, if it stands; locked while it is opened.
type Session = Arc<Mutex<Option<Mux>>>;

/// A session that stands.
enum Standing {
    /// A session that carries several connections.
    Several(Mux),
    /// A session that is one connection.
    One(SessionStream),
}

/// A way to a port that needs no login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A session of Session Manager, by its documents for ports.
    Session,
    /// An EC2 Instance Connect Endpoint.
    Endpoint,
    /// A connection to the instance's address.
    Direct,
}

/// The ways of forwards, in their order: a session carries many connections.
const FORWARD: &[Way] = &[Way::Session, Way::Endpoint];
/// The ways of a desktop, in their order: an endpoint has no limit of speed of a session's.
const DESKTOP: &[Way] = &[Way::Endpoint, Way::Session, Way::Direct];

/// The ports of one instance.
pub(crate) struct Ports {
    aws: Aws,
    plan: RoutePlan,
    events: Events,
    ways: &'static [Way],
    /// The way that has led to the server before.
    proven: std::sync::Mutex<Option<Way>>,
    /// The sessions that carry several connections, by where they lead.
    sessions: Mutex<HashMap<Destination, Session>>,
}

/// Finds the instance, and makes sure that these destinations can be reached.
///
/// # Errors
/// The instance is not found, or no route leads to one of them.
pub(crate) async fn ports(
    pool: &AwsPool,
    settings: Settings,
    destinations: &[Destination],
    events: &Events,
) -> Result<Ports, Error> {
    let search = search(pool, settings, false).await?;
    let located = Box::pin(search.find(events)).await?;
    let settings = search.settings.for_instance(&located.instance);
    let plan = plan_route(&settings, located.account, located.instance)?;
    let ports = Ports {
        aws: search.aws,
        plan,
        events: Arc::clone(events),
        ways: FORWARD,
        proven: std::sync::Mutex::default(),
        sessions: Mutex::default(),
    };
    let opening = destinations.iter().map(|to| ports.prepare(to));
    futures_util::future::try_join_all(opening).await?;
    let through = if ports.plan.via == Via::Eice { "an EC2 Instance Connect Endpoint" } else { "Session Manager" };
    events(Event::Route(format!("Route: {through}, without a login")));
    Ok(ports)
}

/// Makes the ports of an instance that was found, for its desktop.
pub(super) fn desktop_ports(aws: Aws, plan: RoutePlan, events: &Events) -> Ports {
    Ports {
        aws,
        plan,
        events: Arc::clone(events),
        ways: DESKTOP,
        proven: std::sync::Mutex::default(),
        sessions: Mutex::default(),
    }
}

impl Ports {
    /// Returns the plan by which the instance is reached.
    pub(crate) fn plan(&self) -> &RoutePlan {
        &self.plan
    }

    /// Opens the session to this place before it is needed.
    async fn prepare(&self, to: &Destination) -> Result<(), Error> {
        let Some((host, port)) = tcp(to) else { return Ok(()) };
        let by_endpoint = goes_by_endpoint(host, port);
        let (route, error) = if self.plan.via == Via::Eice {
            match by_endpoint {
                true => return Ok(()),
                false => (Route::Eice, RouteError::Port(port)),
            }
        } else {
            match self.session(to, host, port).await {
                Ok(_) => return Ok(()),
                // The endpoint is dialed for each connection.
                Err(_) if self.plan.via == Via::Auto && by_endpoint => return Ok(()),
                Err(error) => (Route::Ssm, error),
            }
        };
        let via = if route == Route::Eice { Via::Eice } else { Via::Ssm };
        let plan = Box::new(RoutePlan { port, via, ..self.plan.clone() });
        Err(Error::NoRoute { plan, failed: vec![FailedRoute { route, error }].into(), groups: None })
    }

    /// Returns the ways to this port: those that the options allow.
    pub(super) fn ways(&self, host: &str, port: u16) -> Vec<Way> {
        let only = match self.plan.via {
            Via::Auto => None,
            Via::Eice => Some(Way::Endpoint),
            Via::Direct if self.ways.contains(&Way::Direct) => Some(Way::Direct),
            Via::Ssm | Via::Direct => Some(Way::Session),
        };
        let fits = |way: &Way| match only {
            Some(only) => *way == only,
            None => *way != Way::Endpoint || goes_by_endpoint(host, port),
        };
        let mut ways: Vec<Way> = self.ways.iter().copied().filter(fits).collect();
        let proven = *self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        ways.sort_by_key(|way| Some(*way) != proven);
        ways
    }

    /// Takes this way first from now on: the server has answered there.
    pub(super) fn prove(&self, way: Way) {
        *self.proven.lock().unwrap_or_else(PoisonError::into_inner) = Some(way);
    }

    /// Opens a connection by the first way that leads there; returns the failures of all otherwise.
    async fn open_port(&self, to: &Destination, host: &str, port: u16) -> Result<Opened, Vec<FailedRoute>> {
        let mut failures = Vec::new();
        for way in self.ways(host, port) {
            if let Some(FailedRoute { error, .. }) = failures.last() {
                (self.events)(Event::Step(format!("{error}; trying {way}")));
            }
            match self.open_by(way, to, host, port).await {
                Ok(opened) => return Ok(opened),
                Err(error) => failures.extend(error),
            }
        }
        Err(failures)
    }

    /// Opens a connection by this way.
    pub(super) async fn open_by(
        &self,
        way: Way,
        to: &Destination,
        host: &str,
        port: u16,
    ) -> Result<Opened, Vec<FailedRoute>> {
        match way {
            Way::Session => self.by_session(to, host, port).await.map_err(|error| failed(Route::Ssm, error)),
            Way::Endpoint if !goes_by_endpoint(host, port) => Err(failed(Route::Eice, RouteError::Port(port))),
            Way::Endpoint => self.by_route(Via::Eice, port).await,
            Way::Direct => self.by_route(Via::Direct, port).await,
        }
    }

    /// Opens a connection in the session to this place.
    async fn by_session(&self, to: &Destination, host: &str, port: u16) -> Result<Opened, RouteError> {
        match self.session(to, host, port).await? {
            Standing::Several(mux) => {
                let ended = |_| RouteError::from(ssm::Error::Lost("it has ended".to_owned()));
                let stream = mux.open().await.map_err(ended)?;
                Ok(Opened { closed: stream.closed(), stream: Box::new(stream) })
            }
            Standing::One(stream) => Ok(Opened { stream: Box::new(stream), closed: CancellationToken::new() }),
        }
    }

    /// Returns the session to this place; an old agent has one for each connection.
    async fn session(&self, to: &Destination, host: &str, port: u16) -> Result<Standing, RouteError> {
        let session = Arc::clone(self.sessions.lock().await.entry(to.clone()).or_default());
        let mut standing = session.lock().await;
        if let Some(mux) = standing.as_ref().filter(|mux| !mux.is_ended()) {
            return Ok(Standing::Several(mux.clone()));
        }
        let target =
            if is_itself(host) { SessionTo::Port(port) } else { SessionTo::RemotePort { host: host.to_owned(), port } };
        let OpenChannel { stream, agent, refusals } = self.start(target).await?;
        if !agent.supports_mux() {
            return Ok(Standing::One(stream));
        }
        let mux = Mux::start(stream, refusals, agent.wants_keepalives());
        *standing = Some(mux.clone());
        Ok(Standing::Several(mux))
    }

    /// Starts a session; where the network fails, tries again for a while.
    async fn start(&self, to: SessionTo) -> Result<OpenChannel, RouteError> {
        let begun = Instant::now();
        loop {
            match open_session(&self.aws, &self.plan.instance.id, to.clone(), &self.events).await {
                Err(error) if is_transient(&error) && begun.elapsed() < RETRY_TIMEOUT => sleep(RETRY_INTERVAL).await,
                other => return other,
            }
        }
    }

    /// Opens a connection by one of the routes that SSH has, too.
    async fn by_route(&self, via: Via, port: u16) -> Result<Opened, Vec<FailedRoute>> {
        let plan = RoutePlan { via, port, ..self.plan.clone() };
        let dialer = RouteDialer::new(self.aws.clone(), plan, None, ConfirmGate::open());
        let dialed = dialer.open(&tcp_connection(), &self.events).await?;
        Ok(Opened { stream: Box::new(dialed.link.into_stream()), closed: CancellationToken::new() })
    }
}

fn failed(route: Route, error: RouteError) -> Vec<FailedRoute> {
    vec![FailedRoute { route, error }]
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session => "Session Manager",
            Self::Endpoint => "an endpoint",
            Self::Direct => "a direct connection",
        })
    }
}

impl Ports {
    /// Opens the connections that are asked for, as long as it is polled.
    pub(crate) async fn serve(&self, mut asked: mpsc::Receiver<Ask>) {
        let mut opening = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(Ask { to, reply }) = asked.recv() => opening.push(async move {
                    // Nobody waits any more where the client has gone.
                    drop(reply.send(self.open(&to).await));
                }),
                Some(()) = opening.next() => {}
                else => return,
            }
        }
    }

    async fn open(&self, to: &Destination) -> Result<Opened, OpenError> {
        let error = |message: String| OpenError { reason: Reason::Other, message };
        let (host, port) = tcp(to).ok_or_else(|| error("a socket needs a login".to_owned()))?;
        let failures = self.open_port(to, host, port).await;
        failures.map_err(|failed| {
            let all: Vec<String> = failed.iter().map(|failed| failed.error.to_string()).collect();
            error(if all.is_empty() { "no endpoint".to_owned() } else { all.join("; ") })
        })
    }
}

fn tcp(to: &Destination) -> Option<(&str, u16)> {
    match to {
        Destination::Tcp { host, port } => Some((host, *port)),
        Destination::Unix(_) | Destination::Socks => None,
    }
}

fn is_itself(host: &str) -> bool {
    ITSELF.contains(&host)
}

fn goes_by_endpoint(host: &str, port: u16) -> bool {
    is_itself(host) && ENDPOINT_PORTS.contains(&port)
}

fn is_transient(error: &RouteError) -> bool {
    match error {
        RouteError::Session(error) => error.is_transient(),
        RouteError::Aws(error) => error.is_outage(),
        _ => false,
    }
}
