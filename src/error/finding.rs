//! Renders findings: the one place where a judgement becomes text.

use super::{CommandError, denied, host_key, route, unreachable};
use crate::diagnose::Finding;

/// Renders a finding as an error to report.
pub(super) fn render(finding: &Finding) -> CommandError {
    let error = match finding {
        Finding::PermissionDenied(facts) => denied::render(facts),
        Finding::Unreachable(facts) => unreachable::render(facts),
        Finding::NoRoute(facts) => route::render(facts),
        Finding::HostKeyChanged(facts) => host_key::render(facts),
    };
    error.with_finding(finding.clone())
}
