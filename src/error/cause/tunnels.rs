//! The words for the ways through AWS: an EC2 Instance Connect Endpoint, and Session Manager.

use super::fix::{Fix, Place, Words, some};
use crate::diagnose::Cause;
use crate::text::shell_word;

pub(super) fn words(cause: &Cause, place: &Place<'_>) -> Option<Words> {
    let (id, word) = (place.id(), place.word());
    match cause {
        Cause::NoEndpoint { subnet } => {
            let subnet = subnet.as_deref().map_or("SUBNET".to_owned(), shell_word);
            let command = place.aws(&format!("ec2 create-instance-connect-endpoint --subnet-id {subnet}"));
            some("there is no EC2 Instance Connect Endpoint in the VPC", [Fix::new("create one", command)])
        }
        Cause::EndpointState { endpoint, state } => {
            let command = format!(
                "ec2 describe-instance-connect-endpoints --instance-connect-endpoint-ids {}",
                shell_word(endpoint)
            );
            some(format!("{endpoint} is in state {state}"), [Fix::new("show its reason", place.aws(&command))])
        }
        Cause::EndpointFamily { endpoint } => {
            let subnet = place.plan.instance.subnet_id.as_deref().map_or("SUBNET".to_owned(), shell_word);
            let command =
                format!("ec2 create-instance-connect-endpoint --subnet-id {subnet} --ip-address-type dualstack");
            let title = format!("{endpoint} reaches no address of the instance: their address families differ");
            some(title, [Fix::new("create one that has both", place.aws(&command))])
        }
        Cause::EndpointPort { port } => {
            let fix = Fix::new("use Session Manager", format!("ec2ssh --via ssm -p {port} {word}"));
            some(format!("endpoints reach ports 22 and 3389, not {port}"), [fix])
        }
        Cause::EndpointEgress { groups, address, port } => {
            let group = groups.first().map_or("GROUP".to_owned(), |group| shell_word(group));
            let to = if address.is_ipv4() {
                format!("--protocol tcp --port {port} --cidr {address}/32")
            } else {
                format!(
                    "--ip-permissions 'IpProtocol=tcp,FromPort={port},ToPort={port},Ipv6Ranges=[{{CidrIpv6={address}/128}}]'"
                )
            };
            let command = format!("ec2 authorize-security-group-egress --group-id {group} {to}");
            let title = format!(
                "the endpoint's security groups ({}) do not let it out to {address} on port {port}",
                groups.join(", ")
            );
            some(title, [Fix::new("let it out to the instance", place.aws(&command))])
        }
        Cause::EndpointNotAdmitted { groups, endpoint, peer_group, preserves_client_ip, port } => {
            let group = groups.first().map_or("GROUP".to_owned(), |group| shell_word(group));
            let whom = if *preserves_client_ip { "admit your address alone" } else { "admit the endpoint" };
            let source = match peer_group {
                Some(peer) => format!("--source-group {}", shell_word(peer)),
                None if *preserves_client_ip => format!("--cidr {}", place.network()),
                None => "--cidr ADDRESS-OF-THE-ENDPOINT/32".to_owned(),
            };
            let command = format!(
                "ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port {port} {source}"
            );
            let title = format!(
                "the instance's security groups ({}) do not admit {endpoint} on port {port}",
                groups.join(", ")
            );
            some(title, [Fix::new(whom, place.aws(&command))])
        }
        Cause::NoAgent { has_profile } => {
            some("no SSM Agent has ever reported from the instance", [no_agent(*has_profile, place)])
        }
        Cause::AgentOffline { ping } => {
            let reboot = place.aws(&format!("ec2 reboot-instances --instance-ids {id}"));
            let fix = Fix::new(
                "restart the agent (on the instance: sudo systemctl restart amazon-ssm-agent), or the instance",
                reboot,
            );
            some(format!("the SSM Agent is not connected ({ping})"), [fix])
        }
        Cause::AgentTooOld { version } => {
            let command = format!("ssm send-command --document-name AWS-UpdateSSMAgent --instance-ids {id}");
            let title = format!("the SSM Agent {version} has no SSH sessions, which began with 2.3.672.0");
            some(title, [Fix::new("update it", place.aws(&command))])
        }
        _ => None,
    }
}

fn no_agent(has_profile: Option<bool>, place: &Place<'_>) -> Fix {
    let id = place.id();
    match has_profile {
        Some(false) => Fix::new(
            "give it an instance profile whose role has the policy AmazonSSMManagedInstanceCore",
            place.aws(&format!(
                "ec2 associate-iam-instance-profile --instance-id {id} --iam-instance-profile Name=PROFILE"
            )),
        ),
        _ => Fix::new(
            "see whether the agent has started and reaches the service on port 443",
            format!("ec2ssh info --console {id}"),
        ),
    }
}
