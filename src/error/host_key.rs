//! Explains a refused host key.

use super::CommandError;
use crate::config::HostKeyPolicy;
use crate::diagnose::{HostKeyChange, HostKeyChanged};
use crate::plan::RoutePlan;
use crate::text::shell_word;
use crate::trust::{Error, Refusal};

/// Explains why the host key of the planned instance was not accepted.
pub(super) fn explain(plan: &RoutePlan, error: &Error) -> CommandError {
    let id = &plan.instance.id;
    match error {
        Error::Refused(refusal) => refused(plan, refusal),
        Error::AlgorithmNotPrinted => CommandError::failed(format!("cannot open an SSH connection to {id}"))
            .cause(error.to_string())
            .hint(format!("see the steps: ec2ssh -vv {id}")),
        Error::KnownHosts { path, source } => CommandError::failed(error.to_string())
            .cause(source.to_string())
            .hint(format!("check the file: ls -l {}", shell_word(&path.display().to_string()))),
    }
}

/// Renders a changed host key.
pub(super) fn render(facts: &HostKeyChanged) -> CommandError {
    let HostKeyChanged { instance_id: id, file, line, known, presented, algorithm, change } = facts;
    let error = CommandError::failed(format!("host key verification failed: the host key of {id} has changed"))
        .cause(format!("known:     {known} ({}:{line})", file.display()))
        .cause(format!("presented: {presented} ({algorithm})"));
    let forget = format!("ec2ssh known-hosts forget {id}");
    match change {
        HostKeyChange::Regenerated => error
            .cause("the instance's console shows the presented key: its host keys were regenerated")
            .hint(format!("forget the old key, and connect again: {forget}")),
        HostKeyChange::Impostor => error
            .cause("the instance's console shows the known key, not the presented one: another machine may be answering in its place (man-in-the-middle attack)")
            .hint("do not connect; find out which machine has its address, or who changed its host keys"),
        HostKeyChange::Unknown => error
            .cause("either the host keys of this instance were regenerated, or another machine answers in its place; the console output does not show which")
            .hint(check_console(id))
            .hint(format!("only if they were regenerated, forget the old key: {forget}")),
    }
}

fn check_console(id: &str) -> String {
    format!("check the console output of {id}: aws ec2 get-console-output --latest --output text --instance-id {id}")
}

fn refused(plan: &RoutePlan, refusal: &Refusal) -> CommandError {
    let id = &plan.instance.id;
    let error = CommandError::failed(refusal.to_string());
    match refusal {
        // A finding, which has been rendered.
        Refusal::Changed { .. } => error,
        Refusal::Contradicted { presented, algorithm, printed, .. } => {
            let mut error = error.cause(format!("presented: {presented} ({algorithm})"));
            for (algorithm, print) in printed {
                error = error.cause(format!("printed:   {print} ({algorithm})"));
            }
            error
                .cause("either another machine answers in its place, or its host keys were regenerated after the first boot")
                .hint(format!("compare the keys on the instance, over another route (aws ssm start-session --target {id}): ssh-keygen -lf {0}; cat {0}", file(algorithm)))
                .hint(format!("if the fingerprint on the instance is the presented one, trust the key: {}", trust_command(plan)))
        }
        Refusal::Unreadable { .. } => {
            error.cause("it is damaged, or a certificate in a format other than OpenSSH's").hint(check_console(id))
        }
        Refusal::Revoked { .. } => error.hint("do not connect: this key is marked as revoked (stolen or retired)"),
        Refusal::Unknown { presented, algorithm, policy, .. } => {
            let error = error.cause(format!("presented: {presented} ({algorithm})")).hint(check_console(id));
            match policy {
                HostKeyPolicy::Strict => {
                    error.hint(format!("if it shows this key, trust the key: {}", trust_command(plan)))
                }
                HostKeyPolicy::Auto | HostKeyPolicy::AcceptNew => error.hint(format!(
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
fn trust_command(plan: &RoutePlan) -> String {
    let port = if plan.port == 22 { String::new() } else { format!(":{}", plan.port) };
    format!("ec2ssh known-hosts add {}{port} 'TYPE BASE64'", plan.instance.id)
}
