//! Explains failed routes: an EC2 Instance Connect Endpoint (EICE), Session Manager, or all routes together.

use super::{CommandError, unreachable};
use crate::diagnose::{self, NoRoute, Problem};
use crate::plan::RoutePlan;
use crate::plan::endpoint::{ENDPOINT_PORTS, EndpointError};
use crate::plan::order::Route;
use crate::route::{FailedRoute, RouteError};
use crate::ssm;
use crate::text::shell_word;
use crate::web::websocket;

/// Renders routes that all failed.
pub(super) fn render(facts: &NoRoute) -> CommandError {
    let NoRoute { plan, failed, closed } = facts;
    let (id, port) = (&plan.instance.id, plan.port);
    let message = match &failed[..] {
        [FailedRoute { route: Route::Eice, .. }] => {
            format!("cannot reach {id} on port {port} through an EC2 Instance Connect Endpoint (EICE)")
        }
        [FailedRoute { route: Route::Ssm, .. }] => format!("cannot reach {id} on port {port} through Session Manager"),
        _ => format!("cannot reach {id} on port {port}: all routes failed"),
    };
    let routes: Vec<Route> = failed.iter().map(|failed| failed.route).collect();
    let plain = CommandError::failed(message);
    let single = failed.len() == 1;
    failed.iter().fold(plain, |error, FailedRoute { route, error: route_error }| {
        let words = explain(plan, route_error, &routes, closed.as_ref());
        let causes: Vec<String> =
            std::iter::once(words.message).chain(words.causes).filter(|cause| !cause.is_empty()).collect();
        let error = if single {
            causes.into_iter().fold(error, CommandError::cause)
        } else {
            error.cause(format!("{route}: {}", causes.join("; ")))
        };
        let known = error.hints.clone();
        words.hints.into_iter().filter(|hint| !known.contains(hint)).fold(error, CommandError::hint)
    })
}

/// Adds the failures of the other routes to an SSH error of the last remaining route.
pub(super) fn with_failed_routes(error: CommandError, others: &[FailedRoute]) -> CommandError {
    others.iter().fold(error, |error, FailedRoute { route, error: route_error }| {
        error.cause(format!("other routes failed: {route}: {route_error}"))
    })
}

/// Adds the hint to use another route, if there is one that has not failed yet.
fn suggest_route(plain: CommandError, plan: &RoutePlan, failed: &[Route]) -> CommandError {
    let untried = [(Route::Eice, "eice"), (Route::Ssm, "ssm")].into_iter().find(|(route, _)| !failed.contains(route));
    let port = if plan.port == 22 { String::new() } else { format!(" -p {}", plan.port) };
    match untried {
        Some((Route::Eice, _)) if !ENDPOINT_PORTS.contains(&plan.port) => plain,
        Some((_, via)) => plain.hint(format!("try another route: ec2ssh --via {via}{port} {}", plan.instance.id)),
        None => plain,
    }
}

/// Explains one route's failure: its cause, its meaning and a command to type.
fn explain(plan: &RoutePlan, route_error: &RouteError, failed: &[Route], closed: Option<&Problem>) -> CommandError {
    let id = &plan.instance.id;
    let plain = CommandError::failed(route_error.to_string());
    match route_error {
        RouteError::Tcp(error) => {
            unreachable::explain(&diagnose::unreachable(plan, error, closed.cloned()), plain)
        }
        RouteError::Endpoint(why) => no_endpoint(plain, plan, why),
        RouteError::Port(_) => suggest_route(plain, plan, failed),
        RouteError::Aws(error) => CommandError::from(&**error),
        RouteError::Tunnel { endpoint_id, source, has_max_duration } => {
            tunnel(plain, (plan, failed), endpoint_id, source, *has_max_duration)
        }
        RouteError::Jump { name, .. } => plain.hint(format!(
            "see whether it has a way to port {} there, and whether its sshd allows AllowTcpForwarding: ec2ssh {}",
            plan.port,
            shell_word(name)
        )),
        RouteError::AgentOffline => plain
            .cause("the agent is stopped or not installed, its role lacks AmazonSSMManagedInstanceCore, or it cannot reach the service on port 443")
            .hint(format!(
                "show its Systems Manager status: aws ssm describe-instance-information --filters Key=InstanceIds,Values={id}"
            )),
        RouteError::Session(error) => session(plain, plan, failed, error),
        RouteError::Unproven { .. } => plain.hint(format!(
            "show the boot log: aws ec2 get-console-output --latest --output text --instance-id {id}"
        )),
    }
}

