//! Dials the tunnel of `ec2ssh forward` as an SSH connection: each time with fresh credentials and a fresh key, and after the first time
//! to the same instance with the same host key.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::aws::AwsPool;
use crate::connect::{self, Session};
use crate::context::Ctx;
use crate::event::{Event, Events};
use crate::forward::through_ssh::ThroughSsh;
use crate::forward::tunnel::{Dial, Live};
use crate::program::Purpose;
use crate::settings::Settings;
use crate::ssh;
use crate::ui::Ui;

/// The time within which a server answers after the machine has slept.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Dials SSH connections.
pub(super) struct SshDial {
    pool: AwsPool,
    ui: Ui,
    settings: Settings,
    events: Events,
    is_first: bool,
}

impl SshDial {
    pub(super) fn new(ctx: &Ctx, settings: Settings, events: Events) -> Self {
        Self { pool: ctx.aws.fresh(), ui: ctx.ui.clone(), settings, events, is_first: true }
    }

    /// Returns the events of one attempt. Its announcement that the time is over is for the tunnel; and what is told each time would
    /// only fill the screen.
    fn events(&self, expires: &Arc<Notify>) -> Events {
        let (above, expires, is_first) = (Arc::clone(&self.events), Arc::clone(expires), self.is_first);
        Arc::new(move |event| match event {
            Event::Ending(_) => expires.notify_one(),
            Event::Notice(text) | Event::Route(text) if !is_first => above(Event::Step(text)),
            Event::Progress(_) | Event::Doing(_) | Event::Banner(_) if !is_first => {}
            other => above(other),
        })
    }
}

impl Dial for SshDial {
    type Error = connect::Error;

    async fn dial(&mut self) -> Result<Live, connect::Error> {
        let expires = Arc::new(Notify::new());
        let events = self.events(&expires);
        let connecting = connect::session(&self.pool, self.settings.clone(), Purpose::Bulk, &events);
        let session = if self.is_first { self.ui.watch(connecting).await? } else { connecting.await? };
        self.settings = self.settings.again(&session.plan.route.instance);
        self.pool = self.pool.fresh();
        self.is_first = false;
        Ok(live(session, expires))
    }

    fn is_permanent(&self, error: &connect::Error) -> bool {
        use crate::find::Error::{NotFound, NotRunning};
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
