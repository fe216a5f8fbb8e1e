//! [`Finding`]: the union of all judgements, each with a stable code.

use std::sync::Arc;

use super::checks::closed_groups;
use super::denied::PermissionDenied;
use super::host_key::HostKeyChanged;
use super::unreachable::{NoRoute, Unreachable, unreachable};
use crate::facts::GroupFacts;
use crate::plan::RoutePlan;
use crate::route::{FailedRoute, RouteError};

/// A judgement with its facts.
#[derive(Clone, Debug)]
pub(crate) enum Finding {
    /// The instance denied the login.
    PermissionDenied(PermissionDenied),
    /// No address of the instance answers.
    Unreachable(Box<Unreachable>),
    /// No route leads to the instance.
    NoRoute(Arc<NoRoute>),
    /// The instance presents another host key than before.
    HostKeyChanged(HostKeyChanged),
}

impl Finding {
    /// Returns the stable code of the finding, for programs and logs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::PermissionDenied(_) => "permission-denied",
            Self::Unreachable(_) => "unreachable",
            Self::NoRoute(_) => "no-route",
            Self::HostKeyChanged(_) => "host-key-changed",
        }
    }

    /// Judges routes that all failed. A single direct connection is a matter of its address.
    pub(crate) fn of_failed_routes(plan: &RoutePlan, failed: &Arc<[FailedRoute]>, groups: Option<&GroupFacts>) -> Self {
        let closed = groups.and_then(|facts| closed_groups(plan, facts));
        match &failed[..] {
            [FailedRoute { error: RouteError::Tcp(error), .. }] => {
                Self::Unreachable(Box::new(unreachable(plan, error, closed)))
            }
            _ => Self::NoRoute(Arc::new(NoRoute { plan: plan.clone(), failed: Arc::clone(failed), closed })),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::plan::order::Route;
    use crate::testing::route_plan;
    use crate::transport::tcp::{Attempt, Error};

    fn failed(kind: io::ErrorKind) -> Error {
        Error::Failed(vec![Attempt { address: "192.0.2.1:22".parse().unwrap(), error: kind.into() }])
    }

    #[test]
    fn single_direct_failure_is_unreachable() {
        let direct = |error| FailedRoute { route: Route::Direct, error };
        let tcp = || direct(RouteError::Tcp(failed(io::ErrorKind::TimedOut)));
        let agent = || FailedRoute { route: Route::Ssm, error: RouteError::AgentOffline };
        let code = |failed: Vec<FailedRoute>| Finding::of_failed_routes(&route_plan(), &failed.into(), None).code();
        assert_eq!(code(vec![tcp()]), "unreachable");
        assert_eq!(code(vec![agent()]), "no-route");
        assert_eq!(code(vec![tcp(), agent()]), "no-route");
    }
}
