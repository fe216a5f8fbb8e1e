//! The way through Session Manager: the SSM Agent.

use crate::config::Via;
use crate::diagnose::cause::Cause;
use crate::diagnose::check::Verdict;
use crate::facts::{Fact, Facts};
use crate::when::utc;

/// The first version with SSH sessions (AWS-StartSSHSession).
const SINCE: [u32; 4] = [2, 3, 672, 0];

pub(super) fn agent(facts: &Facts) -> Verdict {
    let via = facts.plan.via;
    if !matches!(via, Via::Auto | Via::Ssm) {
        return Verdict::Irrelevant(format!("the way is set: {via}"));
    }
    let agent = match &facts.agent {
        Fact::Known(agent) => agent,
        gap => return Verdict::unknown(gap),
    };
    let Some(agent) = agent else {
        let profile = facts.details.known().map(|details| details.iam_profile.as_deref());
        let because = match profile {
            Some(None) => "no SSM Agent has ever reported, and the instance has no IAM instance profile".to_owned(),
            Some(Some(arn)) => format!("no SSM Agent has ever reported; the instance profile is {arn}"),
            None => "no SSM Agent has ever reported".to_owned(),
        };
        if via == Via::Auto {
            return Verdict::Irrelevant(because);
        }
        let has_profile = profile.map(|profile| profile.is_some());
        return Verdict::failed(Cause::NoAgent { has_profile }, [because]);
    };
    let version = agent.version.clone().unwrap_or_else(|| "unknown".to_owned());
    let last = agent.last_ping.map_or(String::new(), |at| format!(", last ping {}", utc(at)));
    let shown = format!("{}, version {version}{last}", agent.ping);
    if agent.ping != "Online" {
        return Verdict::failed(Cause::AgentOffline { ping: agent.ping.clone() }, [shown]);
    }
    if is_older(&version) {
        return Verdict::failed(Cause::AgentTooOld { version }, [shown]);
    }
    Verdict::Passed(shown)
}

fn is_older(version: &str) -> bool {
    let numbers: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    numbers.is_some_and(|numbers| numbers.as_slice() < &SINCE[..])
}
