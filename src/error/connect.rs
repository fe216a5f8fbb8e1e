//! Explains why there is no connection.

use std::io;
use std::sync::Arc;

use super::booting::while_booting;
use super::finding::render;
use super::keys::{key_file, public_key};
use super::route::with_failed_routes;
use super::{CommandError, host_key::explain, session, ssh};
use crate::aws::model::Instance;
use crate::connect::Error;
use crate::diagnose::{Finding, host_key_changed, permission_denied};
use crate::plan::{self, RoutePlan};
use crate::route::{FailedRoute, RouteError};
use crate::ssh::Error::{ClosedEarly, HandshakeTimeout, Lost};
use crate::ssm;
use crate::text::instance_word;
use crate::trust;

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        Self::from(&error).with_source(Arc::new(error))
    }
}

impl From<&Error> for CommandError {
    fn from(error: &Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Find(error) => error.into(),
            Error::Aws(error) => error.into(),
            Error::Plan(plan::Error::NoAddress(instance, _)) => no_address(message, instance),
            Error::KeyFile(error) => key_file(error),
            Error::PublicKey(error) => public_key(error),
            Error::NoRoute { plan, failed, groups } => {
                let error = render(&Finding::of_failed_routes(plan, failed, groups.as_deref()));
                let may_pass = failed.iter().any(|failed| failed.error.is_transient());
                let error = with_doctor(if may_pass { booting(error, plan) } else { error }, plan);
                let is_agent_online = failed.iter().any(|failed| is_refused_by_agent(&failed.error));
                match is_agent_online && !plan.instance.is_windows() {
                    true => error.hint(format!("its SSM Agent is online; a shell without SSH: ec2ssh ssm {}", plan.instance.id)),
                    false => on_windows(error, &plan.instance, failed),
                }
            }
            Error::Session { node_id, source } => session::explain(node_id, source),
            Error::NoAccess { node_id, status, .. } => session::no_access(message, node_id, status),
            Error::NoDesktop { plan, failed } => {
                let causes = failed.iter().map(|failed| format!("{}: {}", failed.route, failed.error));
                no_desktop(causes.fold(Self::failed(message), Self::cause), plan)
                    .hint(format!("look at the ways to it: ec2ssh doctor {}", plan.instance.id))
            }
            Error::Certificate { plan, source } => no_desktop(Self::failed(message).cause(source.to_string()), plan),
            Error::HostKey { plan, source, failed } => with_failed_routes(host_key(plan, source), failed),
            Error::Ssh { plan, source, failed } => {
                let error = with_failed_routes(ssh::explain(plan, source), failed);
                let may_pass = matches!(**source, ClosedEarly { .. } | HandshakeTimeout { .. } | Lost(_));
                on_windows(with_doctor(if may_pass { booting(error, plan) } else { error }, plan), &plan.instance, failed)
            }
            Error::Denied { plan, image, methods, took } => {
                let denied = permission_denied(plan, image.as_deref(), methods, *took);
                let (route, instance) = (&plan.route, &plan.route.instance);
                let error = with_doctor(render(&Finding::PermissionDenied(denied)), route);
                match instance.is_windows() {
                    true => on_windows(error, instance, &[]),
                    false => error.hint(format!(
                        "a shell without a login, if its SSM Agent is online: ec2ssh ssm {}",
                        instance.id
                    )),
                }
            }
            Error::NoKnownKey => Self::failed(message)
                .cause("no pushed key is good any more, and there is no key in an SSH agent (SSH_AUTH_SOCK)")
                .hint("use a key that the instance knows: ec2ssh --offline -i FILE …"),
            Error::NotProven { instance_id, .. } => Self::failed(message)
                .cause("another machine may have the address by now; without AWS only a host key that is known shows whose it is")
                .hint(format!("try again when AWS answers: ec2ssh {instance_id}")),
            Error::Outage { source, target, age } => Self::from(&**source).hint(format!(
                "connect to it as it was {age} ago, without AWS: ec2ssh --offline {}",
                instance_word(target)
            )),
            Error::Agent { source, .. } => {
                Self::failed(message).cause(source.to_string()).hint(agent_hint(source.kind()))
            }
            Error::NoDataFolder => Self::failed(message).hint("set HOME, or XDG_DATA_HOME: export HOME=/home/you"),
        }
    }
}

