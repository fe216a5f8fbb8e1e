//! From the plan to a connection: the key is pushed while we dial and exchange keys, then we log in. Once more where the
//! server's patience ended before a person's answer came, and for a while where the instance has only just been started.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::ahead::find_and;
use super::reach::{FailedRoute, Reached, memory};
use super::resolve::{Resolved, Search};
use super::{Error, Event, Events, Wish, identity, start};
use crate::aws;
use crate::config::{AddressKind, Via};
use crate::plan::route::Route;
use crate::plan::{Authorization, Plan};
use crate::ssh;
use crate::ssh::client::{Connection, Window};
use crate::ssh::host_keys::Refusal;
use crate::ssh::host_keys::check::HostKeyCheck;
use crate::ssh::keys::{Key, PublicHalf};
use crate::transport::link::Link;

/// A pushed key older than this is pushed again before it is used: the login itself takes a moment.
pub(super) const STILL_FRESH: Duration = Duration::from_secs(aws::keys::KEY_LIFETIME.as_secs() - 15);

/// Finds the instance and logs in.
///
/// # Errors
/// Whatever stands in the way, with the plan in it where there is one.
pub async fn session(wish: Wish, events: &Events) -> Result<(Plan, Connection), Error> {
    let search = Search::with_identity(wish, events).await?;
    let work = |resolved: Resolved, events| async move {
        let plan = resolved.plan.clone();
        Ok((plan, Box::pin(resolved.connect(&events)).await?))
    };
    find_and(search, events, work).await
}

/// Finds the instance, pushes the public half and dials, side by side: the byte stream of `proxy`.
///
/// # Errors
/// Whatever stands in the way.
pub async fn stream(wish: Wish, key: &PublicHalf, events: &Events) -> Result<Link, Error> {
    let search = Search::without_identity(wish).await?;
    let work = |resolved: Resolved, events| async move { Box::pin(resolved.open_stream(key, &events)).await };
    find_and(search, events, work).await
}

