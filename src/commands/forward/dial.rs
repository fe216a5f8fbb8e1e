//! Dials the tunnel of `ec2ssh forward`: as an SSH connection, each time with fresh credentials and a fresh key, and after the first time to
//! the same instance with the same host key; or without a login, by sessions to the ports.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::super::jump::{self, Common};
use crate::aws::AwsPool;
use crate::config::Via;
use crate::connect::{self, KeyFileOf, Session, Way};
use crate::context::Ctx;
use crate::error::CommandError;
use crate::event::{Event, Events, without_questions};
use crate::forward::opener::asking;
use crate::forward::through_ssh::ThroughSsh;
use crate::forward::tunnel::{Dial, Live};
use crate::forward_spec::Destination;
use crate::program::Purpose;
use crate::route::{FailedRoute, RouteError};
use crate::settings::Settings;
use crate::ssh;
use crate::ssm;

/// The time within which a server answers after the machine has slept.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the tunnel cannot be dialed.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    /// There is no connection to the instance.
    #[error(transparent)]
    Connect(#[from] connect::Error),
    /// There is none to a host that it goes through.
    #[error("{}", .0.message)]
    Jump(Box<CommandError>),
}

impl From<DialError> for CommandError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Connect(error) => error.into(),
            DialError::Jump(error) => *error,
        }
    }
}

/// Dials the tunnel as often as it is needed.
pub(super) struct TunnelDial<'a> {
    ctx: &'a Ctx,
    /// The options for the hosts that the connection goes through.
    common: Common,
    pool: AwsPool,
    settings: Settings,
    events: Events,
    /// Where the forwards lead.
    destinations: Vec<Destination>,
    is_first: bool,
    logs_in: bool,
    /// The key file, whose passphrase is known after the first time.
    key: Option<KeyFileOf>,
}

impl<'a> TunnelDial<'a> {
    /// Makes what dials; `logs_in` says whether it begins with an SSH connection.
    pub(super) fn new(
        ctx: &'a Ctx,
        (settings, common): (Settings, Common),
        events: Events,
        destinations: Vec<Destination>,
        logs_in: bool,
    ) -> Self {
        Self { ctx, common, key: None, pool: ctx.aws.fresh(), settings, events, destinations, is_first: true, logs_in }
    }

    /// Whether the ports may be reached where a login is impossible.
    fn may_go_without_login(&self, error: &DialError) -> bool {
        let are_ports = self.destinations.iter().all(|to| matches!(to, Destination::Tcp { .. }));
        let by_sessions = matches!(self.settings.via, Via::Auto | Via::Ssm);
        self.is_first
            && are_ports
            && by_sessions
            && self.settings.jump.is_none()
            && matches!(error, DialError::Connect(error) if needs_no_login(error))
    }

    async fn log_in(&mut self, asks: bool) -> Result<Live, DialError> {
        let expires = Arc::new(Notify::new());
        let events = self.events(&expires);
        let events = if asks { events } else { without_questions(events) };
        let jump = match self.settings.jump.clone() {
            Some(hosts) => {
                let through = Box::pin(jump::through(self.ctx, &hosts, &self.common, &events)).await;
                through.map_err(|error| DialError::Jump(Box::new(error)))?
            }
            None => None,
        };
        let way = Way { jump, key: self.key.clone() };
        let connecting = connect::session_by(&self.pool, way, self.settings.clone(), Purpose::Bulk, &events);
        let session = if self.is_first { self.ctx.ui.watch(connecting).await? } else { connecting.await? };
        self.settings = self.settings.again(&session.plan.route.instance);
        self.key = Some(session.key.clone());
        Ok(live(session, expires))
    }

    /// Reaches the ports without a login; the sessions come and go by themselves.
    async fn without_login(&mut self) -> Result<Live, DialError> {
        let events = self.events(&Arc::default());
        let finding = connect::ports(&self.pool, self.settings.clone(), &self.destinations, &events);
        let ports = if self.is_first { self.ctx.ui.watch(finding).await? } else { finding.await? };
        self.settings = self.settings.again(&ports.plan().instance);
        let (opener, asked) = asking();
        Ok(Live {
            opener: Arc::new(opener),
            ended: Box::pin(async move {
                ports.serve(asked).await;
                "its sessions have ended".to_owned()
            }),
            expires: Box::pin(std::future::pending()),
            answers: Arc::new(|| Box::pin(std::future::ready(true))),
        })
    }

