//! Plain types for AWS's responses, so that the rest of the program never sees an SDK type. They have only accessors
//! and conversions.

pub(crate) mod details;
pub(crate) mod health;
pub(crate) mod network;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// An instance as DescribeInstances shows it. Text in it is untrusted: show it through [`crate::text::sanitize`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Instance {
    /// The instance id, `i-…`.
    pub id: String,
    /// The value of the Name tag.
    pub name: Option<String>,
    /// The life cycle state of the instance.
    pub state: State,
    /// The instance type, for example `t3.micro`.
    pub instance_type: String,
    /// The instance's availability zone.
    pub zone: Option<String>,
    /// The image it was launched from.
    pub image_id: Option<String>,
    /// The public IPv4 address, which may be an Elastic IP.
    pub public_ip: Option<Ipv4Addr>,
    /// The primary private IPv4 address. A stopped instance keeps it.
    pub private_ip: Option<Ipv4Addr>,
    /// The other public IPv4 addresses, of any interface: Elastic IPs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_public_ips: Vec<Ipv4Addr>,
    /// The other private IPv4 addresses, of any interface.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_private_ips: Vec<Ipv4Addr>,
    /// The IPv6 addresses of all interfaces.
    pub ipv6: Vec<Ipv6Addr>,
    /// The public DNS name, set only if the VPC has DNS hostnames enabled.
    pub public_dns: Option<String>,
    /// The instance's private DNS name.
    pub private_dns: Option<String>,
    /// The platform, for example `Linux/UNIX` or `Red Hat Enterprise Linux`.
    pub platform_details: Option<String>,
    /// Whether `MetadataOptions.HttpEndpoint` is `disabled`. EC2 Instance Connect then cannot work on the instance.
    pub metadata_disabled: bool,
    /// The key pair named at launch.
    pub key_name: Option<String>,
    /// The reason for its state, in EC2's words; untrusted text.
    pub state_reason: Option<String>,
    /// The id of the VPC.
    pub vpc_id: Option<String>,
    /// The subnet id of its primary interface.
    pub subnet_id: Option<String>,
    /// The launch time in seconds since the Unix epoch; in JSON in ISO 8601.
    #[serde(default, with = "super::iso_time")]
    pub launched: Option<i64>,
    /// The account that owns the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
}

impl Instance {
    /// Whether the instance runs Windows.
    pub(crate) fn is_windows(&self) -> bool {
        self.platform_details.as_deref().is_some_and(|platform| platform.starts_with("Windows"))
    }

    /// Whether its type may have a serial console: those on the Nitro System have one
    /// (<https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-nitro-instances.html>).
    pub(crate) fn may_have_serial_console(&self) -> bool {
        const XEN: [&str; 29] = [
            "c1", "c3", "c4", "cc2", "cr1", "d2", "f1", "g2", "g3", "g3s", "h1", "hi1", "hs1", "i2", "i3", "m1", "m2",
            "m3", "m4", "p2", "p3", "r3", "r4", "t1", "t2", "x1", "x1e", "mac1", "mac2",
        ];
        match self.instance_type.split_once('.') {
            Some((family, "metal")) => !matches!(family, "a1" | "mac1" | "mac2"),
            Some((family, _)) => !XEN.contains(&family),
            None => true,
        }
    }
}

impl Instance {
    /// Returns the Name tag, or the id if the tag is missing or empty. The text is untrusted.
    pub(crate) fn label(&self) -> &str {
        self.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.id)
    }

    /// Whether the instance has a public IPv4 address or an IPv6 address.
    pub(crate) fn has_public_address(&self) -> bool {
        self.public_ip.is_some() || !self.ipv6.is_empty()
    }

    /// Returns the address that a user would recognize: public IPv4, else IPv6, else private IPv4.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        let ipv6 = self.ipv6.first().copied().map(IpAddr::V6);
        self.public_ip.map(IpAddr::V4).or(ipv6).or(self.private_ip.map(IpAddr::V4))
    }
}

/// The states of the instance life cycle
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "named after the EC2 states")]
pub(crate) enum State {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
    /// A state unknown to this version.
    #[default]
    Unknown,
}

