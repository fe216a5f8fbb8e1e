//! The words for the direct way: addresses, routes, ACLs, groups, and what answers.

use std::net::IpAddr;

use super::fix::{Fix, Place, Remedy, Words, some};
use crate::diagnose::Cause;
use crate::text::shell_word;

pub(super) fn words(cause: &Cause, place: &Place<'_>) -> Option<Words> {
    let (id, word) = (place.id(), place.word());
    match cause {
        Cause::PrivateOnly { subnet, .. } => {
            let fix = endpoint(place, subnet.as_deref());
            let inside =
                Fix::new("from inside its network (a VPN, a peered VPC)", format!("ec2ssh --address private {word}"));
            some("the instance has a private address only, and nothing leads to it from here", [fix, inside])
        }
        Cause::NoNetworkHere { address } => {
            let fix = Fix::new("see where this machine sends it", format!("ip route get {address}"));
            some(format!("this machine cannot send to {address}"), [fix])
        }
        Cause::NoRoute { table, .. } => {
            some(format!("{table} has no route to you"), [route(place, table, &place.network())])
        }
        Cause::Blackhole { table, target, .. } => {
            let title = format!("the route of {table} to you leads to {target}, which is gone");
            let fix = if target.starts_with("igw-") {
                route(place, table, &place.network())
            } else {
                // The subnet may be meant to be private.
                endpoint(place, place.plan.instance.subnet_id.as_deref())
            };
            some(title, [fix])
        }
        Cause::OutboundOnly { table, target, .. } => {
            let title = format!("{target} lets traffic out of the subnet, and none in ({table})");
            some(title, [endpoint(place, place.plan.instance.subnet_id.as_deref())])
        }
        Cause::PublicAccessBlocked { mode, subnet } => {
            let subnet = subnet.as_deref().map_or("SUBNET".to_owned(), shell_word);
            let command = format!(
                "ec2 create-vpc-block-public-access-exclusion --subnet-id {subnet} --internet-gateway-exclusion-mode allow-bidirectional"
            );
            let fix = Fix::new("exclude the subnet", place.aws(&command));
            some(format!("VPC Block Public Access ({mode}) stops traffic from the internet"), [fix])
        }
        Cause::AclInbound { acl, rule, port } => {
            some(format!("{acl} denies port {port} to you"), [acl_entry(place, acl, *rule, "ingress", [*port; 2])])
        }
        Cause::AclOutbound { acl, rule, allowed } => {
            let title = match allowed {
                Some(ports) => format!("{acl} lets answers out to {ports} only"),
                None => format!("{acl} stops the answers to you"),
            };
            some(title, [acl_entry(place, acl, *rule, "egress", [1024, 65_535])])
        }
        Cause::GroupsClosed { groups, caller, port } => some(
            closed(groups, *caller, *port),
            groups.first().map(|group| admit(place, group, *caller, *port)).into_iter().collect::<Vec<_>>(),
        ),
        Cause::NoExchange => {
            let steps = Fix::new("see the steps", format!("ec2ssh -vv {word}"));
            some("the SSH server answers, and no key exchange succeeds with it", [steps])
        }
        Cause::Rejected { port, .. } => {
            let console = Fix::new("see whether the instance has booted", format!("ec2ssh info --console {id}"));
            let other = Fix::new("if sshd has another port", format!("ec2ssh -p PORT {word}"));
            some(
                format!("a firewall on the instance or on the way rejects connections to port {port}"),
                [other, console],
            )
        }
        Cause::TimedOut { address, port, is_explained } => {
            let why = if *is_explained {
                ": a firewall on the instance or on your side drops the packets"
            } else {
                ", and the facts that would explain it are not known"
            };
            let title = format!("{address} does not answer on port {port}{why}");
            let console = Fix::new("see whether the instance has booted", format!("ec2ssh info --console {id}"));
            some(title, [console])
        }
        Cause::Refused { port, .. } => {
            let console = Fix::new("see whether sshd has started", format!("ec2ssh info --console {id}"));
            let other = Fix::new("if sshd has another port", format!("ec2ssh -p PORT {word}"));
            some(format!("nothing listens on port {port}: sshd does not run, or has another port"), [console, other])
        }
        Cause::SilentServer { port, .. } => {
            let console = Fix::new("see what the instance is doing", format!("ec2ssh info --console {id}"));
            some(
                format!(
                    "port {port} accepts connections and says nothing: the instance is overloaded, or a proxy answers"
                ),
                [console],
            )
        }
        Cause::OtherServer { port, .. } => {
            let other = Fix::new("if sshd has another port", format!("ec2ssh -p PORT {word}"));
            some(format!("port {port} is not an SSH server's"), [other])
        }
        Cause::HostKey { contradicts } => {
            let title = if *contradicts {
                "the host key is another one than the instance's: another machine may be answering"
            } else {
                "the host key is refused"
            };
            let fix = Fix::new("only if you know why it has changed", format!("ec2ssh known-hosts forget {id}"));
            some(title, [fix])
        }
        _ => None,
    }
}

