//! The login user, and the default one of an image: a table over the image's name, owner, description and platform. Also what is known
//! of EC2 Instance Connect on the instance. Pure.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/managing-users.html>; derived images usually, but not
//! always, keep the user of their base image.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use crate::aws::model::Image;
use crate::text::sanitize;

/// The availability of EC2 Instance Connect on a distribution's images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InstanceConnect {
    /// Preinstalled on the distribution's images.
    Preinstalled,
    /// Not preinstalled: a pushed key has no effect until it is installed.
    Absent,
    /// Not known for this distribution.
    Unknown,
}

/// The time that EC2 Instance Connect's scripts on the instance take at most to look up the pushed keys: after it sshd denies the
/// login (eic_run_authorized_keys: `timeout 5s`).
pub(crate) const KEY_LOOKUP_LIMIT: Duration = Duration::from_secs(5);
/// The times from the offer to the denial that mean that the look-up was stopped. Each kind of RSA signature is looked up.
const LOOKUP_TIMEOUT: Range<Duration> = Duration::from_millis(4_800)..Duration::from_secs(20);

/// Whether a denial that took this long means that the instance did not finish looking up the pushed keys.
pub(crate) fn is_key_lookup_timeout(took: Duration) -> bool {
    LOOKUP_TIMEOUT.contains(&took)
}

/// The login facts of one distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Distribution {
    /// Display name of the distribution.
    pub name: &'static str,
    /// Default login user of its images.
    pub user: &'static str,
    /// Availability of EC2 Instance Connect, without which pushed keys do not work.
    pub instance_connect: InstanceConnect,
}

/// The login user of an unknown distribution.
pub(crate) const FALLBACK_USER: &str = "ec2-user";

use InstanceConnect::{Absent, Preinstalled, Unknown};

/// The keywords of each distribution, most specific first; the first row with a keyword in the text wins.
const DISTRIBUTIONS: &[(&[&str], Distribution)] = &[
    (&["windows"], Distribution { name: "Windows", user: "Administrator", instance_connect: Absent }),
    (&["bitnami"], Distribution { name: "Bitnami", user: "bitnami", instance_connect: Unknown }),
    (&["bottlerocket"], Distribution { name: "Bottlerocket", user: "ec2-user", instance_connect: Absent }),
    (&["flatcar"], Distribution { name: "Flatcar", user: "core", instance_connect: Absent }),
    (&["ubuntu"], Distribution { name: "Ubuntu", user: "ubuntu", instance_connect: Preinstalled }),
    (&["debian"], Distribution { name: "Debian", user: "admin", instance_connect: Absent }),
    (&["rocky"], Distribution { name: "Rocky Linux", user: "rocky", instance_connect: Absent }),
    (&["almalinux"], Distribution { name: "AlmaLinux", user: "ec2-user", instance_connect: Absent }),
    (&["centos"], Distribution { name: "CentOS", user: "centos", instance_connect: Absent }),
    (&["fedora"], Distribution { name: "Fedora", user: "fedora", instance_connect: Absent }),
    (&["kali"], Distribution { name: "Kali", user: "kali", instance_connect: Absent }),
    (&["freebsd"], Distribution { name: "FreeBSD", user: "ec2-user", instance_connect: Absent }),
    (&["suse", "sles"], Distribution { name: "SUSE", user: "ec2-user", instance_connect: Absent }),
    (
        &["oracle linux", "oraclelinux", "ol8.", "ol9."],
        Distribution { name: "Oracle Linux", user: "ec2-user", instance_connect: Absent },
    ),
    (&["rhel", "red hat"], Distribution { name: "RHEL", user: "ec2-user", instance_connect: Absent }),
    (
        &["macos", "mac os", "amzn-ec2-macos"],
        Distribution { name: "macOS", user: "ec2-user", instance_connect: Preinstalled },
    ),
    (
        &["al2023-ami-minimal", "al2023-ami-ecs"],
        Distribution { name: "Amazon Linux 2023 (minimal)", user: "ec2-user", instance_connect: Absent },
    ),
    (
        &["al2023", "amzn", "amazon linux"],
        Distribution { name: "Amazon Linux", user: "ec2-user", instance_connect: Preinstalled },
    ),
];

/// The image owners (account IDs) that publish only one distribution, and its keyword.
const OWNERS: &[(&str, &str)] =
    &[("099720109477", "ubuntu"), ("136693071363", "debian"), ("309956199498", "rhel"), ("013907871322", "suse")];

/// Returns the distribution of an image, judged by its name, then its owner, its platform and last its description,
/// which may mention others.
pub(crate) fn distribution(image: &Image) -> Option<Distribution> {
    let owner = OWNERS.iter().find(|(id, _)| *id == image.owner).map_or("", |(_, word)| word);
    [image.name.as_str(), owner, &image.platform_details, &image.description].into_iter().find_map(by_word)
}

fn by_word(text: &str) -> Option<Distribution> {
    let text = text.to_ascii_lowercase();
    DISTRIBUTIONS.iter().find(|(words, _)| words.iter().any(|word| text.contains(word))).map(|(_, found)| *found)
}

/// The login user and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoginUser {
    /// The name of the user.
    pub user: String,
    /// The source of the name.
    pub source: LoginSource,
}

/// The source of a login user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoginSource {
    /// Typed as `USER@` or `-l`.
    Typed,
    /// Set in the config file.
    Config,
    /// The default user of the image.
    Image {
        /// The image's name; untrusted text.
        image: String,
        /// The distribution of the image.
        distribution: &'static str,
    },
    /// The fallback user, because nothing else was known.
    Fallback,
}

impl fmt::Display for LoginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typed => f.write_str("as typed"),
            Self::Config => f.write_str("from the config file"),
            Self::Image { image, distribution } => {
                write!(f, "default user of {distribution}, from the image {}", sanitize(image))
            }
            Self::Fallback => f.write_str("fallback user: the AMI's distribution is unknown"),
        }
    }
}

/// Returns the login user for an image if no user was requested.
pub(crate) fn default_login_user(image: Option<&Image>) -> LoginUser {
    match image.and_then(|image| Some((image, distribution(image)?))) {
        Some((image, found)) => {
            let image = if image.name.is_empty() { "(no name)".to_owned() } else { image.name.clone() };
            let source = LoginSource::Image { image, distribution: found.name };
            LoginUser { user: found.user.to_owned(), source }
        }
        None => LoginUser { user: FALLBACK_USER.to_owned(), source: LoginSource::Fallback },
    }
}

#[cfg(test)]
mod tests;
