//! Session Manager as a route: starts a session by the AWS API, lets [`crate::ssm`] carry it, and ends it at the service however
//! the stream ends.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::error::{RouteError, describe_aws};
use crate::aws::data_key::DataKeyContext;
use crate::aws::sessions::{self, SessionTo};
use crate::aws::{self, Aws};
use crate::event::{Event, Events};
use crate::ssm;
use crate::ssm::api::{BoxFuture, ChannelToken, KeyError, ResumeError, SessionApi};
use crate::ssm::channel::{OpenChannel, Sign};
use crate::ssm::cipher::DataKey;
use crate::ssm::handshake::{KeyRequest, Purpose};
use crate::ssm::program::ProgramSession;
use crate::ssm::registry;

/// Starts a session to a port and waits for its agent. A caller that stops waiting leaves no session behind.
///
/// # Errors
/// The session cannot be started, or its agent does not answer.
pub(crate) async fn open_session(
    aws: &Aws,
    instance_id: &str,
    to: SessionTo,
    events: &Events,
) -> Result<OpenChannel, RouteError> {
    let purpose = if matches!(to, SessionTo::Ssh(_)) { Purpose::Connection } else { Purpose::Port };
    let opening = move |aws: Aws, token, api| ssm::channel::open(aws.connector().clone(), token, api, purpose);
    start(aws, instance_id, to, events, opening).await
}

/// Starts a session that runs a program, and waits for the sign that it runs. A caller that stops waiting leaves no session behind.
///
/// # Errors
/// The session cannot be started, its agent does not answer, or the session ends at once, with a reason.
pub(crate) async fn open_program(
    aws: &Aws,
    node_id: &str,
    document: SessionTo,
    sign: Sign,
    events: &Events,
) -> Result<ProgramSession, RouteError> {
    let opening = move |aws: Aws, token, api| ssm::channel::open_program(aws.connector().clone(), token, api, sign);
    start(aws, node_id, document, events, opening).await
}

async fn start<T, F>(
    aws: &Aws,
    target: &str,
    to: SessionTo,
    events: &Events,
    opening: impl FnOnce(Aws, ChannelToken, Arc<dyn SessionApi>) -> F + Send + 'static,
) -> Result<T, RouteError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ssm::Error>> + Send + 'static,
{
    let (mut reply, answer) = oneshot::channel();
    let (aws, target, events) = (aws.clone(), target.to_owned(), Arc::clone(events));
    registry::spawn(async move {
        let started = match aws.start_session(&target, &to).await {
            Ok(started) => started,
            Err(error) => return drop(reply.send(Err(error.into()))),
        };
        events(Event::Step(format!("started the session {}", started.session_id)));
        let session_id = started.session_id.clone();
        let api = Arc::new(AwsSession { aws: aws.clone(), session_id, target, events });
        let ended_by = Arc::clone(&api);
        tokio::select! {
            opened = opening(aws, token(started), api) => {
                // A stream that is not received is dropped, which ends its session.
                let _ = reply.send(opened.map_err(RouteError::from));
            }
            () = reply.closed() => ended_by.terminate().await,
        }
    });
    answer.await.unwrap_or_else(|_| Err(ssm::Error::Lost("its task has ended".to_owned()).into()))
}

fn token(from: sessions::ChannelToken) -> ChannelToken {
    ChannelToken { url: from.url, token: from.token, headers: from.headers }
}

/// Whether the network failed. Credentials that are renewed over the network fail with it.
fn is_network(error: &aws::Error) -> bool {
    use aws::Error::{Credentials, Timeout, Unreachable, Web};
    matches!(error, Web { .. } | Timeout { .. } | Unreachable { .. } | Credentials { .. })
}

struct AwsSession {
    aws: Aws,
    session_id: String,
    target: String,
    events: Events,
}

impl SessionApi for AwsSession {
    fn resume(&self, old_url: String) -> BoxFuture<'_, Result<Option<ChannelToken>, ResumeError>> {
        Box::pin(async move {
            match self.aws.resume_session(&self.session_id, &old_url).await {
                Ok(resumed) => Ok(resumed.map(token)),
                Err(error) if error.code() == Some("DoesNotExistException") => Ok(None),
                Err(error) => Err(ResumeError { why: error.to_string(), is_network: is_network(&error) }),
            }
        })
    }

    fn data_key(&self, request: KeyRequest) -> BoxFuture<'_, Result<DataKey, KeyError>> {
        Box::pin(async move {
            let KeyRequest { key_id, challenge } = request;
            let session = DataKeyContext { session_id: &self.session_id, target: &self.target, challenge };
            match self.aws.data_key(&key_id, session).await {
                Ok(key) => Ok(DataKey { plain: key.plain, blob: key.blob }),
                Err(error) => Err(KeyError { denied: error.is_denial(), reason: describe_aws(&error) }),
            }
        })
    }

    fn terminate(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Err(error) = self.aws.terminate_session(&self.session_id).await {
                self.step(format!("the session {} may still be open: {error}", self.session_id));
            }
        })
    }

    fn terminate_with_fresh_pool(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // The program ends by a panic: a failure cannot be reported any more.
            let _ = self.aws.with_fresh_pool().terminate_session(&self.session_id).await;
        })
    }

    fn step(&self, text: String) {
        (self.events)(Event::Step(text));
    }

    fn notice(&self, text: String) {
        (self.events)(Event::Notice(text));
    }
}
