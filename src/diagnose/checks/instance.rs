//! The caller, and the instance as AWS sees it.

use crate::aws::model::State;
use crate::diagnose::cause::Cause;
use crate::diagnose::check::{Problem, Verdict};
use crate::facts::Facts;

/// Says who asks. Credentials that AWS refuses end the diagnosis before any check.
pub(super) fn identity(facts: &Facts) -> Verdict {
    match facts.identity.known() {
        Some(identity) => Verdict::Passed(identity.arn.clone()),
        None => Verdict::unknown(&facts.identity),
    }
}

pub(super) fn state(facts: &Facts) -> Verdict {
    let instance = &facts.plan.instance;
    let state = instance.state.as_str();
    if instance.state == State::Running {
        return Verdict::Passed(format!("{} is running", instance.id));
    }
    let reason = instance.state_reason.iter().map(|reason| format!("EC2 says: {reason}"));
    let because = std::iter::once(format!("{} is {state}", instance.id)).chain(reason);
    Verdict::failed(Cause::NotRunning { state }, because.collect::<Vec<_>>())
}

pub(super) fn status(facts: &Facts) -> Verdict {
    let status = match &facts.status {
        crate::facts::Fact::Known(Some(status)) => status,
        crate::facts::Fact::Known(None) => return Verdict::Unknown("AWS has no status checks for it".to_owned()),
        gap => return Verdict::unknown(gap),
    };
    let checks = [("system", &status.system), ("instance", &status.instance), ("ebs", &status.ebs)];
    let listed: Vec<String> =
        checks.iter().filter(|(_, state)| !state.is_empty()).map(|(name, state)| format!("{name} {state}")).collect();
    let Some((check, _)) = checks.iter().find(|(_, state)| *state == "impaired") else {
        return Verdict::Passed(listed.join(", "));
    };
    let because = std::iter::once(listed.join(", ")).chain(status.events.iter().map(|event| format!("event: {event}")));
    Verdict::Failed(Problem { cause: Cause::StatusImpaired { check }, because: because.collect() })
}
