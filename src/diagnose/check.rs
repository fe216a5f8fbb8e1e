//! A check: a code, a title, the checks that it depends on, and a pure judgement of the facts.

use super::cause::Cause;
use crate::facts::{Fact, Facts};

/// A check of the way to an instance.
pub(crate) struct Check {
    /// The stable code of the check, for programs.
    pub code: &'static str,
    /// The subject of the check, for the user.
    pub title: &'static str,
    /// The part of the way that it is about.
    pub stage: Stage,
    /// The checks without whose success this one says nothing.
    pub needs: &'static [&'static str],
    /// The judgement of the facts.
    pub judge: fn(&Facts) -> Verdict,
}

/// A part of the way, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// The caller and the instance's own state.
    Instance,
    /// The instance's boot, as its console shows it.
    Boot,
    /// The direct way, over the network.
    Direct,
    /// The way through an EC2 Instance Connect Endpoint.
    Endpoint,
    /// The way through Session Manager.
    Agent,
    /// The login behind any of the ways.
    Login,
}

/// The judgement of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is in the way; the text is what it was concluded from.
    Passed(String),
    /// The problem is in the way.
    Failed(Problem),
    /// The problem may be in the way: it holds for a part of the traffic.
    Suspect(Problem),
    /// The facts do not tell; the text says which are missing.
    Unknown(String),
    /// The check does not apply here; the text says why.
    Irrelevant(String),
    /// The check says nothing, because the one with this code failed.
    Skipped(&'static str),
}

/// Something in the way, and what it was concluded from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The cause, with its facts.
    pub cause: Cause,
    /// The facts that it was concluded from.
    pub because: Vec<String>,
}

impl Verdict {
    /// Returns a failure by this cause.
    pub(super) fn failed(cause: Cause, because: impl Into<Vec<String>>) -> Self {
        Self::Failed(Problem { cause, because: because.into() })
    }

    /// Returns the verdict for a fact that is missing.
    pub(super) fn unknown<T>(fact: &Fact<T>) -> Self {
        Self::Unknown(fact.gap().unwrap_or_default())
    }

    /// Returns the word for the verdict in JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Failed(_) => "failed",
            Self::Suspect(_) => "suspect",
            Self::Unknown(_) => "unknown",
            Self::Irrelevant(_) => "irrelevant",
            Self::Skipped(_) => "skipped",
        }
    }
}
