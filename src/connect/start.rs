//! `--start`: starts a stopped instance and waits until it runs, has an address, and answers on its SSH port.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::{Error, Event, Events};
use crate::aws::Aws;
use crate::aws::instances::Query;
use crate::aws::model::{Instance, State};
use crate::plan::Plan;
use crate::transport::tcp::{self, Family, Host};

/// Stopping may take minutes, and so may a start after it.
const UP_WITHIN: Duration = Duration::from_secs(300);
/// From running to an sshd that answers.
const SSH_WITHIN: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_secs(2);
/// One round of dialling while the instance boots; nobody may be there to refuse.
const ROUND: Duration = Duration::from_secs(5);

/// Starts the instance and waits until it runs and has an address.
pub async fn start(aws: &Aws, mut instance: Instance, events: &Events) -> Result<Instance, Error> {
    let begun = Instant::now();
    let id = instance.id.clone();
    let mut asked = instance.state == State::Pending;
    loop {
        match instance.state {
            State::Running if instance.address().is_some() => return Ok(instance),
            State::Stopped if !asked => {
                aws.start(&id).await?;
                asked = true;
            }
            _ => {}
        }
        let waited = begun.elapsed();
        if waited > UP_WITHIN {
            let waited_for = if instance.state == State::Running { "an address" } else { "the state 'running'" };
            return Err(Error::NotUp { instance_id: id, waited_for, seconds: UP_WITHIN.as_secs() });
        }
        let state = if asked && instance.state == State::Stopped { "starting" } else { instance.state.word() };
        events(Event::Progress(format!("{id} is {state}, waiting for it to run ({} s)", waited.as_secs())));
        sleep(POLL).await;
        // For a moment after the start the look-up may not know the instance or show its old state.
        if let Some(now) = aws.instances(&Query::Id(id.clone())).await?.into_iter().next() {
            instance = now;
        }
    }
}

/// Dials until somebody answers.
pub async fn dial(hosts: &[Host], plan: &Plan, family: Family, events: &Events) -> Result<TcpStream, tcp::Error> {
    let begun = Instant::now();
    loop {
        let failed = match tcp::connect(hosts, plan.port, family, ROUND).await {
            Err(failed @ tcp::Error::Failed(_)) => failed,
            other => return other,
        };
        let waited = begun.elapsed();
        if waited > SSH_WITHIN {
            return Err(failed);
        }
        events(Event::Progress(format!("{} runs, waiting for SSH ({} s)", plan.instance.id, waited.as_secs())));
        sleep(POLL.min(Duration::from_secs(1))).await;
    }
}
