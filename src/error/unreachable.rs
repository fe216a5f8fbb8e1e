//! Renders a direct connection that failed.

use super::CommandError;
use super::cause::{Place, Words, words};
use crate::diagnose::{Cause, Problem, Unreachable, UnreachableReason};
use crate::plan::RoutePlan;

/// Renders an instance that does not answer.
pub(super) fn render(facts: &Unreachable) -> CommandError {
    let Unreachable { instance_id: id, port, detail, .. } = facts;
    explain(facts, CommandError::failed(format!("cannot reach {id} on port {port}")).cause(detail))
}

/// Names the security groups that do not admit the caller, and the command that admits the caller alone.
fn with_groups(error: CommandError, closed: &Problem, plan: &RoutePlan) -> CommandError {
    let caller = match closed.cause {
        Cause::GroupsClosed { caller, .. } => caller,
        _ => None,
    };
    let place = Place { plan, target: &plan.instance.id, caller };
    let Words { title, fixes } = words(&closed.cause, &place);
    let error = closed.because.iter().fold(error.cause(title), |error, because| error.cause(because.clone()));
    fixes.into_iter().fold(error, |error, fix| error.hint(format!("{}: {}", fix.what, fix.command)))
}

/// Adds the likely reason and what to type.
pub(super) fn explain(facts: &Unreachable, plain: CommandError) -> CommandError {
    let (id, port) = (&facts.instance_id, facts.port);
    if let Some(closed) = &facts.closed {
        return with_groups(plain, closed, &facts.plan);
    }
    match facts.reason {
        UnreachableReason::NoAddress => plain
            .cause("its DNS name does not resolve, and it has no address of the requested family")
            .hint(format!("without -4 and -6: ec2ssh --address auto {id}")),
        UnreachableReason::Refused => plain
            .cause("the machine responds, but nothing listens on that port: sshd is not running (yet) or uses another port")
            .hint(format!("use another port: ec2ssh -p PORT {id}; show the boot log: aws ec2 get-console-output --latest --output text --instance-id {id}")),
        UnreachableReason::Private => plain
            .cause("a private address is reachable only from inside its network (VPN, peering, the VPC itself)"),
        UnreachableReason::Filtered { has_private } => {
            let error = plain
                .cause("a security group or network ACL blocks your address, there is no route to an internet gateway, or a local firewall blocks the connection")
                .hint(format!("its security groups must allow TCP {port} from your address: aws ec2 describe-instances --instance-ids {id} --query 'Reservations[].Instances[].SecurityGroups'"));
            if has_private {
                error.hint(format!("from inside its network (VPN, peering): ec2ssh --address private {id}"))
            } else {
                error
            }
        }
    }
}