/// Whether the agent was reached, and nothing listens on the port.
fn is_refused_by_agent(error: &RouteError) -> bool {
    matches!(error, RouteError::Session(error) if matches!(**error, ssm::Error::PortRefused))
}

/// Adds the ways to a Windows instance, which seldom has an SSH server.
fn on_windows(error: CommandError, instance: &Instance, failed: &[FailedRoute]) -> CommandError {
    let id = &instance.id;
    if !instance.is_windows() {
        return error;
    }
    let is_agent_offline = failed.iter().any(|failed| match &failed.error {
        RouteError::AgentOffline => true,
        RouteError::Aws(error) => error.code() == Some("TargetNotConnected"),
        _ => false,
    });
    let shell = match is_agent_offline {
        true => String::new(),
        false => format!("; PowerShell, by its SSM Agent: ec2ssh ssm {id}"),
    };
    error.hint(format!("it runs Windows; its desktop: ec2ssh rdp {id}{shell}"))
}

/// Adds why there is no desktop.
fn no_desktop(error: CommandError, plan: &RoutePlan) -> CommandError {
    let (id, platform) = (&plan.instance.id, plan.instance.platform_details.as_deref().unwrap_or_default());
    if !plan.instance.is_windows() {
        return error.cause(format!("it runs {platform}, not Windows")).hint(format!("a shell: ec2ssh {id}"));
    }
    error
        .hint(format!("see whether it has booted: ec2ssh info --screenshot FILE {id}"))
        .hint(format!("look around there, by its SSM Agent: ec2ssh ssm {id}"))
}

/// Adds the command that looks at the whole way, as the last hint.
fn with_doctor(error: CommandError, plan: &RoutePlan) -> CommandError {
    let port = if plan.port == 22 { String::new() } else { format!("-p {} ", plan.port) };
    error.hint(format!("look at the whole way: ec2ssh doctor {port}{}", plan.instance.id))
}

fn booting(error: CommandError, plan: &RoutePlan) -> CommandError {
    while_booting(error, &plan.instance, &plan.instance.id)
}

fn host_key(plan: &RoutePlan, error: &trust::Error) -> CommandError {
    match error {
        trust::Error::Refused(refusal) => {
            host_key_changed(refusal).map(|facts| render(&Finding::HostKeyChanged(facts)))
        }
        _ => None,
    }
    .unwrap_or_else(|| explain(plan, error))
}

fn no_address(message: String, instance: &Instance) -> CommandError {
    let has = [
        instance.public_ip.map(|ip| format!("public {ip}")),
        instance.ipv6.first().map(|ip| format!("ipv6 {ip}")),
        instance.private_ip.map(|ip| format!("private {ip}")),
    ];
    let has: Vec<String> = has.into_iter().flatten().collect();
    let error = CommandError::failed(message);
    match has.first().and_then(|first| first.split_once(' ')) {
        Some((kind, _)) => {
            error.cause(format!("its addresses: {}", has.join(", "))).hint(format!("ec2ssh --address {kind} {}", instance.id))
        }
        None => error.cause("the instance has no IP address").hint(format!(
            "show its network interfaces: aws ec2 describe-network-interfaces --filters Name=attachment.instance-id,Values={}",
            instance.id
        )),
    }
}

/// Returns the hint for an agent socket that cannot be created, by the kind of I/O error.
fn agent_hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        // The socket path is too long or is not a valid path.
        io::ErrorKind::InvalidInput => "use a shorter name for the instance, for example its id",
        io::ErrorKind::PermissionDenied => {
            "the runtime directory belongs to another user or does not exist (su, cron): XDG_RUNTIME_DIR=~/.cache ec2ssh config install"
        }
        _ => "use a directory where the socket can be created: XDG_RUNTIME_DIR=~/.cache ec2ssh config install",
    }
}