impl State {
    /// Converts a state code, of which only the low byte is documented.
    pub(crate) fn from_code(code: i32) -> Self {
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

    /// Returns EC2's name for the state.
    pub(crate) fn as_str(self) -> &'static str {
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

    /// Whether the instance is shutting down or terminated, and therefore never a match.
    pub(crate) fn is_shutting_down_or_terminated(self) -> bool {
        matches!(self, Self::Terminated | Self::ShuttingDown)
    }
}

/// An image as DescribeImages shows it. Text in it is untrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Image {
    /// The image's name, for example `ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20240101`.
    pub name: String,
    /// The owner's free-text description.
    pub description: String,
    /// The account that owns the image.
    pub owner: String,
    /// The platform, for example `Linux/UNIX`.
    pub platform_details: String,
}

/// The output of an instance on its console; untrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Console {
    /// The last 64 KB; empty if nothing has been posted yet.
    pub bytes: Vec<u8>,
    /// When it was posted, in seconds since the Unix epoch.
    pub at: Option<i64>,
}

/// An EC2 Instance Connect Endpoint. Text in it is untrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Endpoint {
    /// The endpoint's id, `eice-…`.
    pub id: String,
    /// The endpoint's state, for example `create-complete`.
    pub state: String,
    /// The DNS name to dial; `None` if FIPS is enabled and the endpoint has no FIPS name.
    pub host: Option<String>,
    /// The id of its VPC.
    pub vpc_id: Option<String>,
    /// The id of its subnet.
    pub subnet_id: Option<String>,
    /// The endpoint's availability zone.
    pub zone: Option<String>,
    /// The address families that it reaches.
    pub address_type: AddressType,
    /// The endpoint's security groups, which must let its connections out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group_ids: Vec<String>,
    /// Whether the instance sees the client's address instead of the endpoint's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub preserves_client_ip: bool,
}

/// The address families that an endpoint reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are self-explanatory")]
pub(crate) enum AddressType {
    #[default]
    Ipv4,
    Ipv6,
    DualStack,
}

/// The AWS profile and region to use; where they are `None` the environment and the shared config decide.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Access {
    /// The name of the profile, if one was given.
    pub profile: Option<String>,
    /// The name of the region, if one was given.
    pub region: Option<String>,
}

/// The account and region that were asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Account {
    /// The region that was searched.
    pub region: String,
    /// The profile that was used, if one was named.
    pub profile: Option<String>,
    /// The account's name in the caches: its number where the access key id encodes it, else a hash of that id.
    #[serde(skip)]
    pub scope: String,
}

impl Account {
    /// Returns the key for cached data of this account and region.
    pub(crate) fn cache_key(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.scope, self.region)
    }

    /// Whether the instance's owner is the account that the credentials' access key encodes; where either is unknown nothing
    /// contradicts it.
    pub(crate) fn confirms_owner(&self, instance: &Instance) -> bool {
        let is_number = !self.scope.is_empty() && self.scope.bytes().all(|byte| byte.is_ascii_digit());
        instance.owner_id.as_deref().is_none_or(|owner| !is_number || owner == self.scope)
    }
}

/// The login method of a profile, which decides the command that renews its credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LoginMethod {
    /// SSO, renewed with `aws sso login`.
    Sso,
    /// A login session, renewed with `aws login`.
    Session,
    /// Access keys, a program, a role, the environment, or an unknown method.
    #[default]
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_is_compared_where_both_are_known() {
        let table = [
            ("111111111111", Some("111111111111"), true),
            ("111111111111", Some("222222222222"), false),
            ("111111111111", None, true),
            ("key-0123456789abcdef", Some("222222222222"), true),
            ("", Some("222222222222"), true),
        ];
        for (scope, owner, confirmed) in table {
            let account = Account { scope: scope.to_owned(), ..Account::default() };
            let instance = Instance { owner_id: owner.map(str::to_owned), ..Instance::default() };
            assert_eq!(account.confirms_owner(&instance), confirmed, "{scope} {owner:?}");
        }
    }
}
