//! [`Fact`]: an answer, or why there is none.

use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::time::timeout;

use crate::aws;

/// The time limit of each question.
const LIMIT: Duration = Duration::from_millis(2_500);

/// The answer to one question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fact<T> {
    /// The answer that was given.
    Known(T),
    /// The IAM action that the credentials lack.
    Denied(&'static str),
    /// The question failed, for this reason.
    Failed(String),
    /// The question was not asked, because nothing depends on it.
    #[default]
    NotAsked,
}

impl<T> Fact<T> {
    /// Asks within the time limit.
    pub(super) async fn ask(question: impl Future<Output = Result<T, aws::Error>>) -> Self {
        match timeout(LIMIT, question).await {
            Ok(Ok(answer)) => Self::Known(answer),
            Ok(Err(error)) => Self::of_error(&error),
            Err(_) => Self::Failed(format!("no answer within {:.1} s", LIMIT.as_secs_f64())),
        }
    }

    fn of_error(error: &aws::Error) -> Self {
        match error {
            aws::Error::Service { call, .. } if error.is_denial() => Self::Denied(call.iam_action()),
            other => Self::Failed(other.to_string()),
        }
    }

    /// Returns the answer, if there is one.
    pub(crate) fn known(&self) -> Option<&T> {
        match self {
            Self::Known(answer) => Some(answer),
            _ => None,
        }
    }

    /// Returns why there is no answer.
    pub(crate) fn gap(&self) -> Option<String> {
        match self {
            Self::Known(_) => None,
            Self::Denied(action) => Some(format!("not allowed: {action}")),
            Self::Failed(why) => Some(why.clone()),
            Self::NotAsked => Some("not asked".to_owned()),
        }
    }
}

impl<T: Serialize> Serialize for Fact<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match (self, self.gap()) {
            (Self::Known(answer), _) => answer.serialize(to),
            (Self::NotAsked, _) | (_, None) => to.serialize_none(),
            (_, Some(error)) => std::collections::BTreeMap::from([("error", error)]).serialize(to),
        }
    }
}
