//! What AWS said, in plain types: the rest of the program never sees an SDK type. Holds no behaviour beyond reading.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// An instance as DescribeInstances shows it. Text in it is untrusted: show it through [`crate::text::neutralise`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// The Name tag.
    pub name: Option<String>,
    /// What it is doing.
    pub state: State,
    /// For example `t3.micro`.
    pub instance_type: String,
    /// The availability zone.
    pub zone: Option<String>,
    /// The image it was launched from.
    pub image_id: Option<String>,
    /// Public IPv4, an Elastic IP included.
    pub public_ip: Option<Ipv4Addr>,
    /// Primary private IPv4. A stopped instance keeps it.
    pub private_ip: Option<Ipv4Addr>,
    /// IPv6 addresses of all interfaces.
    pub ipv6: Vec<Ipv6Addr>,
    /// Public DNS name: only in a VPC that has DNS host names.
    pub public_dns: Option<String>,
    /// Private DNS name.
    pub private_dns: Option<String>,
    /// For example `Linux/UNIX` or `Red Hat Enterprise Linux`.
    pub platform_details: Option<String>,
    /// `MetadataOptions.HttpEndpoint` is `disabled`: Instance Connect cannot work on the instance's side.
    pub metadata_disabled: bool,
    /// The key pair named at launch.
    pub key_name: Option<String>,
    /// Why it is in its state, in EC2's words; untrusted.
    pub state_reason: Option<String>,
    /// The VPC.
    pub vpc_id: Option<String>,
    /// The subnet of its primary interface.
    pub subnet_id: Option<String>,
    /// Launch time, seconds since the Unix epoch.
    pub launched: Option<i64>,
}

impl Instance {
    /// The Name tag, else the id; untrusted.
    pub fn label(&self) -> &str {
        self.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.id)
    }

    /// Whether it can be dialled from outside its network.
    pub fn has_address_from_outside(&self) -> bool {
        self.public_ip.is_some() || !self.ipv6.is_empty()
    }

    /// The address a person would recognise it by: public, else IPv6, else private.
    pub fn address(&self) -> Option<IpAddr> {
        let ipv6 = self.ipv6.first().copied().map(IpAddr::V6);
        self.public_ip.map(IpAddr::V4).or(ipv6).or(self.private_ip.map(IpAddr::V4))
    }
}

/// The life cycle's states
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are EC2's own")]
pub enum State {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
    /// A state this version does not know.
    #[default]
    Unknown,
}

impl State {
    /// From the low byte of the state's code, the only part of it that is documented.
    pub fn from_code(code: i32) -> Self {
        match code & 0xff {
            0 => Self::Pending,
            16 => Self::Running,
            32 => Self::ShuttingDown,
            48 => Self::Terminated,
            64 => Self::Stopping,
            80 => Self::Stopped,
            _ => Self::Unknown,
        }
    }

    /// EC2's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Unknown => "unknown",
        }
    }

    /// Gone or going for good: never a match.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Terminated | Self::ShuttingDown)
    }
}

/// An image as DescribeImages shows it; untrusted text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// For example `ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20240101`.
    pub name: String,
    /// Free text.
    pub description: String,
    /// The account that owns it.
    pub owner: String,
    /// For example `Linux/UNIX`.
    pub platform_details: String,
}

/// An EC2 Instance Connect Endpoint. Text in it is untrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// `eice-…`.
    pub id: String,
    /// For example `create-complete`.
    pub state: String,
    /// The name to dial; none where FIPS is asked for and this endpoint has no such name.
    pub host: Option<String>,
    /// Its VPC.
    pub vpc_id: Option<String>,
    /// Its subnet.
    pub subnet_id: Option<String>,
    /// Its availability zone.
    pub zone: Option<String>,
    /// What it can reach.
    pub address_type: AddressType,
}

/// Which addresses an endpoint reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum AddressType {
    #[default]
    Ipv4,
    Ipv6,
    DualStack,
}

/// Where the calls go, for messages and hints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The region searched.
    pub region: String,
    /// The profile used, when one was named.
    pub profile: Option<String>,
}
