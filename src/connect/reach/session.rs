//! Session Manager as a route: AWS is asked for a session, [`crate::transport::ssm`] speaks over it, and AWS is told of its
//! end, whatever that was.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Obstacle;
use crate::aws::{self, Aws, sessions};
use crate::connect::{Event, Events};
use crate::transport::ssm;
use crate::transport::ssm::channel::{Answer, Broker, Grant, NoGrant, SessionStream};

/// Starts a session to a port of the instance and waits for its agent. Whoever stops waiting leaves no session behind.
pub async fn open(aws: &Aws, instance_id: &str, port: u16, events: &Events) -> Result<SessionStream, Obstacle> {
    let (reply, answer) = oneshot::channel();
    let (aws, instance_id, events) = (aws.clone(), instance_id.to_owned(), Arc::clone(events));
    ssm::channel::spawn(async move {
        let opened = async {
            let granted = aws.start_session(&instance_id, port).await?;
            events(Event::Step(format!("started the session {}", granted.session_id)));
            let broker = Arc::new(OneSession { aws: aws.clone(), session_id: granted.session_id.clone(), events });
            Ok(ssm::channel::open(aws.dialler().clone(), grant(granted), broker).await?)
        };
        // A stream that nobody takes is dropped, which ends its session.
        let _ = reply.send(opened.await);
    });
    answer.await.unwrap_or_else(|_| Err(ssm::Error::Lost("its task has ended".to_owned()).into()))
}

fn grant(from: sessions::Grant) -> Grant {
    Grant { url: from.url, token: from.token, headers: from.headers }
}

struct OneSession {
    aws: Aws,
    session_id: String,
    events: Events,
}

impl Broker for OneSession {
    fn resume(&self, old_url: String) -> Answer<'_, Result<Option<Grant>, NoGrant>> {
        Box::pin(async move {
            let resumed = self.aws.resume_session(&self.session_id, &old_url).await;
            let resumed = resumed.map(|granted| granted.map(grant));
            resumed.map_err(|error| NoGrant {
                why: error.to_string(),
                is_network: matches!(
                    error,
                    aws::Error::Web { .. } | aws::Error::Timeout { .. } | aws::Error::Unreachable { .. }
                ),
            })
        })
    }

    fn terminate(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            if let Err(error) = self.aws.terminate_session(&self.session_id).await {
                self.step(format!("the session {} may not have been ended: {error}", self.session_id));
            }
        })
    }

    fn step(&self, text: String) {
        (self.events)(Event::Step(text));
    }

    fn notice(&self, text: String) {
        (self.events)(Event::Notice(text));
    }
}
