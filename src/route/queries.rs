//! The queries about a route that have no effect: which endpoint to use, and whether the agent is online.

use super::error::RouteError;
use crate::aws::Aws;
use crate::aws::endpoints::EndpointQuery;
use crate::plan::RoutePlan;
use crate::plan::endpoint::{ChosenEndpoint, ENDPOINT_PORTS, EndpointError, choose};

/// Returns the endpoint to use.
pub(super) async fn endpoint(aws: &Aws, plan: &RoutePlan) -> Result<ChosenEndpoint, RouteError> {
    let instance = &plan.instance;
    if !ENDPOINT_PORTS.contains(&plan.port) {
        return Err(RouteError::Port(plan.port));
    }
    let query = match (&plan.tunnel.endpoint_id, &instance.vpc_id) {
        (Some(id), _) => EndpointQuery::Id(id.clone()),
        (None, Some(vpc)) => EndpointQuery::Vpc(vpc.clone()),
        (None, None) => return Err(EndpointError::NotFound(None).into()),
    };
    let all = aws.endpoints(&query).await?;
    let is_named = plan.tunnel.endpoint_id.is_some();
    Ok(choose(&all, instance, plan.address_kind, plan.typed_address, is_named)?)
}

/// Asks whether the instance's agent is connected to Session Manager.
pub(super) async fn agent(aws: &Aws, instance_id: &str) -> Result<(), RouteError> {
    match aws.is_agent_connected(instance_id).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(RouteError::AgentOffline),
        Err(error) => Err(error.into()),
    }
}
