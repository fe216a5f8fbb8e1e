//! Why an instance cannot be reached: one address, or all routes. Pure.

use std::io;
use std::sync::Arc;

use super::check::Problem;
use crate::config::AddressKind;
use crate::plan::RoutePlan;
use crate::route::FailedRoute;
use crate::transport::tcp;

/// The facts of a direct connection that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreachable {
    /// The id of the instance.
    pub instance_id: String,
    /// The port that was dialed.
    pub port: u16,
    /// The system's error for each address.
    pub detail: String,
    /// The likely reason of the failures.
    pub reason: UnreachableReason,
    /// The security groups, if they do not admit the caller.
    pub closed: Option<Problem>,
    /// The plan that was tried.
    pub plan: RoutePlan,
}

/// The likely reason why no address answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnreachableReason {
    /// The DNS name does not resolve, and there is no address of the requested family.
    NoAddress,
    /// The machine is there, and nothing listens on the port.
    Refused,
    /// A private address is reachable from inside its network only.
    Private,
    /// Packets are dropped on the way: a security group, a network ACL, a missing route, a firewall.
    Filtered {
        /// Set when the instance has a private address beside the public one.
        has_private: bool,
    },
}

/// Judges a direct connection that failed.
pub(crate) fn unreachable(plan: &RoutePlan, error: &tcp::Error, closed: Option<Problem>) -> Unreachable {
    let instance = &plan.instance;
    let reason = if matches!(error, tcp::Error::NoAddress) {
        UnreachableReason::NoAddress
    } else if error.any(io::ErrorKind::ConnectionRefused) {
        UnreachableReason::Refused
    } else if plan.dials_private() || plan.address_kind == AddressKind::Private {
        UnreachableReason::Private
    } else {
        UnreachableReason::Filtered { has_private: instance.private_ip.is_some() && instance.public_ip.is_some() }
    };
    Unreachable {
        instance_id: instance.id.clone(),
        port: plan.port,
        detail: error.to_string(),
        reason,
        closed,
        plan: plan.clone(),
    }
}

/// The facts of routes that all failed.
#[derive(Debug)]
pub(crate) struct NoRoute {
    /// The plan that was tried.
    pub plan: RoutePlan,
    /// The error of each route.
    pub failed: Arc<[FailedRoute]>,
    /// The security groups, if they do not admit the caller.
    pub closed: Option<Problem>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::route_plan;
    use crate::transport::tcp::Attempt;

    fn failed(kind: io::ErrorKind) -> tcp::Error {
        tcp::Error::Failed(vec![Attempt { address: "192.0.2.1:22".parse().unwrap(), error: kind.into() }])
    }

    #[test]
    fn reason_follows_error_and_addresses() {
        let reason = |plan: &RoutePlan, error: &tcp::Error| unreachable(plan, error, None).reason;
        let (refused, late) = (failed(io::ErrorKind::ConnectionRefused), failed(io::ErrorKind::TimedOut));
        let mut plan = route_plan();
        plan.instance.public_ip = Some("192.0.2.1".parse().unwrap());
        plan.instance.private_ip = Some("10.0.0.1".parse().unwrap());
        assert_eq!(reason(&plan, &tcp::Error::NoAddress), UnreachableReason::NoAddress);
        assert_eq!(reason(&plan, &refused), UnreachableReason::Refused);
        assert_eq!(reason(&plan, &late), UnreachableReason::Filtered { has_private: true });
        plan.address_kind = AddressKind::Private;
        assert_eq!(reason(&plan, &late), UnreachableReason::Private);
        plan.address_kind = AddressKind::Auto;
        plan.instance.public_ip = None;
        assert_eq!(reason(&plan, &late), UnreachableReason::Private);
    }
}
