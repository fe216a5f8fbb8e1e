//! Explains errors of the SSH layer: the handshake, host keys, and a lost connection.

use super::CommandError;
use crate::plan::RoutePlan;
use crate::ssh::{Error, OpenRefusal};
use crate::text::shell_word;

/// Explains why the SSH connection to the planned instance failed.
pub(super) fn explain(plan: &RoutePlan, error: &Error) -> CommandError {
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
            .hint(format!("if sshd listens on another port than {port}: ec2ssh -p PORT {id}")),
        Error::ClosedEarly { identification } => plain
            .cause(describe_identification(identification.as_deref()))
            .hint(format!("sshd may be overloaded (MaxStartups) or may be blocking your address; show the boot log: aws ec2 get-console-output --latest --output text --instance-id {id}")),
        Error::HandshakeTimeout { identification, .. } => plain
            .cause(describe_identification(identification.as_deref()))
            .hint(format!("check the port: ec2ssh -p PORT {id}; check the instance's health: aws ec2 describe-instance-status --instance-ids {id}")),
        Error::NoCommonAlgorithm { ours, theirs, .. } => plain
            .cause(format!("the server offers {}; ec2ssh supports {}", theirs.join(", "), ours.join(", ")))
            .hint("the server's sshd is too old or too strict: check Ciphers, KexAlgorithms, MACs and HostKeyAlgorithms in its sshd_config"),
        Error::KeepaliveTimeout | Error::Lost(_) | Error::Unsigned => {
            CommandError::failed(format!("{id}: {error}")).hint(format!("connect again: ec2ssh {id}"))
        }
        Error::Refused(_) => CommandError::failed(format!("{id}: {error}"))
            .hint(format!("check ForceCommand, PermitTTY and MaxSessions in its sshd_config; without a terminal: ec2ssh -T {id} COMMAND")),
        Error::NotForwarded { refusal: OpenRefusal::Prohibited, .. } => CommandError::failed(format!("{id}: {error}"))
            .hint(format!("check AllowTcpForwarding, AllowStreamLocalForwarding, DisableForwarding and PermitOpen in its sshd_config: ec2ssh {id} 'sudo sshd -T'")),
        Error::NotForwarded { .. } => CommandError::failed(format!("{id}: {error}"))
            .hint(format!("see what listens there: ec2ssh {id} ss -ltn")),
        Error::Local { source, .. } => CommandError::failed(error.to_string()).cause(source.to_string()),
        Error::SecondStep { user, wanted, answered } => {
            let word = shell_word(&format!("{user}@{id}"));
            let asks = wanted.iter().any(|method| method == "keyboard-interactive" || method == "password");
            plain.hint(match (answered, asks) {
                (true, _) => format!("try again with the current code or password: ec2ssh {word}"),
                (false, true) => format!("run it in a terminal, where the questions can be answered: ec2ssh {word}"),
                (false, false) => {
                    format!("AuthenticationMethods in its sshd_config asks for more than ec2ssh can give; use ssh: ssh {word}")
                }
            })
        }
        Error::Denied { .. } | Error::Protocol(_) => plain.hint(format!("see the steps: ec2ssh -vv {id}")),
    }
}

fn describe_identification(identification: Option<&str>) -> String {
    match identification {
        Some(identification) => format!("server identification: {identification}"),
        None => "the server sent no identification string".to_owned(),
    }
}
