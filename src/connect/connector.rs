//! [`Connector`]: the connection to one instance, which can be made as often as needed. The key is pushed while the route is dialed
//! and the keys are exchanged; then it logs in.

use std::sync::Arc;
use std::time::Duration;

use super::authentication::{KeySource, LoginError, log_in};
use super::boot::{self, BootRetry};
use super::caller_key::CallerKey;
use super::ephemeral_keys::EphemeralKeys;
use super::error::Error;
use super::jump::Jump;
use super::key_file::LazyKey;
use super::login::LoginLookup;
use super::outage;
use super::public_key::PublicKeyLine;
use super::speculative::Attempt;
use crate::confirm::ConfirmGate;
use crate::event::{Event, Events};
use crate::plan::order::Route;
use crate::plan::{self, Plan, RoutePlan};
use crate::program::Purpose;
use crate::route::{Dialed, FailedRoute, RouteDialer, ssh_identification};
use crate::settings::Settings;
use crate::ssh;
use crate::ssh::client::{Connection, HandshakeError};
use crate::ssh::options::{Backlog, ConnectionOptions, Timeouts, Window};
use crate::transport::link::Link;
use crate::trust::{self, InstanceVerifier};

/// The rate of Session Manager's agent, in bytes per second.
const AGENT_RATE: u32 = 770_000;

/// The interval of keepalives that are never sent (ServerAliveInterval 0).
const NO_KEEPALIVES: Duration = Duration::from_secs(365 * 24 * 3600);

/// Connects to one instance.
pub(super) struct Connector {
    settings: Arc<Settings>,
    dialer: RouteDialer,
    login: LoginLookup,
    key: KeySource,
    verifier: Arc<InstanceVerifier>,
    confirmed: ConfirmGate,
    jump: Option<Arc<Jump>>,
}

impl Connector {
    /// Makes a connector; `key_file` is used instead of a pushed key. On a first contact the instance's console is read from now
    /// on, beside whatever follows.
    pub(super) fn new(
        attempt: Attempt,
        key_file: Option<Arc<LazyKey>>,
        jump: Option<Arc<Jump>>,
        events: &Events,
    ) -> Self {
        let Attempt { search, located, plan, confirmed } = attempt;
        let (aws, settings) = (search.aws, search.settings);
        let verifier = trust::verifier(&aws, &plan, &settings, &confirmed, events);
        let key = match key_file {
            Some(file) => KeySource::File(file),
            None => {
                let (account, id) = (&plan.account, &plan.instance.id);
                let keys = Box::new(EphemeralKeys::new(aws.clone(), account, id, settings.share_key));
                if settings.offline { KeySource::Known(keys) } else { KeySource::Pushed(keys) }
            }
        };
        let login = LoginLookup::new(aws.clone(), located.clone(), settings.user.clone());
        let dialer = RouteDialer::new(aws, plan, located.booting, confirmed.clone());
        Self { settings, dialer, login, key, verifier: Arc::new(verifier), confirmed, jump }
    }

    /// Returns the plan, with its login.
    pub(super) async fn plan(&self, events: &Events) -> Plan {
        plan::plan(&self.settings, self.route_plan().clone(), self.login.get(events).await.login.clone())
    }

    fn route_plan(&self) -> &RoutePlan {
        &self.dialer.plan
    }

    /// Opens the connection and logs in. An attempt is repeated once where the first one could not succeed, and for a while on
    /// an instance that was just started.
    pub(super) async fn connect(&self, purpose: Purpose, events: &Events) -> Result<Connection, Error> {
        if let KeySource::File(file) = &self.key {
            // A prompt can outlast the server's LoginGraceTime, so the passphrase is asked for first.
            file.key(events).await?;
        }
        let mut retry = self.dialer.booting.map(BootRetry::new);
        let mut asked_for_printed = false;
        let mut reconnected = false;
        loop {
            let error = match self.attempt(purpose, events).await {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            };
            match &error {
                Error::HostKey { source, .. }
                    if matches!(**source, trust::Error::AlgorithmNotPrinted) && !asked_for_printed =>
                {
                    asked_for_printed = true;
                    events(Event::Step(format!("{source}: connecting again")));
                }
                // The server may have closed the connection while the user answered. The key is known by now.
                Error::Ssh { source, .. } if was_cut_off(source) && self.verifier.take_prompted() && !reconnected => {
                    reconnected = true;
                    events(Event::Step(format!("{source} during the host key prompt: connecting again")));
                }
                _ if retry.as_mut().is_some_and(|retry| retry.is_worthwhile(&error)) => {
                    let waited = retry.as_ref().map_or(0, |retry| retry.elapsed().as_secs());
                    let id = &self.route_plan().instance.id;
                    events(Event::Progress(format!("waiting for {id} to accept logins ({waited} s)")));
                    tokio::time::sleep(boot::RETRY_INTERVAL).await;
                }
                _ => return Err(error),
            }
        }
    }

