//! Which user an image expects at login. Pure: a table over the image's name, owner, description and platform.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/managing-users.html>; derived images keep the user of
//! their base as a rule, not always.

use crate::aws::model::Image;

/// How Instance Connect stands on an image's distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceConnect {
    /// Comes with the distribution's images.
    Preinstalled,
    /// Has to be installed: a pushed key is not looked at before.
    Absent,
    /// Not known for this one.
    Unknown,
}

/// What is known of one distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Its name, for a person.
    pub name: &'static str,
    /// The default login user.
    pub user: &'static str,
    /// Whether pushed keys work out of the box.
    pub instance_connect: InstanceConnect,
}

/// The user when nothing else is known.
pub const FALLBACK_USER: &str = "ec2-user";

use InstanceConnect::{Absent, Preinstalled, Unknown};

/// Words looked for, most specific first; the first row with a word in the text wins.
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

/// Publishers whose images are one distribution, whatever they are called.
const OWNERS: &[(&str, &str)] =
    &[("099720109477", "ubuntu"), ("136693071363", "debian"), ("309956199498", "rhel"), ("013907871322", "suse")];

/// The distribution of an image, judged by its name, then its owner, its platform and at last its description, which
/// may mention others.
pub fn distribution(image: &Image) -> Option<Distribution> {
    let owner = OWNERS.iter().find(|(id, _)| *id == image.owner).map_or("", |(_, word)| word);
    [image.name.as_str(), owner, &image.platform_details, &image.description].into_iter().find_map(by_word)
}

fn by_word(text: &str) -> Option<Distribution> {
    let text = text.to_ascii_lowercase();
    DISTRIBUTIONS.iter().find(|(words, _)| words.iter().any(|word| text.contains(word))).map(|(_, found)| *found)
}
