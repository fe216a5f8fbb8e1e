//! The checks, in the order of the way.

mod address;
mod agent;
mod boot;
mod endpoint;
mod groups;
mod instance;
mod login;
mod network;
mod server;

pub(super) use groups::closed_groups;
pub(crate) use network::caller as caller_of_way;

use super::check::{Check, Stage, Verdict};
use crate::facts::Facts;

/// All checks. A check stands behind those that it needs.
pub(crate) const ALL: &[Check] = &[
    check("identity", "the caller's identity", Stage::Instance, &[], instance::identity),
    check("state", "the instance runs", Stage::Instance, &[], instance::state),
    check("status", "the status checks of AWS", Stage::Instance, &["state"], instance::status),
    check("boot", "the boot, as the console shows it", Stage::Boot, &["state"], boot::boot),
    check("address", "an address that can be reached", Stage::Direct, &["state"], address::address),
    check(
        "route-table",
        "a route between the subnet and the caller",
        Stage::Direct,
        &["address"],
        network::route_table,
    ),
    check("public-access", "VPC Block Public Access", Stage::Direct, &["address"], network::public_access),
    check("network-acl", "the network ACL, both ways", Stage::Direct, &["address"], network::acl),
    check("security-group", "a security group that admits the caller", Stage::Direct, &["address"], groups::admitted),
    check(
        "connection",
        "a TCP connection",
        Stage::Direct,
        &["address", "route-table", "public-access", "network-acl", "security-group"],
        server::connection,
    ),
    check("server", "an SSH server on the port", Stage::Direct, &["connection"], server::server),
    check("host-key", "the host key", Stage::Direct, &["server"], server::host_key),
    check("endpoint", "an EC2 Instance Connect Endpoint", Stage::Endpoint, &["state"], endpoint::endpoint),
    check("endpoint-egress", "the endpoint's way out", Stage::Endpoint, &["endpoint"], endpoint::egress),
    check("endpoint-ingress", "the endpoint's way in", Stage::Endpoint, &["endpoint"], endpoint::ingress),
    check("agent", "the SSM Agent", Stage::Agent, &["state"], agent::agent),
    check("metadata", "the instance metadata service", Stage::Login, &[], login::metadata),
    check("instance-connect", "EC2 Instance Connect on the image", Stage::Login, &[], login::instance_connect),
    check("zone", "a zone that EC2 Instance Connect serves", Stage::Login, &[], login::zone),
    check("key-file", "the key file", Stage::Login, &[], login::key_file),
    check("key-pair", "the instance's key pair", Stage::Login, &["key-file"], login::key_pair),
];

const fn check(
    code: &'static str,
    title: &'static str,
    stage: Stage,
    needs: &'static [&'static str],
    judge: fn(&Facts) -> Verdict,
) -> Check {
    Check { code, title, stage, needs, judge }
}
