//! [`Cause`]: what is in the way to an instance, each with a stable code. [`crate::error`] has the words.

use std::net::IpAddr;
use std::path::PathBuf;

/// Something in the way, with its facts. Text from AWS is untrusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The instance does not run; its state is EC2's word.
    NotRunning { state: &'static str },
    /// A status check of AWS fails: `system`, `instance` or `ebs`.
    StatusImpaired { check: &'static str },
    /// The console shows why the boot failed.
    Boot { fault: BootFault },
    /// The instance has no public address, and no other way leads to it.
    PrivateOnly { subnet: Option<String>, assigns_public_ip: Option<bool> },
    /// The caller's machine cannot send to the address.
    NoNetworkHere { address: IpAddr },
    /// The route table has no route to the caller.
    NoRoute { table: String, subnet: Option<String> },
    /// The route to the caller leads to something that is gone.
    Blackhole { table: String, target: String, destination: String },
    /// The route to the caller lets nothing in: a NAT or an egress-only gateway.
    OutboundOnly { table: String, target: String, destination: String },
    /// VPC Block Public Access stops the traffic.
    PublicAccessBlocked { mode: String, subnet: Option<String> },
    /// A rule of the network ACL denies the port.
    AclInbound { acl: String, rule: i32, port: u16 },
    /// A rule of the network ACL denies the answers; `allowed` are the ports to which they may go.
    AclOutbound { acl: String, rule: i32, allowed: Option<String> },
    /// No security group admits the caller.
    GroupsClosed { groups: Vec<String>, caller: Option<IpAddr>, port: u16 },
    /// Packets are lost, and no rule that is known explains it; the flag says that all rules are known.
    TimedOut { address: IpAddr, port: u16, is_explained: bool },
    /// Something on the way rejects the packets.
    Rejected { address: IpAddr, port: u16 },
    /// Nothing listens on the port.
    Refused { address: IpAddr, port: u16 },
    /// The connection is made, and nothing is said.
    SilentServer { address: IpAddr, port: u16 },
    /// Something else than an SSH server answers.
    OtherServer { address: IpAddr, port: u16 },
    /// The SSH server answers, and no key exchange succeeds.
    NoExchange,
    /// The host key contradicts what is known of it, or is refused.
    HostKey { contradicts: bool },
    /// There is no endpoint.
    NoEndpoint { subnet: Option<String> },
    /// The endpoint is in a state in which it carries nothing.
    EndpointState { endpoint: String, state: String },
    /// The endpoint reaches no address of the instance.
    EndpointFamily { endpoint: String },
    /// Endpoints do not reach this port.
    EndpointPort { port: u16 },
    /// The endpoint's security groups do not let it out to the instance.
    EndpointEgress { groups: Vec<String>, address: IpAddr, port: u16 },
    /// The instance's security groups do not admit the endpoint.
    EndpointNotAdmitted {
        groups: Vec<String>,
        endpoint: String,
        peer_group: Option<String>,
        preserves_client_ip: bool,
        port: u16,
    },
    /// No SSM Agent has reported.
    NoAgent { has_profile: Option<bool> },
    /// The SSM Agent is not connected; its state is Systems Manager's word.
    AgentOffline { ping: String },
    /// The SSM Agent has no SSH sessions.
    AgentTooOld { version: String },
    /// EC2 Instance Connect needs the metadata service, which is off.
    MetadataDisabled,
    /// The image comes without EC2 Instance Connect.
    NoInstanceConnect { distribution: &'static str },
    /// EC2 Instance Connect does not serve this zone.
    LocalZone { zone: String },
    /// The key file cannot be used; the flag says that only its mode is wrong.
    KeyFile { path: PathBuf, mode: bool },
    /// The key file is not the key of the instance's key pair.
    OtherKeyPair { path: PathBuf, key_pair: String },
}

/// A fault of the boot, as the console shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the codes say it")]
pub(crate) enum BootFault {
    KernelPanic,
    NoRootFileSystem,
    EmergencyMode,
    FileSystemCheck,
    DiskFull,
    OutOfMemory,
    SshdFailed,
    CloudInitFailed,
    StillBooting,
}

impl Cause {
    /// Returns the stable code of the cause.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NotRunning { state: "stopped" } => "instance-stopped",
            Self::NotRunning { state: "stopping" } => "instance-stopping",
            Self::NotRunning { state: "pending" } => "instance-pending",
            Self::NotRunning { .. } => "instance-not-running",
            Self::StatusImpaired { check: "system" } => "system-status-impaired",
            Self::StatusImpaired { check: "instance" } => "instance-status-impaired",
            Self::StatusImpaired { .. } => "ebs-status-impaired",
            Self::Boot { fault } => fault.code(),
            Self::PrivateOnly { .. } => "no-public-address",
            Self::NoNetworkHere { .. } => "no-network-here",
            Self::NoRoute { .. } => "no-route-to-caller",
            Self::Blackhole { .. } => "route-blackhole",
            Self::OutboundOnly { .. } => "route-outbound-only",
            Self::PublicAccessBlocked { .. } => "public-access-blocked",
            Self::AclInbound { .. } => "network-acl-inbound",
            Self::AclOutbound { .. } => "network-acl-outbound",
            Self::GroupsClosed { .. } => "security-group-closed",
            Self::TimedOut { .. } => "connection-timed-out",
            Self::Rejected { .. } => "connection-rejected",
            Self::Refused { .. } => "connection-refused",
            Self::SilentServer { .. } => "server-silent",
            Self::OtherServer { .. } => "server-not-ssh",
            Self::NoExchange => "server-key-exchange",
            Self::HostKey { contradicts: true } => "host-key-contradicted",
            Self::HostKey { .. } => "host-key-refused",
            Self::NoEndpoint { .. } => "endpoint-missing",
            Self::EndpointState { .. } => "endpoint-not-ready",
            Self::EndpointFamily { .. } => "endpoint-address-family",
            Self::EndpointPort { .. } => "endpoint-port",
            Self::EndpointEgress { .. } => "endpoint-egress-closed",
            Self::EndpointNotAdmitted { .. } => "endpoint-not-admitted",
            Self::NoAgent { .. } => "agent-missing",
            Self::AgentOffline { .. } => "agent-offline",
            Self::AgentTooOld { .. } => "agent-too-old",
            Self::MetadataDisabled => "metadata-disabled",
            Self::NoInstanceConnect { .. } => "instance-connect-missing",
            Self::LocalZone { .. } => "local-zone",
            Self::KeyFile { mode: true, .. } => "key-file-mode",
            Self::KeyFile { .. } => "key-file-unusable",
            Self::OtherKeyPair { .. } => "key-pair-mismatch",
        }
    }
}

impl BootFault {
    fn code(self) -> &'static str {
        match self {
            Self::KernelPanic => "boot-kernel-panic",
            Self::NoRootFileSystem => "boot-no-root-file-system",
            Self::EmergencyMode => "boot-emergency-mode",
            Self::FileSystemCheck => "boot-file-system-check",
            Self::DiskFull => "boot-disk-full",
            Self::OutOfMemory => "boot-out-of-memory",
            Self::SshdFailed => "boot-sshd-failed",
            Self::CloudInitFailed => "boot-cloud-init-failed",
            Self::StillBooting => "boot-not-finished",
        }
    }
}
