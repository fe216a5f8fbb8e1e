//! The needs of the login: for a pushed key EC2 Instance Connect, for a key file its mode and the instance's key pair.

use crate::diagnose::cause::Cause;
use crate::diagnose::check::{Problem, Verdict};
use crate::facts::{Fact, Facts};
use crate::login::{InstanceConnect, distribution};

/// The numbers of bytes of fingerprints of RSA keys.
const SHA1_SIZE: usize = 20;
const MD5_SIZE: usize = 16;

/// Returns the verdict of checks that are about pushed keys, where a key file is used.
fn with_key_file(facts: &Facts) -> Option<Verdict> {
    facts.key_file.as_ref().map(|_| Verdict::Irrelevant("a key file is used".to_owned()))
}

pub(super) fn metadata(facts: &Facts) -> Verdict {
    if let Some(verdict) = with_key_file(facts) {
        return verdict;
    }
    if facts.plan.instance.metadata_disabled {
        let because = ["its HttpEndpoint is disabled, and sshd asks it for the pushed key".to_owned()];
        return Verdict::failed(Cause::MetadataDisabled, because);
    }
    Verdict::Passed("enabled".to_owned())
}

pub(super) fn instance_connect(facts: &Facts) -> Verdict {
    if let Some(verdict) = with_key_file(facts) {
        return verdict;
    }
    match facts.image.as_ref().and_then(distribution) {
        Some(known) if known.instance_connect == InstanceConnect::Absent => {
            let because = vec![format!("the image is of {}", known.name)];
            // It may have been installed since.
            Verdict::Suspect(Problem { cause: Cause::NoInstanceConnect { distribution: known.name }, because })
        }
        Some(known) => Verdict::Passed(format!("the image is of {}; its user is {}", known.name, known.user)),
        None => Verdict::Unknown("the image's distribution is not known".to_owned()),
    }
}

/// A Local or Wavelength Zone's name has a part more than `eu-west-1a`: `us-west-2-lax-1a`.
pub(super) fn zone(facts: &Facts) -> Verdict {
    if let Some(verdict) = with_key_file(facts) {
        return verdict;
    }
    let Some(zone) = facts.plan.instance.zone.clone() else { return Verdict::Unknown("not shown".to_owned()) };
    let region = &facts.plan.account.region;
    if zone.strip_prefix(region.as_str()).is_some_and(|rest| rest.starts_with('-')) {
        let because = [format!("{zone} is a Local Zone or a Wavelength Zone")];
        return Verdict::failed(Cause::LocalZone { zone }, because);
    }
    Verdict::Passed(zone)
}

pub(super) fn key_file(facts: &Facts) -> Verdict {
    let Some(file) = &facts.key_file else { return Verdict::Irrelevant("a key is pushed".to_owned()) };
    match &file.problem {
        Some((problem, mode)) => {
            Verdict::failed(Cause::KeyFile { path: file.path.clone(), mode: *mode }, [problem.clone()])
        }
        None => Verdict::Passed(file.path.display().to_string()),
    }
}

/// Compares the file with the key pair, whose fingerprint AWS makes in one of three ways
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-keys.html>).
pub(super) fn key_pair(facts: &Facts) -> Verdict {
    let Some(file) = &facts.key_file else { return Verdict::Irrelevant("a key is pushed".to_owned()) };
    let pair = match &facts.key_pair {
        Fact::Known(Some(pair)) => pair,
        Fact::Known(None) => {
            let name = facts.plan.instance.key_name.as_deref();
            let why = name.map_or("the instance was launched without one".to_owned(), |name| format!("{name} is gone"));
            return Verdict::Unknown(why);
        }
        gap => return Verdict::unknown(gap),
    };
    if file.fingerprints.is_empty() {
        return Verdict::Unknown("the key is encrypted, so it is not compared".to_owned());
    }
    let plain = |print: &str| print.trim_start_matches("SHA256:").trim_end_matches('=').to_owned();
    let theirs = plain(&pair.fingerprint);
    if file.fingerprints.iter().any(|own| plain(own) == theirs) {
        return Verdict::Passed(format!("{} is the key of {}", file.path.display(), pair.name));
    }
    // The one of a key that AWS has made is of the private key, which cannot be computed from each format.
    let size = |print: &str| print.split(':').count();
    let has = |wanted| file.fingerprints.iter().any(|own| size(own) == wanted);
    if size(&pair.fingerprint) == SHA1_SIZE && has(MD5_SIZE) && !has(SHA1_SIZE) {
        return Verdict::Unknown(format!("the fingerprint of {} cannot be compared with this kind of file", pair.name));
    }
    let because = vec![
        format!("the instance was launched with {}, {}", pair.name, pair.fingerprint),
        format!("the file has {}", file.fingerprints.join(" or ")),
    ];
    // Other keys may have been authorized since the launch.
    let cause = Cause::OtherKeyPair { path: file.path.clone(), key_pair: pair.name.clone() };
    Verdict::Suspect(Problem { cause, because })
}
