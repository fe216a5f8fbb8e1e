//! The state of the embedded cloud.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use crate::agent::{Agent, Session};
use crate::eice::{Endpoint, TunnelFault};
use crate::fault::Fault;
use crate::key_lookup::KeyLookup;
use crate::kms::DataKeys;
use crate::network::Network;
use crate::sts::Role;

/// An EC2 instance, with the fields that the API shows and those that control its start.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names are EC2's own")]
pub struct Instance {
    pub id: String,
    pub tags: Vec<(String, String)>,
    pub state: &'static str,
    pub instance_type: String,
    pub zone: String,
    /// The region that it is in; without it, whichever is asked.
    pub region: Option<&'static str>,
    pub image_id: String,
    /// The platform, for example `Linux/UNIX` or `Windows`.
    pub platform: String,
    pub public_ip: Option<String>,
    pub private_ip: Option<String>,
    pub ipv6: Option<String>,
    pub public_dns: Option<String>,
    pub private_dns: Option<String>,
    pub key_name: Option<String>,
    pub metadata: &'static str,
    pub vpc_id: String,
    pub subnet_id: String,
    /// Further interfaces: the private and the public address of each.
    pub interfaces: Vec<(String, Option<String>)>,
    /// The launch time in RFC 3339 format.
    pub launched: String,
    /// The number of lookups during which the instance stays `pending` after a start.
    pub pending_for: usize,
    /// The number of lookups during which it then runs without its public address.
    pub without_ip_for: usize,
    /// Whether the instance was started by a call.
    pub started: bool,
    /// The security groups of all interfaces: id and name.
    pub groups: Vec<(String, String)>,
    /// The ARN of the IAM instance profile.
    pub iam_profile: Option<String>,
    /// The user data, as they were given.
    pub user_data: Vec<u8>,
    /// Whether it is protected against termination, and against being stopped.
    pub protected: [bool; 2],
}

impl Instance {
    /// Returns a running instance with this Name tag, on loopback.
    pub fn named(id: &str, name: &str) -> Self {
        let number = u32::from_str_radix(&id[id.len().saturating_sub(4)..], 16).unwrap_or(1);
        let (high, low) = (number / 256 % 256, number % 256);
        Self {
            id: id.to_owned(),
            tags: vec![("Name".to_owned(), name.to_owned())],
            state: "running",
            instance_type: "t3.micro".to_owned(),
            zone: "eu-west-1a".to_owned(),
            region: None,
            platform: "Linux/UNIX".to_owned(),
            image_id: "ami-0a1b2c3d4e5f60718".to_owned(),
            public_ip: Some("127.0.0.1".to_owned()),
            private_ip: Some(format!("10.0.{high}.{low}")),
            ipv6: None,
            public_dns: None,
            private_dns: Some(format!("ip-10-0-{high}-{low}.eu-west-1.compute.internal")),
            key_name: Some("ops".to_owned()),
            metadata: "enabled",
            vpc_id: "vpc-0123456789abcdef0".to_owned(),
            subnet_id: "subnet-0123456789abcdef0".to_owned(),
            interfaces: Vec::new(),
            launched: "2026-11-20T08:30:00.000Z".to_owned(),
            pending_for: 0,
            without_ip_for: 0,
            started: false,
            groups: vec![("sg-0123456789abcdef0".to_owned(), "web".to_owned())],
            iam_profile: None,
            user_data: Vec::new(),
            protected: [false, false],
        }
    }

    /// Adds a tag to the instance.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Removes the public address and puts the private one on loopback, where nothing listens on port 22.
    #[must_use]
    pub fn private(mut self) -> Self {
        let host = 100 + self.id.bytes().last().unwrap_or_default() % 100;
        (self.public_ip, self.private_ip) = (None, Some(format!("127.77.0.{host}")));
        self
    }

    /// Sets the launch time to this long ago.
    #[must_use]
    pub fn launched_ago(mut self, age: Duration) -> Self {
        self.launched = rfc_3339(SystemTime::now() - age);
        self
    }

    /// Sets the state of the instance; a stopped one has no public address.
    #[must_use]
    pub fn state(mut self, state: &'static str) -> Self {
        self.state = state;
        if state == "stopped" {
            (self.public_ip, self.public_dns) = (None, None);
        }
        self
    }

    pub(crate) fn state_code(&self) -> u8 {
        match self.state {
            "pending" => 0,
            "running" => 16,
            "shutting-down" => 32,
            "terminated" => 48,
            "stopping" => 64,
            _ => 80,
        }
    }
}

