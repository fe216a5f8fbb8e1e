//! Explains why there is no password of a Windows instance.

use super::CommandError;
use super::keys::key_file;
use crate::connect::{self, NoPassword};
use crate::text::shell_word;

/// Explains the lack of a password.
pub(crate) fn no_password(id: &str, error: NoPassword) -> CommandError {
    let plain = CommandError::failed(format!("there is no password of {id}"));
    let words = error.to_string();
    match error {
        NoPassword::Aws(error) => {
            let known = CommandError::from(&error);
            let plain = plain.cause(known.message);
            let plain = known.causes.into_iter().fold(plain, CommandError::cause);
            known.hints.into_iter().fold(plain, CommandError::hint)
        }
        NoPassword::NotWindows(_) => plain.cause(words).hint(format!("a shell: ec2ssh {id}")),
        NoPassword::NoKeyPair => plain
            .cause(words)
            .cause("without a key pair EC2 cannot keep the password for you")
            .hint(format!("log in as a user whose password you know: ec2ssh rdp -l USER {id}"))
            .hint(format!("or set one through Session Manager: ec2ssh ssm {id}, then: net user Administrator *")),
        NoPassword::NotYet { .. } => plain
            .cause(words)
            .cause("an instance may take 15 min after its launch")
            .hint(format!("wait for it: ec2ssh rdp --wait {id}")),
        NoPassword::Never => plain
            .cause(words)
            .hint(format!("log in as a user whose password you know: ec2ssh rdp -l USER {id}"))
            .hint(format!("or set one through Session Manager: ec2ssh ssm {id}, then: net user Administrator *")),
        NoPassword::NoKeyFile { name, .. } => {
            plain.cause(words).hint(format!("name it: ec2ssh rdp -i {} {id}", shell_word(&format!("{name}.pem"))))
        }
        NoPassword::KeyFile(error) => match *error {
            connect::Error::KeyFile(error) => {
                let known = key_file(&error);
                let plain = known.causes.into_iter().fold(plain.cause(known.message), CommandError::cause);
                known.hints.into_iter().fold(plain, CommandError::hint)
            }
            other => plain.cause(other.to_string()),
        },
        NoPassword::Key { name, .. } => plain
            .cause(words)
            .cause(format!("it is encrypted for the key pair {name}, with which the instance was launched"))
            .hint(format!(
                "use the private key of that pair: ec2ssh rdp -i {} {id}",
                shell_word(&format!("{name}.pem"))
            )),
    }
}
