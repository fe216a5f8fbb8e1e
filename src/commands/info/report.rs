//! The report on one instance, as text and as JSON. Pure.

use std::fmt::Write as _;

use serde::Serialize;

use crate::aws::model::Instance;
use crate::aws::model::details::{AgentState, Details, Group, Metadata};
use crate::aws::model::health::InstanceStatus;
use crate::text::sanitize;
use crate::when::{age, utc};

/// A part of the report: known, or why it is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Part<T> {
    /// The answer of AWS.
    Known(T),
    /// AWS gave no answer.
    Unknown {
        /// The reason why there is none.
        error: String,
    },
}

impl<T> Part<T> {
    /// Makes a part that is not known.
    pub(super) fn unknown(error: String) -> Self {
        Self::Unknown { error }
    }
}

/// All that AWS knows of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    #[serde(flatten)]
    pub instance: Instance,
    pub region: String,
    pub default_user: String,
    pub image_name: Option<String>,
    pub details: Part<Details>,
    pub status: Part<Option<InstanceStatus>>,
    pub agent: Part<Option<AgentState>>,
    pub termination_protected: Part<bool>,
    pub stop_protected: Part<bool>,
    /// The size of the unpacked user data in bytes.
    pub user_data_size: Part<usize>,
}

impl Report {
    /// Returns the report for people, with times relative to `now` (seconds since the Unix epoch).
    pub(super) fn text(&self, now: i64) -> String {
        let Self { instance, .. } = self;
        let mut lines = Lines::default();
        lines.add(
            "instance",
            &match &instance.name {
                Some(name) => format!("{} ({name})", instance.id),
                None => instance.id.clone(),
            },
        );
        let since =
            instance.launched.map_or(String::new(), |at| format!(", launched {} ({} ago)", utc(at), age(now, at)));
        lines.add("state", &format!("{}{since}", instance.state.as_str()));
        if let Some(reason) = &instance.state_reason {
            lines.add("", reason);
        }
        lines.add("status", &status(&self.status));
        let image = instance.image_id.as_deref().unwrap_or("unknown");
        let name = self.image_name.as_ref().map_or(String::new(), |name| format!(" ({name})"));
        lines.add("image", &format!("{image}{name}, default user {}", self.default_user));
        let place = [instance.zone.as_deref(), instance.vpc_id.as_deref(), instance.subnet_id.as_deref()];
        lines.add("place", &format!("{}, {}", self.region, place.into_iter().flatten().collect::<Vec<_>>().join(", ")));
        if let Some(owner) = &instance.owner_id {
            lines.add("account", owner);
        }
        let platform = instance.platform_details.as_ref().map_or(String::new(), |name| format!(", {name}"));
        lines.add("type", &format!("{}{platform}", instance.instance_type));
        for name in [&instance.public_dns, &instance.private_dns].into_iter().flatten() {
            lines.add("DNS name", name);
        }
        self.add_details(&mut lines);
        lines.add("key pair", instance.key_name.as_deref().unwrap_or("none"));
        lines.add("agent", &agent(&self.agent, now));
        lines.add(
            "protection",
            &format!("termination {}, stop {}", switch(&self.termination_protected), switch(&self.stop_protected)),
        );
        lines.add(
            "user data",
            &match &self.user_data_size {
                Part::Known(0) => "none".to_owned(),
                Part::Known(size) => format!("{size} bytes; show them: ec2ssh info --user-data {}", instance.id),
                Part::Unknown { error: why } => why.clone(),
            },
        );
        lines.0
    }

    fn add_details(&self, lines: &mut Lines) {
        let details = match &self.details {
            Part::Known(details) => details,
            Part::Unknown { error: why } => {
                let address = self.instance.address().map_or("unknown".to_owned(), |address| address.to_string());
                lines.add("addresses", &format!("{address}, and perhaps others ({why})"));
                return;
            }
        };
        if let Some(architecture) = &details.architecture {
            lines.add("architecture", architecture);
        }
        for (at, interface) in details.interfaces.iter().enumerate() {
            let addresses: Vec<String> = interface.addresses.iter().map(ToString::to_string).collect();
            let id = interface.id.as_ref().map_or(String::new(), |id| format!(" ({id})"));
            lines.add(if at == 0 { "addresses" } else { "" }, &format!("{}{id}", addresses.join(", ")));
        }
        let mut groups: Vec<&Group> = details.interfaces.iter().flat_map(|interface| &interface.groups).collect();
        groups.sort();
        groups.dedup();
        let groups: Vec<String> = groups.into_iter().map(|group| format!("{} ({})", group.id, group.name)).collect();
        lines.add("groups", &if groups.is_empty() { "none".to_owned() } else { groups.join(", ") });
        lines.add("IAM profile", details.iam_profile.as_deref().unwrap_or("none"));
        lines.add("metadata", &metadata(&details.metadata));
        for (at, (key, value)) in details.tags.iter().enumerate() {
            lines.add(if at == 0 { "tags" } else { "" }, &format!("{key}={value}"));
        }
    }
}

/// Lines of a label and a text.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, label: &str, text: &str) {
        // A line feed in a tag must not begin a line of its own.
        let text = sanitize(text);
        let _ = writeln!(self.0, "{label:<12} {text}");
    }
}

fn switch(part: &Part<bool>) -> String {
    match part {
        Part::Known(true) => "on".to_owned(),
        Part::Known(false) => "off".to_owned(),
        Part::Unknown { error: why } => format!("unknown ({why})"),
    }
}

fn agent(part: &Part<Option<AgentState>>, now: i64) -> String {
    match part {
        Part::Known(Some(agent)) => {
            let version = agent.version.as_ref().map_or(String::new(), |version| format!(", version {version}"));
            let last = agent.last_ping.map_or(String::new(), |at| format!(", last ping {} ago", age(now, at)));
            let platform = agent.platform.as_ref().map_or(String::new(), |name| format!(", {name}"));
            format!("{}{version}{last}{platform}", agent.ping)
        }
        Part::Known(None) => "no SSM Agent has ever reported".to_owned(),
        Part::Unknown { error: why } => why.clone(),
    }
}

fn status(part: &Part<Option<InstanceStatus>>) -> String {
    match part {
        Part::Known(Some(status)) => {
            let checks = [("system", &status.system), ("instance", &status.instance), ("EBS", &status.ebs)];
            let checks = checks.iter().filter(|(_, state)| !state.is_empty());
            let checks = checks.map(|(name, state)| format!("{name} {state}"));
            checks.chain(status.events.iter().cloned()).collect::<Vec<_>>().join(", ")
        }
        Part::Known(None) => "no status checks".to_owned(),
        Part::Unknown { error: why } => why.clone(),
    }
}

fn metadata(options: &Metadata) -> String {
    if options.endpoint.as_deref() == Some("disabled") {
        return "off".to_owned();
    }
    let version = if options.tokens.as_deref() == Some("required") { "IMDSv2 only" } else { "IMDSv1 and v2" };
    let hops = options.hop_limit.map_or(String::new(), |hops| format!(", hop limit {hops}"));
    let tags = if options.instance_tags.as_deref() == Some("enabled") { ", tags in it" } else { "" };
    let ipv6 = if options.ipv6.as_deref() == Some("enabled") { ", also over IPv6" } else { "" };
    format!("{version}{hops}{tags}{ipv6}")
}
