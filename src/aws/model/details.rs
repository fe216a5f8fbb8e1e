//! All that AWS knows of one instance, for `ec2ssh info`. Text in it is untrusted.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

/// The part of DescribeInstances beside [`super::Instance`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details {
    /// The processor architecture, for example `x86_64`.
    pub architecture: Option<String>,
    /// The network interfaces, the primary one first.
    pub interfaces: Vec<Interface>,
    /// The ARN of the IAM instance profile.
    pub iam_profile: Option<String>,
    /// The options of the instance metadata service.
    pub metadata: Metadata,
    /// The tags, the Name tag among them.
    pub tags: BTreeMap<String, String>,
}

/// A network interface of the instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Interface {
    /// The id of the interface, `eni-…`.
    pub id: Option<String>,
    /// The subnet that it is in.
    pub subnet_id: Option<String>,
    /// The addresses, each private one with its public one behind it.
    pub addresses: Vec<IpAddr>,
    /// The security groups that guard it.
    pub groups: Vec<Group>,
}

/// A security group of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Group {
    /// The id of the group, `sg-…`.
    pub id: String,
    /// The name of the group.
    pub name: String,
}

/// The options of the instance metadata service (InstanceMetadataOptionsResponse in the EC2 API).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    /// Whether the service answers: `enabled` or `disabled`.
    pub endpoint: Option<String>,
    /// Whether a session token is needed: `required` (IMDSv2 only) or `optional`.
    pub tokens: Option<String>,
    /// The number of hops that an answer may take.
    pub hop_limit: Option<i32>,
    /// Whether the instance's tags are served: `enabled` or `disabled`.
    pub instance_tags: Option<String>,
    /// Whether it has an IPv6 address: `enabled` or `disabled`.
    pub ipv6: Option<String>,
}

/// The state of the SSM Agent (InstanceInformation in the Systems Manager API).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentState {
    /// The last known state: `Online`, `ConnectionLost` or `Inactive`.
    pub ping: String,
    /// Whether the platform is Windows.
    pub is_windows: bool,
    /// The version of the agent.
    pub version: Option<String>,
    /// When it reported last, in seconds since the Unix epoch; in JSON in ISO 8601.
    #[serde(with = "crate::aws::iso_time")]
    pub last_ping: Option<i64>,
    /// The operating system, for example `Amazon Linux 2023`.
    pub platform: Option<String>,
}
