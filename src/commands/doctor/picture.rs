//! The picture of the way, with the broken link marked: `you -> network ACL -> security group ✗ -> web-1:22`. Pure.

use crate::diagnose::{Answer, Checked, Stage, Verdict};
use crate::facts::Facts;
use crate::plan::order::Route;

/// The mark of what is in the way, and of what is not known.
pub(super) const BROKEN: &str = " ✗";
const OPEN_QUESTION: &str = " ?";

/// A station of the way, and the codes of the checks that are about it.
type Station = (String, &'static [&'static str]);

/// Draws the way that the answer is about.
pub(super) fn picture(facts: &Facts, answer: &Answer) -> String {
    let stations = stations(facts, answer);
    let marked = stations.iter().map(|(name, codes)| format!("{name}{}", mark(answer, codes)));
    std::iter::once("you".to_owned()).chain(marked).collect::<Vec<_>>().join(" -> ")
}

fn stations(facts: &Facts, answer: &Answer) -> Vec<Station> {
    let plan = &facts.plan;
    let instance = format!("{}:{}", plan.instance.label(), plan.port);
    let server: &[&str] = &["state", "status", "boot", "connection", "server", "host-key"];
    let tunneled: &[&str] = &["state", "status", "boot"];
    let is_stopped = answer
        .checks
        .iter()
        .any(|checked| checked.check.code == "state" && matches!(checked.verdict, Verdict::Failed(_)));
    match answer.way {
        _ if is_stopped => vec![(instance, server)],
        Some(Route::Eice) => {
            let endpoint = "EC2 Instance Connect Endpoint".to_owned();
            vec![
                (endpoint, &["endpoint", "endpoint-egress"]),
                ("security group".to_owned(), &["endpoint-ingress"]),
                (instance, tunneled),
            ]
        }
        Some(Route::Ssm) => vec![("Session Manager".to_owned(), &["agent"]), (instance, tunneled)],
        Some(Route::Direct) | None => {
            let gateway = if plan.dials_private() { "network" } else { "internet gateway" };
            vec![
                (gateway.to_owned(), &["address", "route-table", "public-access"]),
                ("network ACL".to_owned(), &["network-acl"]),
                ("security group".to_owned(), &["security-group"]),
                (instance, server),
            ]
        }
    }
}

/// Whether a link of the way is not known, or only in part. What a console does not show is no question about the way.
fn is_open_question(checked: &Checked) -> bool {
    let is_link = !matches!(checked.check.stage, Stage::Instance | Stage::Boot);
    is_link && matches!(checked.verdict, Verdict::Suspect(_) | Verdict::Unknown(_))
}

/// Returns the mark of a station: a link is broken where a check failed, and its state is open where one could not tell.
fn mark(answer: &Answer, codes: &[&str]) -> &'static str {
    let own = || answer.checks.iter().filter(|checked| codes.contains(&checked.check.code));
    // What is seen in passing is no break while the way is open.
    let counts = |stage| answer.open.is_empty() || stage == Stage::Instance;
    if own().any(|checked| matches!(checked.verdict, Verdict::Failed(_)) && counts(checked.check.stage)) {
        BROKEN
    } else if answer.open.is_empty() && own().any(is_open_question) {
        OPEN_QUESTION
    } else {
        ""
    }
}
