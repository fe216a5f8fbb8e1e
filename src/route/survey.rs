//! The facts that are known of the routes before any of them is opened: for `--dry-run` only.

use std::fmt;

use serde_json::{Value, json};

use super::dialer::RouteDialer;
use super::error::RouteError;
use super::queries;
use crate::aws::Aws;
use crate::confirm::ConfirmGate;
use crate::plan::RoutePlan;
use crate::plan::endpoint::ChosenEndpoint;
use crate::plan::order::{Route, order};

/// AWS's answers about the routes; `None` where AWS was not asked.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    endpoint: Option<Result<ChosenEndpoint, RouteError>>,
    agent: Option<Result<(), RouteError>>,
    /// The routes in the order in which they will be tried.
    order: Vec<Route>,
    /// Set when that order is another than the plan's.
    is_unusual: bool,
}

/// Sends the queries that a connection would send before the first route's turn, side by side; opens nothing.
pub(crate) async fn survey(aws: &Aws, plan: &RoutePlan) -> Survey {
    let (actual, _) = RouteDialer::new(aws.clone(), plan.clone(), None, ConfirmGate::open()).order();
    let asks = actual.first() != Some(&Route::Direct) || plan.dials_private();
    let wanted = |route| asks && actual.contains(&route);
    let endpoint = async { if wanted(Route::Eice) { Some(queries::endpoint(aws, plan).await) } else { None } };
    let agent = async { if wanted(Route::Ssm) { Some(queries::agent(aws, &plan.instance.id).await) } else { None } };
    let (endpoint, agent) = tokio::join!(endpoint, agent);
    let is_unusual = actual != order(plan.via, &plan.addresses, None);
    Survey { endpoint, agent, order: actual, is_unusual }
}

impl Survey {
    /// Adds the survey to a plan in JSON.
    pub(crate) fn add_to(&self, json: &mut Value) {
        json["routes"] = json!(self.order);
        json["endpoint"] = match &self.endpoint {
            Some(Ok(chosen)) => json!({ "id": chosen.endpoint.id, "address": chosen.address.to_string() }),
            Some(Err(error)) => json!({ "problem": error.to_string() }),
            None => Value::Null,
        };
        json["agent"] = match &self.agent {
            Some(Ok(())) => json!({ "connected": true }),
            Some(Err(RouteError::AgentOffline)) => json!({ "connected": false }),
            Some(Err(error)) => json!({ "problem": error.to_string() }),
            None => Value::Null,
        };
    }
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unusual {
            let order: Vec<String> = self.order.iter().map(ToString::to_string).collect();
            writeln!(f, "order      {} (cached from the last connection)", order.join(", then "))?;
        }
        match &self.endpoint {
            Some(Ok(chosen)) => writeln!(f, "endpoint   {chosen}")?,
            Some(Err(error)) => writeln!(f, "endpoint   {error}")?,
            None => {}
        }
        match &self.agent {
            Some(Ok(())) => writeln!(f, "agent      connected to Session Manager"),
            Some(Err(error)) => writeln!(f, "agent      {error}"),
            None => Ok(()),
        }
    }
}