    /// Returns the events of one attempt. Its announcement that the time is over is for the tunnel; and what is told each time would
    /// only fill the screen.
    fn events(&self, expires: &Arc<Notify>) -> Events {
        let (above, expires, is_first) = (Arc::clone(&self.events), Arc::clone(expires), self.is_first);
        Arc::new(move |event| match event {
            Event::Ending(_) => expires.notify_one(),
            Event::Notice(text) | Event::Route(text) if !is_first => above(Event::Step(text)),
            Event::Progress(_) | Event::Doing(_) | Event::Banner(_) if !is_first => {}
            // Another attempt follows, while the user may be away: only what a login needs is asked.
            Event::LastSeen { .. } | Event::Start { .. } | Event::Choose { .. } | Event::HostKey { .. }
                if !is_first => {}
            other => above(other),
        })
    }
}

/// Whether this failure is about the login, so that a session to the port may do.
fn needs_no_login(error: &connect::Error) -> bool {
    match error {
        // A policy that allows only sessions to ports, or no Instance Connect.
        connect::Error::Aws(error) => error.is_denial(),
        connect::Error::NoRoute { plan, failed, .. } => {
            let is_denied = |failed: &FailedRoute| matches!(&failed.error, RouteError::Aws(error) if error.is_denial());
            // The agent answers, and there is no sshd.
            let has_no_sshd = |failed: &FailedRoute| matches!(&failed.error, RouteError::Session(error) if matches!(**error, ssm::Error::PortRefused));
            plan.instance.is_windows() || failed.iter().any(|failed| is_denied(failed) || has_no_sshd(failed))
        }
        connect::Error::Denied { .. } => true,
        _ => false,
    }
}

impl Dial for TunnelDial<'_> {
    type Error = DialError;

    async fn dial(&mut self, asks: bool) -> Result<Live, DialError> {
        let live = if self.logs_in {
            match Box::pin(self.log_in(asks)).await {
                Err(error) if self.may_go_without_login(&error) => {
                    (self.events)(Event::Notice(format!("{error}: forwarding by Session Manager, without a login")));
                    match Box::pin(self.without_login()).await {
                        Ok(live) => {
                            self.logs_in = false;
                            live
                        }
                        // The first failure says what is usual.
                        Err(_) => return Err(error),
                    }
                }
                other => other?,
            }
        } else {
            Box::pin(self.without_login()).await?
        };
        self.pool = self.pool.fresh();
        self.is_first = false;
        Ok(live)
    }

    fn is_permanent(&self, error: &DialError) -> bool {
        use crate::find::Error::{NotFound, NotRunning};
        let DialError::Connect(error) = error else { return false };
        match error {
            // It may be stopped only for a while, and a terminated instance is no longer found after an hour.
            connect::Error::Find(NotRunning { instance, .. }) => instance.state.as_str() == "terminated",
            connect::Error::Find(NotFound { .. }) | connect::Error::HostKey { .. } => true,
            connect::Error::Plan(_) | connect::Error::KeyFile(_) | connect::Error::PublicKey(_) => true,
            _ => false,
        }
    }
}

fn live(session: Session, expires: Arc<Notify>) -> Live {
    let Session { connection, .. } = session;
    let (ended, asked) = (Arc::clone(&connection), Arc::clone(&connection));
    Live {
        opener: Arc::new(ThroughSsh(connection)),
        ended: Box::pin(async move {
            match ended.closed().await {
                ssh::Error::Lost(reason) => reason,
                other => other.to_string(),
            }
        }),
        expires: Box::pin(async move { expires.notified().await }),
        answers: Arc::new(move || {
            let connection = Arc::clone(&asked);
            Box::pin(async move { connection.answers(ANSWER_TIMEOUT).await })
        }),
    }
}
