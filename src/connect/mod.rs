//! Connects: look up, plan, then (push the key || dial and exchange keys), then log in.
//!
//! ```text
//! read config -> check -i -> credentials -> DescribeInstances -> RoutePlan
//!                               || TCP and TLS to the services       |
//!              +------------------------------+----------------------+
//!              |                              |                      |
//!   [DescribeImages, first time]   dial, SSH key exchange   GetConsoleOutput, first time
//!              |                              |                      |
//!       SendSSHPublicKey                      +-- host key verified -+
//!              |                              |
//!              +------------------------------+-> log in -> session
//! ```
//!
//! - `connector` is the connection itself, which can be made as often as needed
//! - `speculative` starts it from the cached look-up, `outage` makes it where AWS cannot be asked
//! - `authentication` logs in, and tries again where another key or a later moment may help
//! - `ephemeral_keys`, `pushed_key`, `key_file`, `caller_key` and `public_key` have the key for the login; [`crate::key_holder`] shares
//!   one among connections
//! - `login` finds the login user, `explained` the security groups behind a failure
//! - `openssh` serves an `ssh` that runs this program as its ProxyCommand
//!
//! # The critical path
//!
//! From the second time on the look-up is cached: the work begins with it (`speculative`), and the fresh look-up runs beside it. In
//! round trips to the instance (R), calls (A, and C for TCP and TLS to a service: two round trips to it) and the instance's
//! look-ups of the keys pushed to it (L, about 0.19 s):
//!
//! ```text
//! C, A  DescribeInstances --------------------+ the cached look-up is confirmed
//! C, A  SendSSHPublicKey ---------------------+ the instance knows the key
//! R     TCP                                   |
//! R     identification, KEXINIT               |
//! R     ECDH ---------------------------------+
//!                                             R      service request
//!                                             R + L  may this key log in?   (russh asks; RFC 4252 section 7 need not)
//!                                             R + L  the signature
//!                                             R      channel
//!                                             R      program
//! ```
//!
//! So calls cost nothing while they take no longer than three round trips to the instance. The first time ever DescribeInstances
//! goes before all that, and DescribeImages runs beside the dialing. OpenSSH's client takes one round trip more: it asks for the
//! methods of authentication first. Signing without a query would save R + L; russh 0.65 cannot.

mod authentication;
mod boot;
mod caller_key;
mod connector;
mod ephemeral_keys;
mod error;
mod explained;
mod jump;
mod key_file;
mod login;
mod node;
#[cfg(unix)]
pub(crate) mod openssh;
mod outage;
mod password;
mod ports;
mod public_key;
mod pushed_key;
mod rdp;
#[cfg(unix)]
mod serial;
mod speculative;

use std::path::PathBuf;
use std::sync::Arc;

use crate::aws::AwsPool;
use crate::event::Events;
use crate::find::last_seen;
use crate::plan::{self, Plan};
use crate::program::Purpose;
use crate::route::{Survey, survey};
use crate::settings::Settings;
use crate::ssh::client::Connection;
use crate::transport::link::Link;

use connector::Connector;
use key_file::LazyKey;
use login::LoginLookup;
use speculative::{Attempt, search};

pub(crate) use error::Error;
pub(crate) use jump::{Jump, SshHost, Through};
pub(crate) use node::{Attempt as SessionAttempt, Node, node};
pub(crate) use password::NoPassword;
pub(crate) use ports::ports;
pub(crate) use public_key::Error as PublicKeyError;
pub(crate) use rdp::{RDP_PORT, RemoteDesktop, desktop};
#[cfg(unix)]
pub(crate) use serial::{SerialConsole, serial_console};

/// A connection to an instance, logged in, and the way to others like it.
pub(crate) struct Session {
    /// The plan that was carried out.
    pub plan: Plan,
    /// The connection, logged in.
    pub connection: Arc<Connection>,
    /// The key file of the login, for another session.
    pub key: KeyFileOf,
    connector: Connector,
}

impl Session {
    /// Opens one more connection to the same instance, and logs in.
    ///
    /// # Errors
    /// Any error that prevents the login.
    pub(crate) async fn another(&self, purpose: Purpose, events: &Events) -> Result<Connection, Error> {
        Box::pin(self.connector.connect(purpose, events)).await
    }
}

