//! Tests of the codes and the exit statuses.

use super::*;
use crate::config::Via;
use crate::connect;
use crate::plan::RoutePlan;
use crate::plan::order::Route;
use crate::route::{FailedRoute, RouteError};
use crate::ssh;
use crate::testing::{ID, route_plan};
use crate::transport::probe::ProbeError;

/// AWS error codes that must have a message and a hint.
const CODES: &[&str] = &[
    "AuthException",
    "InvalidArgsException",
    "EC2InstanceNotFoundException",
    "EC2InstanceStateInvalidException",
    "EC2InstanceUnavailableException",
    "ThrottlingException",
    "SerialConsoleAccessDisabledException",
    "EC2InstanceTypeInvalidException",
    "SerialConsoleSessionLimitExceededException",
    "InvalidInstanceID.Malformed",
    "InvalidInstanceID.NotFound",
    "UnauthorizedOperation",
    "ExpiredToken",
    "RequestExpired",
    "OptInRequired",
    "RequestLimitExceeded",
    "DryRunOperation",
    "TargetNotConnected",
];

#[test]
fn every_code_has_message_and_hint() {
    let mut all = String::new();
    for code in CODES {
        let (meaning, hint) = explain_code(code, "ec2:SomeAction", ID).unwrap_or_else(|| panic!("{code} has no words"));
        assert!(!meaning.contains("ACTION") && !hint.contains("RESOURCE"), "{code}");
        all.push_str(&format!("{code}\n  {meaning}\n  {hint}\n"));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn exit_codes_follow_kind_and_family() {
    let table = [
        (ErrorKind::Usage, CommandKind::Session, 255),
        (ErrorKind::Usage, CommandKind::Tool, 2),
        (ErrorKind::Failed, CommandKind::Session, 255),
        (ErrorKind::Failed, CommandKind::Tool, 1),
        (ErrorKind::Interrupted(2), CommandKind::Session, 130),
        (ErrorKind::Interrupted(15), CommandKind::Tool, 143),
    ];
    for (error, command, code) in table {
        assert_eq!(CommandError::new(error, "").exit_code(command), code, "{error:?} {command:?}");
    }
}

/// Renders an error as the user sees it.
fn shown(error: impl Into<CommandError>) -> String {
    let CommandError { message, causes, hints, .. } = error.into();
    let causes = causes.iter().map(|cause| format!("\nCaused by: {cause}"));
    let hints = hints.iter().map(|hint| format!("\nHint: {hint}"));
    format!("Error: {message}{}\n", causes.chain(hints).collect::<String>())
}

fn no_route(route: Route, via: Via, error: RouteError) -> connect::Error {
    let plan = Box::new(RoutePlan { via, ..route_plan() });
    connect::Error::NoRoute { plan, failed: vec![FailedRoute { route, error }].into(), groups: None }
}

#[test]
fn time_limits_are_named() {
    let ssh = ssh::Error::HandshakeTimeout { seconds: 15, identification: None };
    let server = connect::Error::Ssh { plan: Box::new(route_plan()), source: Box::new(ssh), failed: Vec::new() };
    let lost = ssh::Error::KeepaliveTimeout;
    let lost = connect::Error::Ssh { plan: Box::new(route_plan()), source: Box::new(lost), failed: Vec::new() };
    let proof = ProbeError::Timeout { awaited: "SSH identification", seconds: 10 };
    let tunnel = no_route(Route::Eice, Via::Eice, RouteError::Unproven { source: proof, socket: None });
    let agent = no_route(Route::Ssm, Via::Ssm, ssm::Error::NoHandshake(15).into());
    let silent = websocket::Error::Silent { host: "eice-1.test".into(), seconds: 10 };
    let upgrade =
        RouteError::Tunnel { endpoint_id: "eice-1".into(), source: Box::new(silent), has_max_duration: false };
    let upgrade = no_route(Route::Eice, Via::Eice, upgrade);
    let call = crate::aws::Error::Timeout { call: crate::aws::Call::SendSshPublicKey };
    insta::assert_snapshot!(
        [shown(server), shown(lost), shown(tunnel), shown(agent), shown(upgrade), shown(call)].join("\n")
    );
}

/// A service may say anything of any length. What follows it has to be seen.
#[test]
fn long_text_is_shortened() {
    let error = CommandError::failed("é".repeat(1 << 20)).cause("x".repeat(1 << 20)).hint("the way out");
    assert!(error.message.chars().count() < 2010 && error.message.ends_with(" […]"));
    assert!(error.causes[0].len() < 2010 && error.hints == ["the way out"]);
    assert_eq!(CommandError::failed("as it was").message, "as it was");
}
