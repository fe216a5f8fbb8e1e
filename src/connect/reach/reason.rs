//! Why a route was chosen, in words for a person. Pure.

use super::RouteError;
use crate::plan::route::Route;

/// Why the first route is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// `--via`.
    AsAskedFor,
    /// It is remembered.
    WorkedLast,
    /// There is something to dial.
    HasAddress,
    /// What answers at its private address is another machine.
    AddressIsAnothers,
    /// There is nothing to dial.
    HasNoAddress,
}

/// Why this route, in words.
pub fn because(route: Route, order: &[Route], why: First, failed: &[(Route, RouteError)]) -> String {
    let before = order.iter().take_while(|other| **other != route);
    let before: Vec<String> = before
        .map(|other| match failed.iter().find(|(failed, _)| failed == other) {
            Some((_, route_error)) => format!("{other}: {route_error}"),
            None => format!("{other} has not answered yet"),
        })
        .collect();
    let first = match why {
        First::AsAskedFor => "as asked for",
        First::WorkedLast => "it worked last time",
        First::HasAddress => "it has an address that answers",
        First::AddressIsAnothers => "another machine answers at its private address",
        First::HasNoAddress => "it has no address to be dialled",
    };
    match (before.is_empty(), why) {
        (true, _) => first.to_owned(),
        (false, First::AddressIsAnothers) => format!("{first}; {}", before.join("; ")),
        (false, _) => before.join("; "),
    }
}
