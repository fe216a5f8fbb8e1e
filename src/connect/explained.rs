//! Explains a connection whose packets were dropped on the way: asks for the instance's security groups, and for the caller's address.

use std::io::ErrorKind;
use std::net::SocketAddr;

use super::error::Error;
use crate::aws::AwsPool;
use crate::facts::{CallerQuery, GroupFacts, group_facts};
use crate::plan::RoutePlan;
use crate::route::{FailedRoute, RouteError};
use crate::settings::Settings;
use crate::transport::tcp;

/// Adds what is known of the security groups to the error of a connection that got no answer. It takes a second at most.
pub(super) async fn explained<T>(pool: &AwsPool, settings: &Settings, result: Result<T, Error>) -> Result<T, Error> {
    let (plan, failed) = match result {
        Err(Error::NoRoute { plan, failed, groups: None }) => (plan, failed),
        other => return other,
    };
    let groups = match dropped(&plan, &failed) {
        Some(peer) => Box::pin(ask(pool, settings, &plan, peer)).await.map(Box::new),
        None => None,
    };
    Err(Error::NoRoute { plan, failed, groups })
}

/// Returns the public address whose packets were dropped, if that is what happened.
fn dropped(plan: &RoutePlan, failed: &[FailedRoute]) -> Option<SocketAddr> {
    if plan.dials_private() {
        return None;
    }
    failed.iter().find_map(|failed| match &failed.error {
        RouteError::Tcp(tcp::Error::Failed(attempts)) => {
            let late = attempts.iter().find(|attempt| attempt.error.kind() == ErrorKind::TimedOut);
            late.map(|attempt| attempt.address)
        }
        _ => None,
    })
}

async fn ask(pool: &AwsPool, settings: &Settings, plan: &RoutePlan, peer: SocketAddr) -> Option<GroupFacts> {
    let aws = pool.get(&settings.access, false).await.ok()?;
    let url = settings.checkip_url.clone();
    let no_service = url.as_deref() == Some("");
    let query = CallerQuery { given: None, url, no_service };
    Box::pin(group_facts(&aws, &plan.instance.id, &query, peer)).await
}
