//! The answer of all checks: which ways are open, and what is in the way, the nearest first. Pure.

use super::cause::Cause;
use super::check::{Check, Problem, Stage, Verdict};
use super::checks::ALL;
use crate::facts::{Facts, Reach};
use crate::plan::order::{Route, order};

/// A check and its verdict.
pub(crate) struct Checked {
    /// The check that was made.
    pub check: &'static Check,
    /// The judgement of the check.
    pub verdict: Verdict,
}

/// The answer to the question why one cannot connect.
pub(crate) struct Answer {
    /// All checks in the order of the way.
    pub checks: Vec<Checked>,
    /// The causes that are in the way, the first one first.
    pub findings: Vec<Problem>,
    /// The ways that are open, as far as they were looked at.
    pub open: Vec<Route>,
    /// The ways that are closed while another one is open, each with its first problem.
    pub closed: Vec<(Route, Problem)>,
    /// The way that the answer is about: the first that is open, else the one that is nearest to being open.
    pub way: Option<Route>,
}

/// Judges the facts by all checks.
pub(crate) fn answer(facts: &Facts) -> Answer {
    let mut checks: Vec<Checked> = Vec::new();
    for check in ALL {
        let failed = check.needs.iter().find(|code| fails(&checks, code));
        let verdict = failed.map_or_else(|| (check.judge)(facts), |code| Verdict::Skipped(code));
        checks.push(Checked { check, verdict });
    }
    let wanted = order(facts.plan.via, &facts.plan.addresses, None);
    let open: Vec<Route> = wanted.iter().copied().filter(|route| is_open(*route, facts, &checks)).collect();
    let way = open.first().copied().or_else(|| nearest(&wanted, facts, &checks));
    let findings = findings(&checks, &wanted, &open, way);
    let closed = wanted.iter().filter(|route| !open.is_empty() && !open.contains(route));
    let closed = closed.filter_map(|route| Some((*route, first_failure(&checks, stage_of(*route))?))).collect();
    Answer { checks, findings, open, closed, way }
}

/// Whether the check with this code failed, or was skipped because an earlier one did.
fn fails(checks: &[Checked], code: &str) -> bool {
    let found = checks.iter().find(|checked| checked.check.code == code);
    found.is_some_and(|checked| matches!(checked.verdict, Verdict::Failed(_) | Verdict::Skipped(_)))
}

fn stage_of(route: Route) -> Stage {
    match route {
        Route::Direct => Stage::Direct,
        Route::Eice => Stage::Endpoint,
        Route::Ssm => Stage::Agent,
    }
}

/// Whether a way is open: the direct one was tried, the others are judged by what AWS says of them.
fn is_open(route: Route, facts: &Facts, checks: &[Checked]) -> bool {
    let mut own =
        checks.iter().filter(|checked| checked.check.stage == stage_of(route)).map(|checked| &checked.verdict);
    match route {
        Route::Direct => {
            matches!(facts.reach, Reach::Ssh { .. }) && !own.any(|verdict| matches!(verdict, Verdict::Failed(_)))
        }
        Route::Ssm => own.all(|verdict| matches!(verdict, Verdict::Passed(_))),
        Route::Eice => own.enumerate().all(|(at, verdict)| match verdict {
            Verdict::Passed(_) => true,
            // The endpoint is there; the rules around it may not be shown.
            Verdict::Unknown(_) => at > 0,
            _ => false,
        }),
    }
}

fn first_failure(checks: &[Checked], stage: Stage) -> Option<Problem> {
    checks.iter().filter(|checked| checked.check.stage == stage).find_map(|checked| match &checked.verdict {
        Verdict::Failed(problem) => Some(problem.clone()),
        _ => None,
    })
}

/// Returns the way that the answer is about if none is open: the direct one to a public address; else one that exists.
fn nearest(wanted: &[Route], facts: &Facts, checks: &[Checked]) -> Option<Route> {
    let is_there = |route: &Route| match route {
        Route::Direct => !facts.plan.dials_private() || facts.gets_through(),
        other => checks
            .iter()
            .filter(|checked| checked.check.stage == stage_of(*other))
            .all(|checked| !matches!(checked.verdict, Verdict::Irrelevant(_) | Verdict::Unknown(_))),
    };
    wanted.iter().copied().find(is_there).or(wanted.first().copied())
}

fn findings(checks: &[Checked], wanted: &[Route], open: &[Route], way: Option<Route>) -> Vec<Problem> {
    let of = |stage: Stage| checks.iter().filter(move |checked| checked.check.stage == stage);
    let failed = |checked: &Checked| match &checked.verdict {
        Verdict::Failed(problem) => Some(problem.clone()),
        _ => None,
    };
    let suspect = |checked: &Checked| match &checked.verdict {
        Verdict::Suspect(problem) => Some(problem.clone()),
        _ => None,
    };
    let mut found: Vec<Problem> = of(Stage::Instance).filter_map(failed).collect();
    if open.is_empty() {
        found.extend(of(Stage::Boot).filter_map(failed));
        if let Some(way) = way {
            let mut own: Vec<Problem> = of(stage_of(way)).filter_map(failed).collect();
            let only_timed_out = own.iter().all(|problem| matches!(problem.cause, Cause::TimedOut { .. }));
            if only_timed_out {
                own.splice(0..0, of(stage_of(way)).filter_map(suspect));
            }
            found.extend(own);
        }
        let others = wanted.iter().filter(|route| Some(**route) != way).map(|route| stage_of(*route));
        let is_private_only = |problem: &Problem| matches!(problem.cause, Cause::PrivateOnly { .. });
        // Where another way is meant to be taken, a private address is no fault.
        found.extend(others.flat_map(of).filter_map(failed).filter(|problem| !is_private_only(problem)));
    }
    found.extend(of(Stage::Login).filter_map(failed));
    found.extend(of(Stage::Login).filter_map(suspect));
    found
}
