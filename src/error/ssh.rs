//! Explains errors of the SSH layer: the handshake, host keys, and a lost connection.

use crate::plan::Plan;
use crate::ssh::Error;
use crate::ssh::host_keys::console::ConsoleMatch;
use crate::ssh::host_keys::{Policy, Refusal};
use crate::text::shell_word;

use super::CommandError;

/// Explains why the SSH connection to the planned instance failed.
pub fn explain(plan: &Plan, error: &Error) -> CommandError {
    let id = &plan.instance.id;
    let port = plan.port;
    let plain = CommandError::failed(format!("cannot open an SSH connection to {id}")).cause(error.to_string());
    match error {
        // OpenSSH refuses a connection in clear text if it has too many, or after too many failures from one address.
        Error::NotSsh { said } if said.starts_with("Exceeded MaxStartups") || said.starts_with("Not allowed at this time") => {
            CommandError::failed(format!("{id} refused the SSH connection")).cause(format!("the server sent: {said}")).hint(format!(
                "wait a minute (MaxStartups, PerSourcePenalties in its sshd_config), then run the same command again: ec2ssh {id}"
            ))
        }
        Error::NotSsh { said } => plain
            .cause(format!("the server sent: {said}"))
            .hint(format!("set sshd's port, if it is not {port}: ec2ssh -p PORT {id}")),
        Error::ClosedEarly { banner } => plain
            .cause(describe_identification(banner.as_deref()))
            .hint(format!("sshd may be overloaded (MaxStartups) or may be blocking your address; show its log: aws ec2 get-console-output --latest --output text --instance-id {id}")),
        Error::HandshakeTimeout { banner, .. } => plain
            .cause(describe_identification(banner.as_deref()))
            .hint(format!("check the port: ec2ssh -p PORT {id}; check the instance's health: aws ec2 describe-instance-status --instance-ids {id}")),
        Error::NoCommonAlgorithm { ours, theirs, .. } => plain
            .cause(format!("the server offers {}; ec2ssh supports {}", theirs.join(", "), ours.join(", ")))
            .hint("the server's sshd is too old or too strict: check Ciphers, KexAlgorithms, MACs and HostKeyAlgorithms in its sshd_config"),
        Error::HostKey(refusal) => host_key(plan, refusal),
        Error::KnownHosts { path, source } => CommandError::failed(error.to_string())
            .cause(source.to_string())
            .hint(format!("check the file: ls -l {}", shell_word(&path.display().to_string()))),
        Error::KeepaliveTimeout { .. } | Error::Lost(_) => {
            CommandError::failed(format!("{id}: {error}")).hint(format!("connect again: ec2ssh {id}"))
        }
        Error::Refused(_) => CommandError::failed(format!("{id}: {error}"))
            .hint(format!("check ForceCommand, PermitTTY and MaxSessions in its sshd_config; without a terminal: ec2ssh -T {id} COMMAND")),
        Error::Local { source, .. } => CommandError::failed(error.to_string()).cause(source.to_string()),
        Error::Denied { .. } | Error::Protocol(_) | Error::HostKeyAlgorithmNotPrinted => plain.hint(format!("see the steps: ec2ssh -vv {id}")),
    }
}

fn describe_identification(banner: Option<&str>) -> String {
    match banner {
        Some(banner) => format!("server identification: {banner}"),
        None => "the server sent no identification string".to_owned(),
    }
}

fn host_key(plan: &Plan, refusal: &Refusal) -> CommandError {
    let id = &plan.instance.id;
    let error = CommandError::failed(refusal.to_string());
    let check_console = format!(
        "check its console output yourself: aws ec2 get-console-output --latest --output text --instance-id {id}"
    );
    match refusal {
        Refusal::Changed { file, line, known, presented, algorithm, console, .. } => {
            let error = error
                .cause(format!("known:     {known} ({}:{line})", file.display()))
                .cause(format!("presented: {presented} ({algorithm})"));
            let forget = format!("ec2ssh known-hosts forget {id}");
            match console {
                (ConsoleMatch::Printed, _) => error
                    .cause("the instance's console shows the presented key: its host keys were regenerated")
                    .hint(format!("forget the old key, and connect again: {forget}")),
                (_, ConsoleMatch::Printed) => error
                    .cause("the instance's console shows the known key, not the presented one: another machine may be answering in its place (man-in-the-middle attack)")
                    .hint("do not connect; find out which machine has its address, or who changed its host keys"),
                _ => error
                    .cause("either the host keys of this instance were regenerated, or another machine answers in its place; the console output does not show which")
                    .hint(check_console)
                    .hint(format!("only if they were regenerated, forget the old key: {forget}")),
            }
        }
        Refusal::Contradicted { presented, algorithm, printed, .. } => {
            let mut error = error.cause(format!("presented: {presented} ({algorithm})"));
            for (algorithm, print) in printed {
                error = error.cause(format!("printed:   {print} ({algorithm})"));
            }
            error
                .cause("either another machine answers in its place, or its host keys were regenerated after the first boot")
                .hint(format!("compare the keys on the instance, over another route (aws ssm start-session --target {id}): ssh-keygen -lf {0}; cat {0}", file(algorithm)))
                .hint(format!("only if that shows the presented fingerprint, trust the key: {}", trust_command(plan)))
        }
        Refusal::Unreadable { .. } => {
            error.cause("it is damaged, or a certificate in a format other than OpenSSH's").hint(check_console)
        }
        Refusal::Revoked { .. } => error.hint("do not connect: this key is marked as revoked (stolen or retired)"),
        Refusal::Unknown { presented, algorithm, policy, .. } => {
            let error = error.cause(format!("presented: {presented} ({algorithm})")).hint(check_console);
            match policy {
                Policy::Strict => error.hint(format!("confirm it once: ec2ssh --host-keys auto {id}")),
                Policy::Ask | Policy::AcceptNew => error.hint(format!(
                    "confirm it in a terminal (ec2ssh {id}), or accept new keys without asking: ec2ssh --host-keys accept-new {id}"
                )),
            }
        }
    }
}

/// Returns the file in which sshd keeps the public half of this key.
fn file(algorithm: &str) -> String {
    let kind = match algorithm {
        "ssh-ed25519" => "ed25519",
        algorithm if algorithm.starts_with("ecdsa") => "ecdsa",
        _ => "rsa",
    };
    format!("/etc/ssh/ssh_host_{kind}_key.pub")
}

/// Returns the command that trusts the presented key against what the console printed.
fn trust_command(plan: &Plan) -> String {
    let port = if plan.port == 22 { String::new() } else { format!(":{}", plan.port) };
    format!("ec2ssh known-hosts add {}{port} 'TYPE BASE64'", plan.instance.id)
}
