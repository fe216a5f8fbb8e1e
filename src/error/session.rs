//! Explains why there is no session of Session Manager on a node, or why it ended.

use super::CommandError;
use crate::aws;
use crate::route::RouteError;
use crate::ssm;
use crate::text::shell_word;
use crate::web::websocket;

/// Explains the error of a session.
pub(super) fn explain(node_id: &str, error: &RouteError) -> CommandError {
    match error {
        RouteError::Aws(error) => not_started(node_id, error),
        RouteError::Session(error) => session(node_id, error),
        other => CommandError::failed(format!("no session on {node_id}")).cause(other.to_string()),
    }
}

/// Explains a request for access that was not granted.
pub(super) fn no_access(message: String, node_id: &str, status: &str) -> CommandError {
    let error = CommandError::failed(message);
    match status {
        "Expired" => error
            .cause("nobody approved it in time, or the access has ended")
            .hint(format!("ask again: ec2ssh ssm --request-access REASON {node_id}")),
        "Rejected" | "Revoked" => error.hint("ask the approvers of your account's just-in-time access policy"),
        _ => error.hint("see the request: Systems Manager, Just-in-time node access, Access requests"),
    }
}

fn not_started(node_id: &str, error: &aws::Error) -> CommandError {
    let words = CommandError::from(error);
    if error.is_denial() {
        return words.hint(format!(
            "if your account has just-in-time node access, ask for it: ec2ssh ssm --request-access REASON {node_id}"
        ));
    }
    if error.code() == Some("TargetNotConnected") {
        return words
            .hint(format!("wait for it to come online, if it boots: ec2ssh ssm --wait {node_id}"))
            .hint(format!("look at its agent and at the other ways: ec2ssh doctor {node_id}"));
    }
    words
}

fn session(node_id: &str, error: &ssm::Error) -> CommandError {
    let plain = CommandError::failed(format!("no session on {node_id}"));
    match error {
        ssm::Error::Websocket(websocket::Error::Web(error)) => {
            let words = CommandError::from(error);
            CommandError { message: plain.message, ..words }
        }
        ssm::Error::Websocket(websocket::Error::Refused { refusal, .. }) => {
            plain.cause(refusal.to_string()).cause(refusal.message.clone()).hint(
                "a session's data channel requires the IAM action ssmmessages:OpenDataChannel; show your identity: aws sts get-caller-identity",
            )
        }
        ssm::Error::NoHandshake(_) => plain
            .cause(error.to_string())
            .cause("the agent hangs, or a login script of the shell waits for something")
            .hint(format!("run a command, which reads no login script: ec2ssh ssm {node_id} uptime")),
        ssm::Error::Key { key_id, denied, .. } => {
            let key = shell_word(key_id);
            let error = plain.cause(error.to_string());
            if *denied {
                error.hint(format!(
                    "allow kms:GenerateDataKey on {key} in the IAM policy of your identity (aws sts get-caller-identity) and in the key's policy"
                ))
            } else {
                error.hint(format!("look at the key: aws kms describe-key --key-id {key}"))
            }
        }
        ssm::Error::Ended(reason) => ended(node_id, reason),
        ssm::Error::Unsupported(_) => plain.cause(error.to_string()).hint(format!(
            "its document is made for something else; for a port: ec2ssh forward --no-login {node_id} PORT"
        )),
        _ => plain.cause(error.to_string()).hint(format!("see the steps: ec2ssh ssm -v {node_id}")),
    }
}

/// The reasons for which the service or the agent ends a session: a part of its words, and what to do. The words are those of the agent's
/// source and of public reports; nobody has documented them.
const REASONS: &[(&str, &str)] = &[
    (
        "inactivity",
        "the account's idle session timeout has ended it (1 to 60 min): Session Manager, Preferences; or keep a program running: top",
    ),
    (
        "maximum session duration",
        "the account limits how long a session lasts: Session Manager, Preferences; start another one",
    ),
    (
        "exceeded the max",
        "the account limits how long a session lasts: Session Manager, Preferences; start another one",
    ),
    (
        "runas user",
        "the account's preferences run sessions as this user (Run As): create it on the node, or name another in Session Manager, Preferences, or in the tag SSMSessionRunAs of your role",
    ),
    (
        "support run as",
        "the node's SSM Agent is too old for Run As: update it, or turn Run As off in Session Manager, Preferences",
    ),
    ("runas", "look at Run As in Session Manager, Preferences: a user that exists on the node, and not root"),
    (
        "uid and gid",
        "Run As names root, which the agent does not allow: name another user in Session Manager, Preferences",
    ),
    (
        "encryption",
        "look at the logs and the encryption in Session Manager, Preferences: the node's role needs access to both",
    ),
    ("data key", "the node's role needs kms:Decrypt on the key of Session Manager's preferences"),
    ("handshake", "the agent did not get our answer in time: run the same command again; see the steps with -v"),
];

fn ended(node_id: &str, reason: &str) -> CommandError {
    let reason = reason.replace("----------ERROR-------", "").trim().to_owned();
    let error = CommandError::failed(format!("the session on {node_id} was ended"));
    let lower = reason.to_lowercase();
    let hint = REASONS.iter().find(|(words, _)| lower.contains(words)).map(|(_, hint)| *hint);
    let plain = || format!("start another one: ec2ssh ssm {node_id}");
    error.cause(reason).hint(hint.map_or_else(plain, str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::ended;

    #[test]
    fn reason_of_the_end_has_its_remedy() {
        let table = [
            ("Your session timed out due to inactivity and has been terminated.", "idle session timeout"),
            (
                "\n----------ERROR-------\nUnable to start command: failed to start pty since RunAs user deploy does not exist",
                "create it on the node",
            ),
            (
                "The version of SSM Agent on this instance doesn't support Run As. Update to latest SSM Agent before continuing.",
                "too old",
            ),
            ("Unable to start command: please set the RunAs default user", "not root"),
            ("Unable to start command: invalid uid and gid", "Run As names root"),
            (
                "We couldn't start the session because encryption is not set up on the selected CloudWatch log group",
                "the logs",
            ),
            ("Fetching data key failed: Unable to retrieve data key, Error when decrypting data key", "kms:Decrypt"),
            ("it timed out or was terminated", "ec2ssh ssm i-1"),
        ];
        for (reason, hint) in table {
            let error = ended("i-1", reason);
            assert!(error.hints[0].contains(hint), "{reason}: {:?}", error.hints);
            assert!(!error.causes[0].contains("--"), "{:?}", error.causes);
        }
    }
}
