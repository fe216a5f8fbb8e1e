//! Explains to the user why a route was chosen. Pure.

use super::error::RouteError;
use crate::plan::order::Route;

/// Why the first route is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstReason {
    /// The user requested it with `--via`.
    Requested,
    /// The cache has it as the route that worked last.
    WorkedLast,
    /// The instance has an address to dial.
    HasAddress,
    /// Another machine answers at the instance's private address.
    AddressIsForeign,
    /// The instance has no address to dial.
    HasNoAddress,
}

/// Explains why this route was chosen.
pub(super) fn explain_choice(
    route: Route,
    order: &[Route],
    reason: FirstReason,
    failed: &[(Route, RouteError)],
) -> String {
    let before = order.iter().take_while(|other| **other != route);
    let before: Vec<String> = before
        .map(|other| match failed.iter().find(|(failed, _)| failed == other) {
            Some((_, error)) => format!("{other}: {error}"),
            None => format!("{other}: no answer yet"),
        })
        .collect();
    let first = match reason {
        FirstReason::Requested => "as requested",
        FirstReason::WorkedLast => "it worked last time",
        FirstReason::HasAddress => "the instance has an address that answers",
        FirstReason::AddressIsForeign => "another machine answers at the private address",
        FirstReason::HasNoAddress => "the instance has no address to dial",
    };
    match (before.is_empty(), reason) {
        (true, _) => first.to_owned(),
        (false, FirstReason::AddressIsForeign) => format!("{first}; {}", before.join("; ")),
        (false, _) => before.join("; "),
    }
}