    async fn attempt(&self, purpose: Purpose, events: &Events) -> Result<Connection, Error> {
        if let KeySource::Pushed(keys) = &self.key {
            keys.start_over();
        }
        let (_, mut connection) = tokio::try_join!(self.authorize(events), self.handshake(purpose, events))?;
        self.confirmed.wait().await;
        self.prepare_for(&connection);
        let user = &self.login.get(events).await.login.user;
        events(Event::Doing(format!("logging in to {} as {user}", self.route_plan().instance.id)));
        // The handshake may have taken as long as a user needs to answer: a key is pushed again where that is needed.
        match log_in(&mut connection, &self.key, user, events).await {
            Ok(()) => {}
            Err(LoginError::Denied { methods, took }) => return Err(self.denied(methods, took, events).await),
            Err(LoginError::Ssh(source)) => return Err(Error::ssh(self.route_plan(), source, Vec::new())),
            Err(LoginError::NoKey(error)) => return Err(error),
        }
        if let KeySource::Pushed(keys) = &self.key {
            keys.remember(events);
        }
        events(Event::Step(format!("logged in as {user}")));
        Ok(connection)
    }

    /// A server without an ed25519 host key is in FIPS mode, or its policy is as strict: it takes no ed25519 user key either.
    fn prepare_for(&self, connection: &Connection) {
        if let (KeySource::Pushed(keys), false) = (&self.key, connection.has_ed25519_host_key()) {
            keys.prefer_rsa();
        }
    }

    /// Returns once the login user is known and the instance admits the key.
    async fn authorize(&self, events: &Events) -> Result<(), Error> {
        if let KeySource::Known(_) = self.key {
            return Ok(());
        }
        let user = &self.login.get(events).await.login.user;
        self.key.authorized(user, events).await.map(drop)
    }

    async fn denied(&self, methods: Vec<String>, took: Duration, events: &Events) -> Error {
        let plan = Box::new(self.plan(events).await);
        let image = self.login.get(events).await.image.clone().map(Box::new);
        Error::Denied { plan, image, methods, took: Some(took) }
    }

    /// Dials and exchanges keys. Where the host key says that another machine answers at a private address, the other routes are
    /// tried.
    async fn handshake(&self, purpose: Purpose, events: &Events) -> Result<Connection, Error> {
        let Dialed { link, route, round_trip, failed } = self.dial(events).await?;
        let refused = match self.exchange_keys(link, self.options(purpose, route, round_trip), events).await {
            Err(HandshakeError::HostKey(refused))
                if route == Route::Direct && refused.is_contradiction() && self.dialer.may_be_foreign() =>
            {
                refused
            }
            other => return other.map_err(|error| self.handshake_error(error, failed)),
        };
        events(Event::Notice(format!(
            "Another machine answers at the private address: {refused}. Trying other routes."
        )));
        self.dialer.disable_direct(events);
        match self.dialer.open(&ssh_identification(), events).await {
            Ok(Dialed { link, route, round_trip, .. }) => {
                let connection = self.exchange_keys(link, self.options(purpose, route, round_trip), events).await;
                connection.map_err(|error| self.handshake_error(error, Vec::new()))
            }
            Err(failed) => Err(Error::host_key(self.route_plan(), refused, failed)),
        }
    }

    async fn dial(&self, events: &Events) -> Result<Dialed, Error> {
        match &self.jump {
            Some(jump) => jump.dial(self.route_plan()).await.map_err(|failed| no_route(&self.dialer, failed)),
            None => dial(&self.dialer, events).await,
        }
    }