/// Formats a time as EC2 does.
fn rfc_3339(at: SystemTime) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // Thu, 26 Nov 2026 18:30:00 GMT
    let text = httpdate::fmt_http_date(at);
    let words: Vec<&str> = text.split(' ').collect();
    let month = MONTHS.iter().position(|month| words.get(2) == Some(month)).unwrap_or_default() + 1;
    format!("{}-{month:02}-{}T{}.000Z", words[3], words[1], words[4])
}

/// An image (AMI) of instances.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names are EC2's own")]
pub struct Image {
    pub id: String,
    pub name: String,
    pub owner: String,
    pub description: String,
}

/// An API call that was made.
#[derive(Clone, Debug)]
pub struct RecordedCall {
    /// The operation, for example `DescribeInstances`.
    pub operation: String,
    /// The request body with the parameters.
    pub body: String,
    /// The id of the access key that signed it.
    pub access_key: String,
}

/// A public key that was pushed.
#[derive(Clone, Debug)]
pub(crate) struct PushedKey {
    pub instance_id: String,
    pub user: String,
    pub key: String,
    pub at: Instant,
    pub aged: Duration,
}

/// A request for just-in-time access.
#[derive(Clone, Debug)]
pub(crate) struct AccessRequest {
    pub id: String,
    /// The number of times that it was asked for.
    pub polls: usize,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// The access key ids that are accepted beside the cloud's own.
    pub access_keys: Vec<String>,
    pub roles: Vec<Role>,
    pub instances: Vec<Instance>,
    pub network: Network,
    pub images: Vec<Image>,
    pub page_limit: usize,
    pub faults: Vec<(String, Fault, usize)>,
    pub calls: Vec<RecordedCall>,
    /// The delay of the response to each API call.
    pub call_delay: Duration,
    /// The cost of an instance's look-up of pushed keys.
    pub key_lookup: KeyLookup,
    /// The number of look-ups of pushed keys.
    pub key_lookups: usize,
    pub pushed: Vec<PushedKey>,
    pub authorized: Vec<(String, String, String)>,
    /// Instance id, output as posted after boot, and output as it is now.
    pub consoles: Vec<(String, Vec<u8>, Vec<u8>)>,
    /// Instance id and the encrypted first password.
    pub passwords: Vec<(String, Vec<u8>)>,
    pub endpoints: Vec<Endpoint>,
    /// Instance id, port of the instance, and the port on loopback that stands for it.
    pub ports: Vec<(String, u16, u16)>,
    /// The port of the websockets.
    pub streams: u16,
    /// The query parameters of each tunnel request, without those of the signature.
    pub tunnels: Vec<Vec<(String, String)>>,
    /// The endpoint id of each open tunnel.
    pub open_tunnels: Vec<String>,
    pub tunnel_fault: Option<TunnelFault>,
    /// The number of tunnel pings that the client answered.
    pub pongs: usize,
    /// The connected agents by instance id.
    pub agents: HashMap<String, Agent>,
    pub sessions: Vec<Session>,
    /// The client version that each data channel announced.
    pub client_versions: Vec<String>,
    /// The data keys that KMS has given out.
    pub data_keys: DataKeys,
    pub access_requests: Vec<AccessRequest>,
    /// The status that requests for access end with.
    pub access_outcome: &'static str,
    /// The base URL of the streams, in place of the embedded cloud's own.
    pub stream_base: Option<String>,
}

impl State {
    /// Takes the fault for this call, if one is due.
    pub(crate) fn fault(&mut self, operation: &str) -> Option<Fault> {
        let due = self.faults.iter_mut().find(|(name, _, times)| name == operation && *times > 0)?;
        due.2 -= 1;
        Some(due.1.clone())
    }

    /// Returns the port on loopback that stands for a port of the instance.
    pub(crate) fn port_of(&self, instance_id: &str, port: u16) -> Option<u16> {
        self.ports.iter().find(|(id, remote, _)| id == instance_id && *remote == port).map(|(.., local)| *local)
    }

    /// Returns the keys in authorized_keys of a user on an instance.
    pub(crate) fn authorized_keys(&self, instance_id: &str, user: &str) -> Vec<String> {
        let mine = self.authorized.iter().filter(|(id, who, _)| id == instance_id && who == user);
        mine.map(|(_, _, key)| key.clone()).collect()
    }
}
