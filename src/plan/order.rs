//! The routes to an instance, and the order in which they are tried. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::address::Address;
use crate::config::Via;

/// A route to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Route {
    /// TCP to one of the instance's addresses.
    Direct,
    /// Through an EC2 Instance Connect Endpoint.
    Eice,
    /// Through a Session Manager session.
    Ssm,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Eice => "EICE",
            Self::Ssm => "Session Manager",
        })
    }
}

/// Returns the routes in the order in which they are tried. The route that worked last goes first; then direct, the
/// shortest, if there is an address; then the endpoint, which is faster than Session Manager because it adds no
/// protocol of its own.
pub(crate) fn order(via: Via, addresses: &[Address], last_successful: Option<Route>) -> Vec<Route> {
    match via {
        Via::Direct => vec![Route::Direct],
        Via::Eice => vec![Route::Eice],
        Via::Ssm => vec![Route::Ssm],
        Via::Auto => {
            let direct = (!addresses.is_empty()).then_some(Route::Direct);
            let all: Vec<Route> = direct.into_iter().chain([Route::Eice, Route::Ssm]).collect();
            let first = last_successful.filter(|route| all.contains(route));
            first.into_iter().chain(all.iter().copied().filter(|route| Some(*route) != first)).collect()
        }
    }
}

#[cfg(test)]
mod tests;
