//! Why an instance denies a login, by what is known of it. Pure.

use std::time::Duration;

use crate::aws::model::Image;
use crate::login::{InstanceConnect, KEY_LOOKUP_LIMIT, LoginSource, distribution, is_key_lookup_timeout};
use crate::plan::{Authorization, Plan};

/// The facts of a denied login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PermissionDenied {
    /// The user whose login was denied.
    pub user: String,
    /// The id of the instance.
    pub instance_id: String,
    /// Set when a key was pushed; otherwise a key file was used.
    pub pushed: bool,
    /// The possible reasons, most likely first.
    pub reasons: Vec<DenialReason>,
    /// The name of the key pair that the instance was launched with; untrusted.
    pub key_pair: Option<String>,
    /// Other methods that the server would accept; untrusted.
    pub other_methods: Vec<String>,
}

/// A possible reason for a denied login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DenialReason {
    /// The instance did not finish looking up the pushed keys, because there were too many of them.
    KeyLookupTimeout {
        /// The time limit of the look-up, in seconds.
        seconds: u64,
    },
    /// EC2 Instance Connect hands keys out through the instance metadata service, which is disabled.
    MetadataDisabled,
    /// The image has another default user.
    WrongUser {
        /// The distribution of the image.
        distribution: &'static str,
        /// The default user of that distribution.
        default_user: &'static str,
    },
    /// Images of this distribution come without EC2 Instance Connect.
    NoInstanceConnect {
        /// The distribution of the image.
        distribution: &'static str,
    },
    /// The login user may not exist.
    UnknownUser {
        /// Where the user's name is from.
        source: LoginSource,
    },
    /// EC2 Instance Connect may be missing, or sshd may not use it.
    InstanceConnectMissing,
}

/// Judges a denied login: the reasons that are possible for this instance, most likely first.
pub(crate) fn permission_denied(
    plan: &Plan,
    image: Option<&Image>,
    methods: &[String],
    took: Option<Duration>,
) -> PermissionDenied {
    let instance = &plan.route.instance;
    let user = &plan.login.user;
    let known = image.and_then(distribution);
    let wrong_user = known.filter(|known| known.user != user.as_str());
    let pushed = plan.authorization == Authorization::Push;
    let absent = known.filter(|known| pushed && known.instance_connect == InstanceConnect::Absent);
    let is_unknown = wrong_user.is_none() && (plan.login.source == LoginSource::Fallback || known.is_none());
    let timed_out = pushed && took.is_some_and(is_key_lookup_timeout);
    let others = [
        (pushed && instance.metadata_disabled).then_some(DenialReason::MetadataDisabled),
        wrong_user.map(|known| DenialReason::WrongUser { distribution: known.name, default_user: known.user }),
        absent.map(|known| DenialReason::NoInstanceConnect { distribution: known.name }),
        is_unknown.then(|| DenialReason::UnknownUser { source: plan.login.source.clone() }),
        (pushed && absent.is_none()).then_some(DenialReason::InstanceConnectMissing),
    ];
    // What is known to be the cause needs no guesses beside it.
    let reasons = match timed_out {
        true => vec![DenialReason::KeyLookupTimeout { seconds: KEY_LOOKUP_LIMIT.as_secs() }],
        false => others.into_iter().flatten().collect(),
    };
    PermissionDenied {
        user: user.clone(),
        instance_id: instance.id.clone(),
        pushed,
        reasons,
        key_pair: instance.key_name.clone(),
        // The publickey method is implied.
        other_methods: methods.iter().filter(|method| *method != "publickey").cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::plan;

    fn image(name: &str) -> Image {
        Image { name: name.to_owned(), ..Image::default() }
    }

    #[test]
    fn most_likely_reason_comes_first() {
        use DenialReason::{InstanceConnectMissing, MetadataDisabled, NoInstanceConnect, UnknownUser, WrongUser};
        let plan = |user: &str| {
            let mut plan = plan();
            plan.login.user = user.to_owned();
            plan.login.source = LoginSource::Typed;
            plan
        };
        let (ubuntu, debian) = (image("ubuntu/images/jammy"), image("debian-12-amd64"));
        let wrong = |distribution, default_user| WrongUser { distribution, default_user };
        let reasons = |plan: &Plan, image: Option<&Image>| {
            permission_denied(plan, image, &[], Some(Duration::from_millis(300))).reasons
        };
        assert_eq!(reasons(&plan("root"), Some(&ubuntu)), [wrong("Ubuntu", "ubuntu"), InstanceConnectMissing]);
        assert_eq!(reasons(&plan("ubuntu"), Some(&ubuntu)), [InstanceConnectMissing]);
        assert_eq!(reasons(&plan("admin"), Some(&debian)), [NoInstanceConnect { distribution: "Debian" }]);
        let unknown = UnknownUser { source: LoginSource::Typed };
        assert_eq!(reasons(&plan("me"), None), [unknown.clone(), InstanceConnectMissing]);
        let mut disabled = plan("ubuntu");
        disabled.route.instance.metadata_disabled = true;
        assert_eq!(reasons(&disabled, Some(&ubuntu)), [MetadataDisabled, InstanceConnectMissing]);
        disabled.authorization = Authorization::KeyFile("k.pem".into());
        assert!(reasons(&disabled, Some(&ubuntu)).is_empty());
        assert_eq!(reasons(&disabled, None), [unknown]);
    }

    #[test]
    fn denial_after_five_seconds_is_the_look_up() {
        let reasons = |plan: &Plan, took| permission_denied(plan, None, &[], Some(took)).reasons;
        let timeout = [DenialReason::KeyLookupTimeout { seconds: 5 }];
        assert_eq!(reasons(&plan(), Duration::from_millis(5_040)), timeout);
        assert_ne!(reasons(&plan(), Duration::from_millis(4_700)), timeout);
        let mut with_file = plan();
        with_file.authorization = Authorization::KeyFile("k.pem".into());
        assert_ne!(reasons(&with_file, Duration::from_secs(5)), timeout);
    }

    #[test]
    fn other_methods_leave_publickey_out() {
        let methods = ["publickey", "password"].map(str::to_owned);
        assert_eq!(permission_denied(&plan(), None, &methods, None).other_methods, ["password"]);
    }
}
