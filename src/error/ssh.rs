//! The words for what the SSH layer met.

use crate::plan::Plan;
use crate::ssh::Error;
use crate::ssh::host_keys::{Policy, Refusal};
use crate::text::shell_word;

use super::CommandError;

/// What went wrong with the SSH connection to the planned instance.
pub fn explain(plan: &Plan, error: &Error) -> CommandError {
    let id = &plan.instance.id;
    let port = plan.port;
    let plain = CommandError::failed(format!("cannot open an SSH connection to {id}")).cause(error.to_string());
    match error {
        // OpenSSH turns a connection away in clear text when it has too many, or too many failures from one address.
        Error::NotSsh { said } if said.starts_with("Exceeded MaxStartups") || said.starts_with("Not allowed at this time") => {
            CommandError::failed(format!("{id} turned the connection away")).cause(format!("it said: {said}")).hint(format!(
                "wait a minute (MaxStartups, PerSourcePenalties in its sshd_config), then run the same command again: ec2ssh {id}"
            ))
        }
        Error::NotSsh { said } => plain
            .cause(format!("it said: {said}"))
            .hint(format!("name sshd's port, if it is not {port}: ec2ssh -p PORT {id}")),
        Error::ClosedEarly { banner } => plain
            .cause(named(banner.as_deref()))
            .hint(format!("sshd may be overloaded (MaxStartups) or barring you; its log: aws ec2 get-console-output --latest --output text --instance-id {id}")),
        Error::HandshakeTimeout { banner, .. } => plain
            .cause(named(banner.as_deref()))
            .hint(format!("is it the right port? ec2ssh -p PORT {id}; is the instance healthy? aws ec2 describe-instance-status --instance-ids {id}")),
        Error::NoCommonAlgorithm { ours, theirs, .. } => plain
            .cause(format!("the server has {}; ec2ssh has {}", theirs.join(", "), ours.join(", ")))
            .hint("the server's sshd is too old or too strict: look at Ciphers, KexAlgorithms, MACs and HostKeyAlgorithms in its sshd_config"),
        Error::HostKey(refusal) => host_key(plan, refusal),
        Error::KnownHosts { path, source } => CommandError::failed(error.to_string())
            .cause(source.to_string())
            .hint(format!("look at it: ls -l {}", shell_word(&path.display().to_string()))),
        Error::KeepaliveTimeout { .. } | Error::Lost(_) => {
            CommandError::failed(format!("{id}: {error}")).hint(format!("connect again: ec2ssh {id}"))
        }
        Error::Refused(_) => CommandError::failed(format!("{id}: {error}"))
            .hint(format!("look at ForceCommand, PermitTTY and MaxSessions in its sshd_config; without a terminal: ec2ssh -T {id} COMMAND")),
        Error::Local { source, .. } => CommandError::failed(error.to_string()).cause(source.to_string()),
        Error::Denied { .. } | Error::Protocol(_) => plain.hint(format!("see the steps: ec2ssh -vv {id}")),
    }
}

fn named(banner: Option<&str>) -> String {
    match banner {
        Some(banner) => format!("it called itself {banner}"),
        None => "it sent nothing".to_owned(),
    }
}

fn host_key(plan: &Plan, refusal: &Refusal) -> CommandError {
    let id = &plan.instance.id;
    let error = CommandError::failed(refusal.to_string());
    match refusal {
        Refusal::Changed { alias, file, line, known, presented, algorithm, .. } => {
            let file = file.display().to_string();
            error
                .cause(format!("known:     {known} ({file}:{line})"))
                .cause(format!("presented: {presented} ({algorithm})"))
                .cause("either sshd was set up anew on this instance, or somebody else answers in its place")
                .hint(format!("compare with what the instance prints when it first boots: aws ec2 get-console-output --latest --output text --instance-id {id}"))
                .hint(format!("only if it was set up anew, forget the old key: ssh-keygen -f {} -R {}", shell_word(&file), shell_word(alias)))
        }
        Refusal::Unknown { presented, algorithm, policy, .. } => {
            let error = error.cause(format!("presented: {presented} ({algorithm})"));
            let compare = format!("compare with: aws ec2 get-console-output --latest --output text --instance-id {id}");
            let error = error.hint(compare);
            match policy {
                Policy::Strict => error.hint(format!("confirm it once yourself: ec2ssh --host-keys auto {id}")),
                Policy::Ask | Policy::AcceptNew => error.hint(format!(
                    "confirm it on a terminal (ec2ssh {id}), or take new keys without asking: ec2ssh --host-keys accept-new {id}"
                )),
            }
        }
        Refusal::Certificate => error.hint(format!("see the steps: ec2ssh -vv {id}")),
    }
}
