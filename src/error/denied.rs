//! Renders a denied login: its possible causes, most likely first, each with what to type.

use super::CommandError;
use crate::diagnose::{DenialReason, PermissionDenied};
use crate::text::shell_word;

/// Renders a denied login.
pub(super) fn render(facts: &PermissionDenied) -> CommandError {
    let PermissionDenied { user, instance_id: id, pushed, reasons, key_pair, other_methods } = facts;
    let plain = CommandError::failed(format!("permission denied for {user}@{id} (publickey)"));
    let error = reasons.iter().fold(plain, |error, reason| add_reason(error, reason, user, id));
    let fresh_key = || format!("omit -i to push a fresh key: ec2ssh {}", shell_word(&format!("{user}@{id}")));
    let error = match (pushed, key_pair) {
        (true, Some(name)) => error.hint(format!(
            "use the key pair it was launched with: ec2ssh -i {} {id}",
            shell_word(&format!("{name}.pem"))
        )),
        (true, None) => error.hint(format!("use a key that the instance accepts: ec2ssh -i FILE.pem {id}")),
        (false, Some(name)) => error
            .cause(format!(
                "the instance was launched with the key pair '{name}', and the key file may be a different key"
            ))
            .hint(fresh_key()),
        (false, None) => error.cause("the instance was launched without a key pair").hint(fresh_key()),
    };
    if other_methods.is_empty() {
        error
    } else {
        error.cause(format!("the server also accepts: {}", other_methods.join(", ")))
    }
}

fn add_reason(error: CommandError, reason: &DenialReason, user: &str, id: &str) -> CommandError {
    match reason {
        DenialReason::KeyLookupTimeout { seconds } => error
            .cause(format!(
                "the instance did not finish looking up the keys that were pushed in the last minute ({seconds} s): each takes it some 50 ms"
            ))
            .hint(format!("connect again in a minute: ec2ssh {}", shell_word(&format!("{user}@{id}"))))
            .hint("push fewer keys: connections of ec2ssh share one, unless share-key = false or --no-share-key forbids it"),
        DenialReason::MetadataDisabled => error
            .cause("the instance metadata service is disabled, and EC2 Instance Connect delivers keys through it")
            .hint(format!("aws ec2 modify-instance-metadata-options --instance-id {id} --http-endpoint enabled")),
        DenialReason::WrongUser { distribution, default_user } => error
            .cause(format!("the image is {distribution}, whose default user is {default_user}, not {user}"))
            .hint(format!("ec2ssh {default_user}@{id}")),
        DenialReason::NoInstanceConnect { distribution } => error.cause(format!(
            "{distribution} images do not include EC2 Instance Connect, so sshd ignores the pushed key"
        )),
        DenialReason::UnknownUser { source } => error
            .cause(format!("user {user} may not exist on the instance ({source})"))
            .hint(format!("try another user: ec2ssh ubuntu@{id}, or admin@, centos@, rocky@, fedora@")),
        DenialReason::InstanceConnectMissing => error.cause(
            "EC2 Instance Connect may not be installed on the instance, or sshd may not be configured to use it",
        ),
    }
}
