//! Tests of the order of the routes.

use super::{Route, order};
use crate::config::Via;
use crate::plan::address::Address;

/// The order is direct, EICE, SSM, except that the route that worked last time comes first. The direct route requires
/// an address.
#[test]
fn last_working_route_is_tried_first() {
    use Route::{Direct, Eice, Ssm};
    let one = [Address::Ip("10.0.0.1".parse().unwrap())];
    let table: &[(Via, bool, Option<Route>, &[Route])] = &[
        (Via::Auto, true, None, &[Direct, Eice, Ssm]),
        (Via::Auto, false, None, &[Eice, Ssm]),
        (Via::Auto, true, Some(Ssm), &[Ssm, Direct, Eice]),
        (Via::Auto, true, Some(Direct), &[Direct, Eice, Ssm]),
        // The direct route worked last time, but the instance has no address now.
        (Via::Auto, false, Some(Direct), &[Eice, Ssm]),
        (Via::Direct, true, Some(Ssm), &[Direct]),
        (Via::Eice, true, None, &[Eice]),
        (Via::Ssm, false, Some(Eice), &[Ssm]),
    ];
    for (via, has_address, last, expected) in table {
        let addresses = if *has_address { &one[..] } else { &[] };
        assert_eq!(order(*via, addresses, *last), *expected, "{via} {has_address} {last:?}");
    }
}

#[test]
fn routes_have_the_names_of_the_documentation() {
    let names = [Route::Direct, Route::Eice, Route::Ssm].map(|route| route.to_string());
    assert_eq!(names, ["direct", "EICE", "Session Manager"]);
}