/// Returns the title for groups that do not admit the caller.
fn closed(groups: &[String], caller: Option<IpAddr>, port: u16) -> String {
    let whom = caller.map_or("anybody".to_owned(), |address| address.to_string());
    match groups {
        [] => format!("no security group is attached, so nothing is admitted on port {port}"),
        [one] => format!("the security group {one} does not admit {whom} on port {port}"),
        many => format!("none of the security groups {} admits {whom} on port {port}", many.join(", ")),
    }
}

/// Returns the command that admits the caller's address alone.
pub(crate) fn admit(place: &Place<'_>, group: &str, caller: Option<IpAddr>, port: u16) -> Fix {
    let group_word = shell_word(group);
    let command = match caller {
        Some(IpAddr::V6(address)) => format!(
            "ec2 authorize-security-group-ingress --group-id {group_word} --ip-permissions 'IpProtocol=tcp,FromPort={port},ToPort={port},Ipv6Ranges=[{{CidrIpv6={address}/128}}]'"
        ),
        _ => format!(
            "ec2 authorize-security-group-ingress --group-id {group_word} --protocol tcp --port {port} --cidr {}",
            caller.map_or("YOUR-ADDRESS/32".to_owned(), |address| format!("{address}/32"))
        ),
    };
    let fix = Fix::new("admit your address alone", place.aws(&command));
    match caller {
        Some(address) => fix.with(Remedy::Admit { group: group.to_owned(), address, port }),
        None => fix,
    }
}

fn endpoint(place: &Place<'_>, subnet: Option<&str>) -> Fix {
    let subnet = subnet.map_or("SUBNET".to_owned(), shell_word);
    let command = place.aws(&format!("ec2 create-instance-connect-endpoint --subnet-id {subnet}"));
    Fix::new("create an EC2 Instance Connect Endpoint in its VPC", command)
}

fn route(place: &Place<'_>, table: &str, destination: &str) -> Fix {
    let vpc = place.plan.instance.vpc_id.as_deref().map_or("VPC".to_owned(), shell_word);
    let gateway = place.aws(&format!(
        "ec2 describe-internet-gateways --filters Name=attachment.vpc-id,Values={vpc} --query 'InternetGateways[0].InternetGatewayId' --output text"
    ));
    let option = if destination.contains(':') { "--destination-ipv6-cidr-block" } else { "--destination-cidr-block" };
    let command = format!(
        "ec2 create-route --route-table-id {} {option} {destination} --gateway-id $({gateway})",
        shell_word(table)
    );
    Fix::new("lead your address alone over the VPC's internet gateway", place.aws(&command))
}

/// Returns the command that adds a rule before the one that denies.
fn acl_entry(place: &Place<'_>, acl: &str, rule: i32, way: &str, [from, to]: [u16; 2]) -> Fix {
    let number = if rule > 1 { rule - 1 } else { 1 };
    let network = place.cidr_option("--cidr-block", "--ipv6-cidr-block");
    let command = format!(
        "ec2 create-network-acl-entry --network-acl-id {} --{way} --rule-number {number} --protocol tcp --port-range From={from},To={to} {network} --rule-action allow",
        shell_word(acl)
    );
    Fix::new(
        "allow it for your address, with a rule before that one (take another number if it is in use)",
        place.aws(&command),
    )
}
