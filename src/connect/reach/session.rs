//! Session Manager as a route: AWS is asked for a session, [`crate::transport::ssm`] speaks over it, and AWS is told of its
//! end, whatever that was.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::RouteError;
use crate::aws::{self, Aws, sessions};
use crate::connect::{Event, Events};
use crate::transport::ssm;
use crate::transport::ssm::channel::{BoxFuture, ChannelToken, ResumeError, SessionApi};
use crate::transport::ssm::stream::SessionStream;

/// Starts a session to a port of the instance and waits for its agent. Whoever stops waiting leaves no session behind.
pub async fn open(aws: &Aws, instance_id: &str, port: u16, events: &Events) -> Result<SessionStream, RouteError> {
    let (mut reply, answer) = oneshot::channel();
    let (aws, instance_id, events) = (aws.clone(), instance_id.to_owned(), Arc::clone(events));
    ssm::channel::spawn(async move {
        let granted = match aws.start_session(&instance_id, port).await {
            Ok(granted) => granted,
            Err(error) => return drop(reply.send(Err(error.into()))),
        };
        events(Event::Step(format!("started the session {}", granted.session_id)));
        let api = Arc::new(OneSession { aws: aws.clone(), session_id: granted.session_id.clone(), events });
        let ended_by = Arc::clone(&api);
        tokio::select! {
            opened = ssm::channel::open(aws.connector().clone(), grant(granted), api) => {
                // A stream that nobody takes is dropped, which ends its session.
                let _ = reply.send(opened.map_err(RouteError::from));
            }
            () = reply.closed() => ended_by.terminate().await,
        }
    });
    answer.await.unwrap_or_else(|_| Err(ssm::Error::Lost("its task has ended".to_owned()).into()))
}

fn grant(from: sessions::ChannelToken) -> ChannelToken {
    ChannelToken { url: from.url, token: from.token, headers: from.headers }
}

/// Credentials that are renewed over the network fail with it.
fn is_network(error: &aws::Error) -> bool {
    use aws::Error::{Credentials, Timeout, Unreachable, Web};
    matches!(error, Web { .. } | Timeout { .. } | Unreachable { .. } | Credentials { .. })
}

struct OneSession {
    aws: Aws,
    session_id: String,
    events: Events,
}

impl SessionApi for OneSession {
    fn resume(&self, old_url: String) -> BoxFuture<'_, Result<Option<ChannelToken>, ResumeError>> {
        Box::pin(async move {
            let resumed = self.aws.resume_session(&self.session_id, &old_url).await;
            match resumed {
                Ok(granted) => Ok(granted.map(grant)),
                Err(error) if error.code() == Some("DoesNotExistException") => Ok(None),
                Err(error) => Err(ResumeError { why: error.to_string(), is_network: is_network(&error) }),
            }
        })
    }

    fn terminate(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Err(error) = self.aws.terminate_session(&self.session_id).await {
                self.step(format!("the session {} may not have been ended: {error}", self.session_id));
            }
        })
    }

    fn terminate_with_fresh_pool(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // The program ends by a defect: there is nobody to be told.
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
