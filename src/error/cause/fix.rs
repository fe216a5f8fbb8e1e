//! The words for one cause, the commands that mend it, and the instance that they are for.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::plan::RoutePlan;
use crate::text::{instance_word, shell_word};

/// The words for a cause.
pub(crate) struct Words {
    /// The cause in a sentence without a full stop.
    pub title: String,
    /// The ways to mend it, the best first.
    pub fixes: Vec<Fix>,
}

/// A way to mend a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fix {
    /// The effect of the command.
    pub what: String,
    /// The command to type.
    pub command: String,
    /// The means by which `ec2ssh doctor --fix` does the same, where that is safe.
    pub remedy: Option<Remedy>,
}

/// A change that `ec2ssh doctor --fix` makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Give the key file mode 0400.
    Restrict(PathBuf),
    /// Start the instance with this id.
    Start(String),
    /// Admit one address to a port of the group.
    Admit {
        /// The id of the group.
        group: String,
        /// The address to admit.
        address: IpAddr,
        /// The port to open.
        port: u16,
    },
}

impl Fix {
    pub(super) fn new(what: impl Into<String>, command: impl Into<String>) -> Self {
        Self { what: what.into(), command: command.into(), remedy: None }
    }

    pub(super) fn with(self, remedy: Remedy) -> Self {
        Self { remedy: Some(remedy), ..self }
    }
}

/// The instance that commands are for.
pub(crate) struct Place<'a> {
    /// The ways to the instance.
    pub plan: &'a RoutePlan,
    /// The target as it was typed.
    pub target: &'a str,
    /// The caller's address, if it is known.
    pub caller: Option<IpAddr>,
}

impl Place<'_> {
    pub(super) fn id(&self) -> &str {
        &self.plan.instance.id
    }

    pub(super) fn word(&self) -> String {
        instance_word(self.target)
    }

    /// Returns a command of the AWS CLI for the same account and region.
    pub(super) fn aws(&self, command: &str) -> String {
        let account = &self.plan.account;
        let profile =
            account.profile.as_deref().map_or(String::new(), |name| format!(" --profile {}", shell_word(name)));
        format!("aws {command} --region {}{profile}", account.region)
    }

    /// Returns the caller's address as a network of its own.
    pub(super) fn network(&self) -> String {
        match self.caller {
            Some(address) => format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 }),
            None => "YOUR-ADDRESS/32".to_owned(),
        }
    }

    /// Returns the option for that network in the calls that tell IPv4 from IPv6.
    pub(super) fn cidr_option(&self, ipv4: &str, ipv6: &str) -> String {
        let option = if self.caller.is_some_and(|address| address.is_ipv6()) { ipv6 } else { ipv4 };
        format!("{option} {}", self.network())
    }
}

/// Returns these words, for the tables of causes.
pub(super) fn some(title: impl Into<String>, fixes: impl Into<Vec<Fix>>) -> Option<Words> {
    Some(Words { title: title.into(), fixes: fixes.into() })
}