impl Resolved {
    /// Opens the connection and logs in.
    async fn connect(self, events: &Events) -> Result<Connection, Error> {
        let key = match &self.key_file {
            Some(file) => identity::unlock(file, &self.plan, events).await?,
            None => Key::ephemeral(),
        };
        let asked = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let mut first_answer = None;
        let check = self.host_key_check()?;
        let mut asked_for_printed = false;
        loop {
            match self.attempt(&key, &check, events, &asked).await {
                Err(Error::Ssh { source, .. })
                    if matches!(*source, ssh::Error::HostKeyAlgorithmNotPrinted) && !asked_for_printed =>
                {
                    asked_for_printed = true;
                    events(Event::Step(format!("{source}: connecting again")));
                }
                Err(error) if self.just_started && start::still_booting(&error, begun, &mut first_answer) => {
                    let (id, waited) = (&self.plan.instance.id, begun.elapsed().as_secs());
                    events(Event::Progress(format!("{id} answers, and lets nobody in yet ({waited} s)")));
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
                other => return self.once_more(other, &key, &check, events, &asked).await,
            }
        }
    }

    /// The server's patience may have ended while the person thought about the host key. It is known now: once more.
    async fn once_more(
        &self,
        result: Result<Connection, Error>,
        key: &Key,
        check: &HostKeyCheck,
        events: &Events,
        asked: &Arc<AtomicBool>,
    ) -> Result<Connection, Error> {
        match result {
            Err(Error::Ssh { source, .. }) if was_cut_off(&source) && asked.swap(false, Ordering::Relaxed) => {
                events(Event::Step(format!("{source}, while the question stood: connecting again")));
                self.attempt(key, check, events, asked).await
            }
            other => other,
        }
    }

    async fn attempt(
        &self,
        key: &Key,
        check: &HostKeyCheck,
        events: &Events,
        asked: &Arc<AtomicBool>,
    ) -> Result<Connection, Error> {
        let push = self.push(key, events);
        let dial = self.handshake(check, events, asked);
        let (pushed, mut connection) = tokio::try_join!(push, dial)?;
        self.confirmed.wait().await;
        if pushed.is_some_and(|when| when.elapsed() > STILL_FRESH) {
            self.push(key, events).await?;
        }
        match connection.authenticate(&self.plan.login.user, key).await {
            Ok(()) => {}
            Err(ssh::Error::Denied { methods, .. }) => {
                let (plan, image) = (Box::new(self.plan.clone()), self.image.clone().map(Box::new));
                return Err(Error::Denied { plan, image, methods });
            }
            Err(source) => return Err(self.ssh_error(source)),
        }
        events(Event::Step(format!("logged in as {}", self.plan.login.user)));
        Ok(connection)
    }

    /// Pushes the public half, unless a key file is used; says when.
    async fn push(&self, key: &Key, events: &Events) -> Result<Option<Instant>, Error> {
        match self.plan.authorization {
            Authorization::KeyFile(_) => Ok(None),
            Authorization::Push => self.push_line(&key.public_line(), &key.fingerprint(), events).await.map(Some),
        }
    }

    pub(super) async fn push_line(&self, line: &str, name: &str, events: &Events) -> Result<Instant, Error> {
        let (id, user) = (&self.plan.instance.id, &self.plan.login.user);
        // The minute counts from the request, not from the answer.
        let when = Instant::now();
        self.aws.push_key(id, user, line).await?;
        events(Event::Step(format!("pushed the public key {name} to {id} for {user}")));
        Ok(when)
    }

    /// Reaches the server and exchanges keys. A private address may be another machine's where we are: where the host key says
    /// so, there are other routes.
    async fn handshake(
        &self,
        check: &HostKeyCheck,
        events: &Events,
        asked: &Arc<AtomicBool>,
    ) -> Result<Connection, Error> {
        let Reached { link, route, round_trip, others } = self.dial(events).await?;
        let window = Window::of(self.purpose, round_trip);
        let refused = match self.exchange_keys(link, window, check, events, asked).await {
            Err(ssh::Error::HostKey(refusal)) if route == Route::Direct && self.may_be_anothers(&refusal) => refusal,
            other => return other.map_err(|source| self.ssh_error_with(source, others)),
        };
        events(Event::Notice(format!("Another machine answers at the private address: {refused}. Going another way.")));
        self.shut_direct(events);
        match self.dial(events).await {
            Ok(Reached { link, round_trip, .. }) => {
                let window = Window::of(self.purpose, round_trip);
                let connection = self.exchange_keys(link, window, check, events, asked).await;
                connection.map_err(|source| self.ssh_error(source))
            }
            Err(Error::NoRoute { tried, .. }) => Err(self.ssh_error_with(ssh::Error::HostKey(refused), tried)),
            Err(_) => Err(self.ssh_error(ssh::Error::HostKey(refused))),
        }
    }

    /// The private address is another machine's: for this connection, and for those of the next day.
    pub(super) fn shut_direct(&self, events: &Events) {
        self.is_direct_shut.store(true, Ordering::Relaxed);
        if let Err(error) = memory::direct_is_anothers(&self.plan.instance.id) {
            events(Event::Step(format!("cannot remember that: {error}")));
        }
    }

    /// Whether this host key may be that of a machine that has nothing to do with the instance.
    pub(super) fn may_be_anothers(&self, refusal: &Refusal) -> bool {
        let is_contradiction = matches!(refusal, Refusal::Changed { .. } | Refusal::Contradicted { .. });
        let is_auto = self.plan.via == Via::Auto && self.plan.address_kind == AddressKind::Auto;
        is_contradiction && is_auto && !self.plan.instance.has_public_address()
    }

    async fn exchange_keys(
        &self,
        link: Link,
        window: Window,
        check: &HostKeyCheck,
        events: &Events,
        asked: &Arc<AtomicBool>,
    ) -> Result<Connection, ssh::Error> {
        let (above, asked) = (Arc::clone(events), Arc::clone(asked));
        let forward = move |event: ssh::Event| {
            if matches!(event, ssh::Event::HostKey(..)) {
                asked.store(true, Ordering::Relaxed);
            }
            above(Event::Ssh(event));
        };
        let connection = Connection::handshake(link, check.clone(), window, Arc::new(forward)).await?;
        events(Event::Step("SSH key exchange done".to_owned()));
        Ok(connection)
    }

    /// Pushes the public half and dials, side by side.
    async fn open_stream(&self, key: &PublicHalf, events: &Events) -> Result<Link, Error> {
        let name = key.path.display().to_string();
        if self.just_started {
            // sshd may take minutes to come up, and the key would be gone by then.
            let reached = self.dial(events).await?;
            self.push_line(&key.line, &name, events).await?;
            return Ok(reached.link);
        }
        let (pushed, reached) = tokio::try_join!(self.push_line(&key.line, &name, events), self.dial(events))?;
        self.confirmed.wait().await;
        if pushed.elapsed() > STILL_FRESH {
            self.push_line(&key.line, &name, events).await?;
        }
        Ok(reached.link)
    }

    fn ssh_error(&self, source: ssh::Error) -> Error {
        self.ssh_error_with(source, Vec::new())
    }

    fn ssh_error_with(&self, source: ssh::Error, others: Vec<FailedRoute>) -> Error {
        Error::Ssh { plan: Box::new(self.plan.clone()), source: Box::new(source), others }
    }
}

fn was_cut_off(error: &ssh::Error) -> bool {
    matches!(error, ssh::Error::Lost(_) | ssh::Error::ClosedEarly { .. })
}