/// Finds the instance and logs in.
///
/// # Errors
/// Any error that prevents the login, with the plan where there is one.
pub(crate) async fn session(
    pool: &AwsPool,
    settings: Settings,
    purpose: Purpose,
    events: &Events,
) -> Result<Session, Error> {
    session_by(pool, Way::default(), settings, purpose, events).await
}

/// The way to a session beside its settings.
#[derive(Default)]
pub(crate) struct Way {
    /// The machines that it goes through.
    pub jump: Option<Arc<Jump>>,
    /// The key file of an earlier session, whose passphrase is known.
    pub key: Option<KeyFileOf>,
}

/// Finds the instance and logs in, by this way.
///
/// # Errors
/// As for [`session`].
pub(crate) async fn session_by(
    pool: &AwsPool,
    way: Way,
    settings: Settings,
    purpose: Purpose,
    events: &Events,
) -> Result<Session, Error> {
    let Way { jump, key } = way;
    let key_file = KeyFileOf::open(&settings, key, events).await?;
    let will_push = key_file.file.is_none();
    let work = |attempt: Attempt, events: Events| {
        let (key_file, jump) = (key_file.clone(), jump.clone());
        async move {
            let key = KeyFileOf::open(&attempt.search.settings, Some(key_file), &events).await?;
            let connector = Connector::new(attempt, key.file.clone(), jump, &events);
            let connection = Arc::new(Box::pin(connector.connect(purpose, &events)).await?);
            Ok(Session { plan: connector.plan(&events).await, connection, key, connector })
        }
    };
    Box::pin(outage::connect(pool, settings, will_push, events, work)).await
}

/// The key file that the settings name, opened.
#[derive(Clone)]
pub(crate) struct KeyFileOf {
    path: Option<PathBuf>,
    file: Option<Arc<LazyKey>>,
}

impl KeyFileOf {
    /// Opens the key file. It is opened before anything is sent, and again only where a table for the instance that was found names
    /// another one.
    async fn open(settings: &Settings, before: Option<Self>, events: &Events) -> Result<Self, Error> {
        let path = settings.identity.clone();
        match before {
            Some(before) if before.path == path => return Ok(before),
            _ => {}
        }
        let file = match &path {
            Some(path) => Some(Arc::new(LazyKey::new(key_file::open(path, events).await?))),
            None => None,
        };
        Ok(Self { path, file })
    }
}

/// Finds the instance, pushes the public key and dials, side by side: the byte stream of `proxy`.
///
/// # Errors
/// Any error that prevents the connection.
pub(crate) async fn stream(pool: &AwsPool, settings: Settings, events: &Events) -> Result<Link, Error> {
    if !settings.offline {
        // Checked before anything is sent.
        public_key::find(settings.identity.as_ref())?;
    }
    let work = |attempt: Attempt, events: Events| async move {
        if attempt.search.settings.offline {
            return Box::pin(connector::open_known(attempt, &events)).await;
        }
        let key = public_key::find(attempt.search.settings.identity.as_ref())?;
        Box::pin(connector::open_stream(attempt, &key, &events)).await
    };
    Box::pin(outage::connect(pool, settings, true, events, work)).await
}

/// The plan of a connection that is not made, and what is known of its routes: for `--dry-run`.
///
/// # Errors
/// Any error that prevents a plan.
pub(crate) async fn dry_run(pool: &AwsPool, settings: Settings, events: &Events) -> Result<(Plan, Survey), Error> {
    if let Some(path) = &settings.identity {
        key_file::open(path, events).await?;
    }
    if settings.offline {
        let Attempt { search, located, plan, .. } = outage::attempt(&settings, last_seen(&settings)?).await?;
        let login = LoginLookup::new(search.aws.clone(), located, search.settings.user.clone());
        let plan = plan::plan(&search.settings, plan, login.get(events).await.login.clone());
        let survey = survey(&search.aws, &plan.route).await;
        return Ok((plan, survey));
    }
    let search = search(pool, settings, false).await?;
    let located = Box::pin(search.find_only(events)).await?;
    let (settings, aws) = (search.settings.for_instance(&located.instance), search.aws.clone());
    let route = plan::plan_route(&settings, located.account.clone(), located.instance.clone())?;
    let login = LoginLookup::new(aws.clone(), located, settings.user.clone());
    let plan = plan::plan(&settings, route, login.get(events).await.login.clone());
    let survey = survey(&aws, &plan.route).await;
    Ok((plan, survey))
}