    /// Session Manager's agent sends less than 1 MB/s, whatever the instance: compression makes the most of it.
    fn options(&self, purpose: Purpose, route: Route, round_trip: Duration) -> ConnectionOptions {
        ConnectionOptions {
            window: Window::of(purpose, round_trip, (route == Route::Ssm).then_some(AGENT_RATE)),
            backlog: Backlog::of(purpose),
            timeouts: self.timeouts(),
            compress: self.settings.compress || route == Route::Ssm,
        }
    }

    fn timeouts(&self) -> Timeouts {
        let (wanted, usual) = (self.settings.patience, Timeouts::default());
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Timeouts {
            keepalive_interval: match wanted.server_alive_interval {
                Some(0) => NO_KEEPALIVES,
                other => other.map_or(usual.keepalive_interval, seconds),
            },
            keepalive_misses: wanted.server_alive_count_max.map_or(usual.keepalive_misses, |count| count as usize),
            handshake: wanted.connect_timeout.filter(|limit| *limit > 0).map_or(usual.handshake, seconds),
        }
    }

    async fn exchange_keys(
        &self,
        link: Link,
        options: ConnectionOptions,
        events: &Events,
    ) -> Result<Connection, HandshakeError<trust::Error>> {
        let above = Arc::clone(events);
        let on_banner = move |text| above(Event::Banner(text));
        let verifier = Arc::clone(&self.verifier);
        events(Event::Doing(format!("exchanging keys with {}", self.route_plan().instance.id)));
        let connection = Connection::handshake(link.into_stream(), verifier, options, on_banner).await?;
        events(Event::Step("SSH key exchange done".to_owned()));
        Ok(connection)
    }

    fn handshake_error(&self, error: HandshakeError<trust::Error>, failed: Vec<FailedRoute>) -> Error {
        match error {
            HandshakeError::Ssh(source) => Error::ssh(self.route_plan(), source, failed),
            HandshakeError::HostKey(source) => Error::host_key(self.route_plan(), source, failed),
        }
    }
}

fn was_cut_off(error: &ssh::Error) -> bool {
    matches!(error, ssh::Error::Lost(_) | ssh::Error::ClosedEarly { .. })
}

/// Opens a link to the SSH port.
pub(super) async fn dial(dialer: &RouteDialer, events: &Events) -> Result<Dialed, Error> {
    let dialed = dialer.open(&ssh_identification(), events).await;
    dialed.map_err(|failed| no_route(dialer, failed))
}

fn no_route(dialer: &RouteDialer, failed: Vec<FailedRoute>) -> Error {
    Error::NoRoute { plan: Box::new(dialer.plan.clone()), failed: failed.into(), groups: None }
}

/// Dials without AWS: ssh logs in with a key that the instance knows already, once its host key has proven it.
pub(super) async fn open_known(attempt: Attempt, events: &Events) -> Result<Link, Error> {
    outage::verify(&attempt, events).await?;
    let Attempt { search, located, plan, confirmed } = attempt;
    let dialer = RouteDialer::new(search.aws, plan, located.booting, confirmed);
    Ok(dial(&dialer, events).await?.link)
}

/// Pushes the caller's public key and dials, side by side: the byte stream of `proxy`.
pub(super) async fn open_stream(attempt: Attempt, key: &PublicKeyLine, events: &Events) -> Result<Link, Error> {
    let Attempt { search, located, plan, confirmed } = attempt;
    let booting = located.booting;
    let login = LoginLookup::new(search.aws.clone(), located, search.settings.user.clone());
    let caller = CallerKey::new(search.aws.clone(), plan.clone(), key, search.settings.share_key);
    let dialer = RouteDialer::new(search.aws.clone(), plan, booting, confirmed.clone());
    let push = async { caller.ensure_fresh(&login.get(events).await.login.user, events).await };
    if booting.is_some() {
        // The server may take minutes to come up, and the key would have expired by then.
        let dialed = dial(&dialer, events).await?;
        push.await?;
        return Ok(dialed.link);
    }
    let ((), dialed) = tokio::try_join!(push, dial(&dialer, events))?;
    confirmed.wait().await;
    caller.ensure_fresh(&login.get(events).await.login.user, events).await?;
    Ok(dialed.link)
}
