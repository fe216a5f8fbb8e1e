//! The words for what the login needs: EC2 Instance Connect, or a key file.

use super::fix::{Fix, Place, Remedy, Words, some};
use crate::diagnose::Cause;
use crate::text::shell_word;

pub(super) fn words(cause: &Cause, place: &Place<'_>) -> Option<Words> {
    let (id, word) = (place.id(), place.word());
    let key = place.plan.instance.key_name.as_deref().map_or("KEY".to_owned(), ToOwned::to_owned);
    let by_file =
        Fix::new("log in with the key pair's file", format!("ec2ssh -i {} {word}", shell_word(&format!("{key}.pem"))));
    match cause {
        Cause::MetadataDisabled => {
            let command = format!(
                "ec2 modify-instance-metadata-options --instance-id {id} --http-endpoint enabled --http-tokens required"
            );
            let enable = Fix::new("enable it, with IMDSv2 only", place.aws(&command));
            some("the instance metadata service is off, so a pushed key has no effect", [enable, by_file])
        }
        Cause::NoInstanceConnect { distribution } => {
            let install = Fix::new(
                "install it, once, on the instance",
                "sudo apt install ec2-instance-connect || sudo dnf install ec2-instance-connect",
            );
            let title = format!(
                "images of {distribution} come without EC2 Instance Connect, so a pushed key may have no effect"
            );
            some(title, [by_file, install])
        }
        Cause::LocalZone { zone } => {
            some(format!("EC2 Instance Connect does not serve {zone}, so a pushed key has no effect"), [by_file])
        }
        Cause::KeyFile { path, mode: true } => {
            let command = format!("chmod 400 {}", shell_word(&path.display().to_string()));
            let fix = Fix::new("close it to others", command).with(Remedy::Restrict(path.clone()));
            some(format!("others may read or write the key file {}", path.display()), [fix])
        }
        Cause::KeyFile { path, mode: false } => some(
            format!("the key file {} cannot be used", path.display()),
            [Fix::new("push a key instead", format!("ec2ssh {word}"))],
        ),
        Cause::OtherKeyPair { path, key_pair } => {
            let title =
                format!("{} is not the key of {key_pair}, with which the instance was launched", path.display());
            some(title, [by_file, Fix::new("push a key instead", format!("ec2ssh {word}"))])
        }
        _ => None,
    }
}
