//! The words for what the SSH layer met.

use crate::plan::Plan;
use crate::ssh::Error;
use crate::ssh::host_keys::console::Word;
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
        Error::Denied { .. } | Error::Protocol(_) | Error::AskForPrinted => plain.hint(format!("see the steps: ec2ssh -vv {id}")),
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
    let look =
        format!("look at its console yourself: aws ec2 get-console-output --latest --output text --instance-id {id}");
    match refusal {
        Refusal::Changed { file, line, known, presented, algorithm, console, .. } => {
            let error = error
                .cause(format!("known:     {known} ({}:{line})", file.display()))
                .cause(format!("presented: {presented} ({algorithm})"));
            let forget = format!("ec2ssh known-hosts forget {id}");
            match console {
                (Word::Printed, _) => error
                    .cause("the instance's console prints the key presented: sshd was set up anew on it")
                    .hint(format!("forget the old key, and connect again: {forget}")),
                (_, Word::Printed) => error
                    .cause("the instance's console prints the key known, and not the one presented: somebody else may be answering in its place")
                    .hint("do not connect; find out who has its address, or who changed sshd's keys by hand"),
                _ => error
                    .cause("either sshd was set up anew on this instance, or somebody else answers in its place; its console does not tell")
                    .hint(look)
                    .hint(format!("only if it was set up anew, forget the old key: {forget}")),
            }
        }
        Refusal::Contradicted { presented, algorithm, printed, .. } => {
            let mut error = error.cause(format!("presented: {presented} ({algorithm})"));
            for (algorithm, print) in printed {
                error = error.cause(format!("printed:   {print} ({algorithm})"));
            }
            error
                .cause("either somebody else answers in its place, or sshd's keys were made anew after its first boot")
                .hint(format!("tell them apart on the instance, by another way in (aws ssm start-session --target {id}): ssh-keygen -lf {0}; cat {0}", file(algorithm)))
                .hint(format!("only if that shows the fingerprint presented, take the key: {}", take(plan)))
        }
        Refusal::Unreadable { .. } => {
            error.cause("it is damaged, or a certificate of another form than OpenSSH's").hint(look)
        }
        Refusal::Revoked { .. } => error.hint("do not connect: somebody has marked this key as stolen or retired"),
        Refusal::Unknown { presented, algorithm, policy, .. } => {
            let error = error.cause(format!("presented: {presented} ({algorithm})")).hint(look);
            match policy {
                Policy::Strict => error.hint(format!("confirm it once yourself: ec2ssh --host-keys auto {id}")),
                Policy::Ask | Policy::AcceptNew => error.hint(format!(
                    "confirm it on a terminal (ec2ssh {id}), or take new keys without asking: ec2ssh --host-keys accept-new {id}"
                )),
            }
        }
    }
}

/// Where sshd keeps the public half of this key.
fn file(algorithm: &str) -> String {
    let kind = match algorithm {
        "ssh-ed25519" => "ed25519",
        algorithm if algorithm.starts_with("ecdsa") => "ecdsa",
        _ => "rsa",
    };
    format!("/etc/ssh/ssh_host_{kind}_key.pub")
}

/// The command with which a person says that he knows better than the console.
fn take(plan: &Plan) -> String {
    let port = if plan.port == 22 { String::new() } else { format!(":{}", plan.port) };
    format!("ec2ssh known-hosts add {}{port} 'TYPE BASE64'", plan.instance.id)
}