fn no_endpoint(plain: CommandError, plan: &RoutePlan, why: &EndpointError) -> CommandError {
    match why {
        EndpointError::NotFound(_) if plan.tunnel.endpoint_id.is_some() => {
            plain.hint("list the endpoints: aws ec2 describe-instance-connect-endpoints")
        }
        EndpointError::NotFound(_) => {
            let subnet = plan.instance.subnet_id.as_deref().unwrap_or("SUBNET");
            let subnet = shell_word(subnet);
            plain.hint(format!("create one: aws ec2 create-instance-connect-endpoint --subnet-id {subnet}"))
        }
        EndpointError::Unusable { id, .. } => plain.hint(format!(
            "show the state and its reason: aws ec2 describe-instance-connect-endpoints --instance-connect-endpoint-ids {}",
            shell_word(id)
        )),
        EndpointError::NoReachableAddress { .. } => {
            plain.hint("use another one: ec2ssh --eice-id ID …; list them: aws ec2 describe-instance-connect-endpoints")
        }
    }
}

fn tunnel(
    plain: CommandError,
    (plan, failed): (&RoutePlan, &[Route]),
    endpoint_id: &str,
    source: &websocket::Error,
    has_max_duration: bool,
) -> CommandError {
    let (port, endpoint) = (plan.port, shell_word(endpoint_id));
    match source {
        websocket::Error::Web(error) => {
            let words = CommandError::from(error);
            CommandError { message: plain.message, ..words }
        }
        websocket::Error::Refused { refusal, .. } => {
            let plain = match &refusal.request_id {
                Some(id) => plain.cause(format!("request id for AWS Support: {id}")),
                None => plain,
            };
            let text = refusal.message.to_ascii_lowercase();
            if text.contains("maxtunnelduration") {
                let less = if has_max_duration { "a shorter one" } else { "an allowed one" };
                return plain.hint(format!("a policy limits the tunnel duration; set {less}: --max-tunnel-duration SECONDS"));
            }
            match refusal.status {
                401 | 403 => plain
                    .cause("the IAM action ec2-instance-connect:OpenTunnel is not allowed for this endpoint, port or address, or the local clock is wrong")
                    .hint("show your identity: aws sts get-caller-identity; then allow it in that identity's IAM policy; and check the clock: date -u"),
                429 => suggest_route(plain, plan, failed)
                    .cause("an endpoint allows 20 concurrent connections")
                    .hint("wait until a connection has ended, then run the same command again"),
                _ => plain.hint(format!(
                    "show the endpoint's state: aws ec2 describe-instance-connect-endpoints --instance-connect-endpoint-ids {endpoint}"
                )),
            }
        }
        websocket::Error::Closed { .. } => plain
            .cause(format!("no security group of the instance allows TCP {port} from the endpoint, or sshd is not running"))
            .hint(format!(
                "show the endpoint's security groups, which must be allowed: aws ec2 describe-instance-connect-endpoints --instance-connect-endpoint-ids {endpoint} --query 'InstanceConnectEndpoints[].SecurityGroupIds'"
            )),
        websocket::Error::Silent { .. } | websocket::Error::Protocol { .. } => {
            let hint = "check for a proxy or a custom endpoint that interferes: env | grep -iE 'proxy|AWS_ENDPOINT'";
            suggest_route(plain.hint(hint), plan, failed)
        }
    }
}

fn session(plain: CommandError, plan: &RoutePlan, failed: &[Route], error: &ssm::Error) -> CommandError {
    let (id, port) = (&plan.instance.id, plan.port);
    match error {
        ssm::Error::Websocket(websocket::Error::Web(error)) => {
            let words = CommandError::from(error);
            CommandError { message: plain.message, ..words }
        }
        ssm::Error::Websocket(websocket::Error::Refused { refusal, .. }) => plain.cause(refusal.message.clone()).hint(
            "a session's data channel requires the IAM action ssmmessages:OpenDataChannel; show your identity: aws sts get-caller-identity",
        ),
        ssm::Error::PortRefused => plain.cause(format!("nothing listens on port {port}: sshd is not running, or uses another port")).hint(
            format!("use another port: ec2ssh -p PORT --via ssm {id}; show the boot log: aws ec2 get-console-output --latest --output text --instance-id {id}"),
        ),
        _ => suggest_route(plain.hint(format!("see the steps: ec2ssh -v --via ssm {id}")), plan, failed),
    }
}
