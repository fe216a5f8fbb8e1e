//! The words for routes that lead nowhere: an endpoint, Session Manager, and all of them together.

use crate::connect::reach::{Obstacle, Tried};
use crate::plan::Plan;
use crate::plan::route::{ENDPOINT_PORTS, NoEndpoint, Route};
use crate::text::shell_word;
use crate::transport::{ssm, websocket};

use super::CommandError;
use super::connect::unreachable;

/// Why the instance cannot be reached by any of the routes that were tried.
pub fn no_way(plan: &Plan, tried: Vec<Tried>) -> CommandError {
    let (id, port) = (&plan.instance.id, plan.port);
    let message = match tried.as_slice() {
        [Tried { route: Route::Eice, .. }] => {
            format!("cannot reach {id} on port {port} through an Instance Connect Endpoint")
        }
        [Tried { route: Route::Ssm, .. }] => format!("cannot reach {id} on port {port} through Session Manager"),
        _ => format!("cannot reach {id} on port {port}: no route leads there"),
    };
    let routes: Vec<Route> = tried.iter().map(|tried| tried.route).collect();
    let plain = CommandError::failed(message);
    let is_alone = tried.len() == 1;
    tried.into_iter().fold(plain, |error, Tried { route, obstacle }| {
        let words = explain(plan, obstacle, &routes);
        let causes: Vec<String> =
            std::iter::once(words.message).chain(words.causes).filter(|cause| !cause.is_empty()).collect();
        let error = if is_alone {
            causes.into_iter().fold(error, CommandError::cause)
        } else {
            error.cause(format!("{route}: {}", causes.join("; ")))
        };
        let known = error.hints.clone();
        words.hints.into_iter().filter(|hint| !known.contains(hint)).fold(error, CommandError::hint)
    })
}

/// What an SSH server's error is told with, where it was the last that was left: why the other routes did not do.
pub fn and_others(error: CommandError, others: Vec<Tried>) -> CommandError {
    others.into_iter().fold(error, |error, Tried { route, obstacle }| {
        error.cause(format!("the other ways did not lead there; {route}: {obstacle}"))
    })
}

/// "Another way", as a hint: only where that way has not failed as well.
fn another_way(plain: CommandError, plan: &Plan, tried: &[Route]) -> CommandError {
    let untried = [(Route::Eice, "eice"), (Route::Ssm, "ssm")].into_iter().find(|(route, _)| !tried.contains(route));
    let port = if plan.port == 22 { String::new() } else { format!(" -p {}", plan.port) };
    match untried {
        Some((Route::Eice, _)) if !ENDPOINT_PORTS.contains(&plan.port) => plain,
        Some((_, via)) => plain.hint(format!("another way: ec2ssh --via {via}{port} {}", plan.instance.id)),
        None => plain,
    }
}

/// One obstacle: what it is, what that means, and what to type.
fn explain(plan: &Plan, obstacle: Obstacle, tried: &[Route]) -> CommandError {
    let id = &plan.instance.id;
    let plain = CommandError::failed(obstacle.to_string());
    match obstacle {
        Obstacle::Tcp(error) => {
            let words = unreachable(plan, &error);
            CommandError { message: error.to_string(), causes: words.causes.into_iter().skip(1).collect(), ..words }
        }
        Obstacle::NoEndpoint(why) => no_endpoint(plain, plan, &why),
        Obstacle::Port(_) => another_way(plain, plan, tried),
        Obstacle::Aws(error) => CommandError::from(*error),
        Obstacle::Tunnel { endpoint_id, source, has_max_duration } => {
            tunnel(plain, (plan, tried), &endpoint_id, *source, has_max_duration)
        }
        Obstacle::NoAgent => plain
            .cause("it is stopped or not installed, its role lacks AmazonSSMManagedInstanceCore, or it has no way to the service on port 443")
            .hint(format!(
                "what Systems Manager knows of it: aws ssm describe-instance-information --filters Key=InstanceIds,Values={id}"
            )),
        Obstacle::Session(error) => session(plain, plan, tried, *error),
        Obstacle::NoBanner { .. } => plain.hint(format!(
            "what the instance says of itself: aws ec2 get-console-output --latest --output text --instance-id {id}"
        )),
    }
}

