//! [`Node`]: an instance or a managed node (`mi-…`), as Systems Manager knows it, and the programs that its agent runs. They need no user, no
//! key and no sshd.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::boot::RETRY_INTERVAL;
use super::error::Error;
use super::speculative::search;
use crate::aws::sessions::{Document, SessionTo};
use crate::aws::{self, Access, Aws, AwsPool};
use crate::boot::Booting;
use crate::event::{Event, Events};
use crate::route::{RouteError, open_program};
use crate::settings::Settings;
use crate::ssm::channel::Sign;
use crate::ssm::program::ProgramSession;

/// The pause after the first question whether access was granted, and the longest one.
const FIRST_POLL_INTERVAL: Duration = Duration::from_secs(1);
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(5);

/// A node of Systems Manager.
pub(crate) struct Node {
    /// The id of the instance or managed node.
    pub id: String,
    /// Whether it runs Windows.
    pub is_windows: bool,
    aws: Mutex<Aws>,
    booting: Option<Booting>,
    /// The reason for a request for access, where StartSession is denied.
    access_reason: Option<String>,
    events: Events,
}

/// A way to run a program, and the sign by which it is known to run.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The document of the session.
    pub document: Document,
    /// The sign, and the time for it.
    pub sign: Sign,
}

/// Finds the node. A managed node is not looked up among the instances.
///
/// # Errors
/// The instance is not found, or AWS cannot be asked.
pub(crate) async fn node(
    pool: &AwsPool,
    settings: Settings,
    managed: Option<&str>,
    access_reason: Option<String>,
    events: &Events,
) -> Result<Node, Error> {
    let search = search(pool, settings, false).await?;
    let (id, is_windows, booting) = match managed {
        Some(id) => {
            // What is not known is taken for Linux.
            let agent = search.aws.agent_state(id).await.ok().flatten();
            let booting = search.settings.wait.map(|wait| Booting::until(Instant::now() + wait));
            (id.to_owned(), agent.is_some_and(|agent| agent.is_windows), booting)
        }
        None => {
            let located = Box::pin(search.find(events)).await?;
            let is_windows = located.instance.is_windows();
            (located.instance.id, is_windows, located.booting)
        }
    };
    let (aws, events) = (Mutex::new(search.aws), Arc::clone(events));
    Ok(Node { id, is_windows, aws, booting, access_reason, events })
}

impl Node {
    /// Opens a session by the first of these documents that the account allows and the region has; returns which one it was.
    ///
    /// # Errors
    /// No session can be started, or it ended at once.
    pub(crate) async fn open(&self, attempts: &[Attempt]) -> Result<(usize, ProgramSession), Error> {
        let denied = match self.first_of(attempts).await {
            Err(error) if is_denial(&error) => error,
            other => return other.map_err(|error| self.error(error)),
        };
        let Some(reason) = &self.access_reason else { return Err(self.error(denied)) };
        *self.aws() = self.request_access(reason).await?;
        self.first_of(attempts).await.map_err(|error| self.error(error))
    }

    async fn first_of(&self, attempts: &[Attempt]) -> Result<(usize, ProgramSession), RouteError> {
        let mut result = Err(RouteError::AgentOffline);
        for (index, attempt) in attempts.iter().enumerate() {
            result = self.start(attempt).await.map(|session| (index, session));
            match &result {
                Err(error) if index + 1 < attempts.len() && (is_denial(error) || is_missing_document(error)) => {
                    let name = attempt.document.name.as_deref().unwrap_or_default();
                    (self.events)(Event::Step(format!("no session by {name}: {error}; trying another document")));
                }
                _ => break,
            }
        }
        result
    }

    /// Starts a session; tries again while the agent of an instance that boots is not there.
    async fn start(&self, attempt: &Attempt) -> Result<ProgramSession, RouteError> {
        let begun = Instant::now();
        let aws = self.aws().clone();
        let document = attempt.document.name.as_deref().unwrap_or("the account's document for shells");
        (self.events)(Event::Step(format!("starting a session by {document}")));
        loop {
            let to = SessionTo::Program(attempt.document.clone());
            match open_program(&aws, &self.id, to, attempt.sign, &self.events).await {
                Err(error) if is_offline(&error) && self.booting.is_some_and(Booting::may_come_up) => {
                    let seconds = begun.elapsed().as_secs();
                    (self.events)(Event::Progress(format!("waiting for the SSM Agent of {} ({seconds} s)", self.id)));
                    sleep(RETRY_INTERVAL).await;
                }
                other => return other,
            }
        }
    }

    /// Asks for access and waits until somebody has decided.
    async fn request_access(&self, reason: &str) -> Result<Aws, Error> {
        let aws = self.aws().clone();
        let request_id = aws.request_access(&self.id, reason).await?;
        (self.events)(Event::Notice(format!("Access to {} was requested: {request_id}", self.id)));
        let (begun, mut interval) = (Instant::now(), FIRST_POLL_INTERVAL);
        loop {
            match aws.access(&request_id).await {
                // The request stands, and can be asked for again.
                Err(error) if error.is_outage() || error.is_throttled() => {}
                Err(error) => return Err(error.into()),
                Ok(Access::Granted(granted)) => {
                    (self.events)(Event::Notice(format!("The request {request_id} was approved.")));
                    return Ok(*granted);
                }
                Ok(Access::Ended(status)) => {
                    return Err(Error::NoAccess { node_id: self.id.clone(), request_id, status });
                }
                Ok(Access::Pending) => {}
            }
            let seconds = begun.elapsed().as_secs();
            (self.events)(Event::Progress(format!("waiting for the approval of {request_id} ({seconds} s)")));
            sleep(interval).await;
            interval = (interval * 2).min(MAX_POLL_INTERVAL);
        }
    }

    fn aws(&self) -> std::sync::MutexGuard<'_, Aws> {
        self.aws.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the error of a session on this node.
    pub(crate) fn error(&self, error: impl Into<RouteError>) -> Error {
        Error::Session { node_id: self.id.clone(), source: Box::new(error.into()) }
    }
}

fn service_error(error: &RouteError) -> Option<&aws::Error> {
    match error {
        RouteError::Aws(error) => Some(error),
        _ => None,
    }
}

fn is_denial(error: &RouteError) -> bool {
    service_error(error).is_some_and(aws::Error::is_denial)
}

/// Whether the document is missing in this region or account, or does not take our parameters.
fn is_missing_document(error: &RouteError) -> bool {
    const CODES: [&str; 3] = ["InvalidDocument", "InvalidParameters", "ValidationException"];
    service_error(error).and_then(aws::Error::code).is_some_and(|code| CODES.contains(&code))
}

fn is_offline(error: &RouteError) -> bool {
    service_error(error).and_then(aws::Error::code) == Some("TargetNotConnected")
}
