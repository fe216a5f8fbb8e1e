//! What is known of the routes before any of them is taken: for the plan alone.

use std::fmt;

use serde_json::{Value, json};

use super::RouteError;
use crate::connect::Resolved;
use crate::plan::route::{self, ChosenEndpoint, Route};

/// What AWS says of the routes; `None` where it was not asked.
#[derive(Debug, Default)]
pub struct Facts {
    /// The endpoint that serves, or why none does.
    pub endpoint: Option<Result<ChosenEndpoint, RouteError>>,
    /// Whether the agent is there.
    pub agent: Option<Result<(), RouteError>>,
    /// The routes in the order in which they will be tried.
    pub order: Vec<Route>,
    /// That order is another than the plan's.
    pub is_unusual: bool,
}

impl Resolved {
    /// Asks what a connection would ask before the first route's turn, side by side; nothing is opened.
    pub async fn survey(&self) -> Facts {
        let (order, _) = self.order();
        let asks = order.first() != Some(&Route::Direct) || !self.plan.instance.has_public_address();
        let wanted = |route| asks && order.contains(&route);
        let endpoint = async { if wanted(Route::Eice) { Some(self.endpoint().await) } else { None } };
        let agent = async { if wanted(Route::Ssm) { Some(self.agent().await) } else { None } };
        let (endpoint, agent) = tokio::join!(endpoint, agent);
        let is_unusual = order != route::order(self.plan.via, &self.plan.addresses, None);
        Facts { endpoint, agent, order, is_unusual }
    }
}

impl Facts {
    /// Into the plan for programs.
    pub fn add_to(&self, json: &mut Value) {
        json["routes"] = json!(self.order);
        json["endpoint"] = match &self.endpoint {
            Some(Ok(chosen)) => json!({ "id": chosen.endpoint.id, "address": chosen.address.to_string() }),
            Some(Err(why)) => json!({ "problem": why.to_string() }),
            None => Value::Null,
        };
        json["agent"] = match &self.agent {
            Some(Ok(())) => json!({ "connected": true }),
            Some(Err(RouteError::NoAgent)) => json!({ "connected": false }),
            Some(Err(why)) => json!({ "problem": why.to_string() }),
            None => Value::Null,
        };
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unusual {
            let order: Vec<String> = self.order.iter().map(ToString::to_string).collect();
            writeln!(f, "order      {}: as it went last time", order.join(", then "))?;
        }
        match &self.endpoint {
            Some(Ok(chosen)) => writeln!(f, "endpoint   {chosen}")?,
            Some(Err(why)) => writeln!(f, "endpoint   {why}")?,
            None => {}
        }
        match &self.agent {
            Some(Ok(())) => writeln!(f, "agent      connected to Session Manager"),
            Some(Err(why)) => writeln!(f, "agent      {why}"),
            None => Ok(()),
        }
    }
}