fn no_endpoint(plain: CommandError, plan: &Plan, why: &NoEndpoint) -> CommandError {
    match why {
        NoEndpoint::Absent(_) if plan.tunnel.endpoint_id.is_some() => {
            plain.hint("see those there are: aws ec2 describe-instance-connect-endpoints")
        }
        NoEndpoint::Absent(_) => {
            let subnet = plan.instance.subnet_id.as_deref().unwrap_or("SUBNET");
            let subnet = shell_word(subnet);
            plain.hint(format!("make one: aws ec2 create-instance-connect-endpoint --subnet-id {subnet}"))
        }
        NoEndpoint::State { id, .. } => plain.hint(format!(
            "see why: aws ec2 describe-instance-connect-endpoints --instance-connect-endpoint-ids {}",
            shell_word(id)
        )),
        NoEndpoint::Family { .. } => {
            plain.hint("another one: ec2ssh --eice-id ID …; see them: aws ec2 describe-instance-connect-endpoints")
        }
    }
}

fn tunnel(
    plain: CommandError,
    (plan, tried): (&Plan, &[Route]),
    endpoint_id: &str,
    source: websocket::Error,
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
                Some(id) => plain.cause(format!("the request's id, for AWS's support: {id}")),
                None => plain,
            };
            let text = refusal.message.to_ascii_lowercase();
            if text.contains("maxtunnelduration") {
                let less = if has_max_duration { "less than that" } else { "what it allows" };
                return plain.hint(format!("a policy caps the duration; ask for {less}: --max-tunnel-duration SECONDS"));
            }
            match refusal.status {
                401 | 403 => plain
                    .cause("the IAM action ec2-instance-connect:OpenTunnel is not allowed for this endpoint, port or address, or the clock is off")
                    .hint("see who you are: aws sts get-caller-identity; then allow it in that identity's IAM policy; and the clock: date -u"),
                429 => another_way(plain, plan, tried)
                    .cause("an endpoint carries 20 connections at a time")
                    .hint("wait until one has ended, then run the same command again"),
                _ => plain.hint(format!(
                    "how the endpoint is: aws ec2 describe-instance-connect-endpoints --instance-connect-endpoint-ids {endpoint}"
                )),
            }
        }
        websocket::Error::Closed { .. } => plain
            .cause(format!("no security group of the instance admits TCP {port} from the endpoint, or sshd is not up"))
            .hint(format!(
                "the endpoint's groups, which must be admitted: aws ec2 describe-instance-connect-endpoints --instance-connect-endpoint-ids {endpoint} --query 'InstanceConnectEndpoints[].SecurityGroupIds'"
            )),
        websocket::Error::Silent { .. } | websocket::Error::Protocol { .. } => {
            let hint = "something between here and AWS may be in the way: env | grep -iE 'proxy|AWS_ENDPOINT'";
            another_way(plain.hint(hint), plan, tried)
        }
    }
}

fn session(plain: CommandError, plan: &Plan, tried: &[Route], error: ssm::Error) -> CommandError {
    let (id, port) = (&plan.instance.id, plan.port);
    match error {
        ssm::Error::Websocket(websocket::Error::Web(error)) => {
            let words = CommandError::from(error);
            CommandError { message: plain.message, ..words }
        }
        ssm::Error::Websocket(websocket::Error::Refused { refusal, .. }) => plain.cause(refusal.message).hint(
            "opening a session's data channel needs the IAM action ssmmessages:OpenDataChannel; who you are: aws sts get-caller-identity",
        ),
        ssm::Error::PortRefused => plain.cause(format!("nothing listens on port {port}: sshd is not up, or on another port")).hint(
            format!("another port: ec2ssh -p PORT --via ssm {id}; the boot log: aws ec2 get-console-output --latest --output text --instance-id {id}"),
        ),
        _ => another_way(plain.hint(format!("see the steps: ec2ssh -v --via ssm {id}")), plan, tried),
    }
}
