//! Explains why a key cannot be used.

use super::{CommandError, ErrorKind};
use crate::connect::PublicKeyError;
use crate::ssh::key_file;
use crate::text::shell_word;

/// Explains why a key file cannot be used.
pub(super) fn key_file(error: &key_file::Error) -> CommandError {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let plain = CommandError::new(ErrorKind::Failed, error.to_string()).cause(source);
    let word = |path: &std::path::Path| shell_word(&path.display().to_string());
    match error {
        key_file::Error::Mode { path, .. } => plain.hint(format!("chmod 400 {}", word(path))),
        key_file::Error::Owner { path, .. } => {
            plain.hint(format!("take ownership: sudo chown \"$(id -u)\" {0} && chmod 400 {0}", word(path)))
        }
        key_file::Error::Public(path) => {
            let private = path.with_extension("");
            plain.hint(format!("use the private key: ec2ssh -i {} …", word(&private)))
        }
        key_file::Error::NotAFile(path) => plain.hint(format!("use a file in it: ls {}", word(path))),
        key_file::Error::Read { path, .. } => plain.hint(format!("ls -l {}", word(path))),
        key_file::Error::Unparsable { path, detail } => plain
            .cause(detail.clone())
            .hint(format!("ec2ssh reads PKCS#1, PKCS#8 and OpenSSH keys; show the file's type: file {}", word(path))),
        key_file::Error::NoPassphrase(path) => plain.hint(format!(
            "run ec2ssh in a terminal, or push a fresh key without -i: ec2ssh TARGET ({} stays unused)",
            word(path)
        )),
        key_file::Error::WrongPassphrase(path) => {
            plain.hint(format!("test the passphrase: ssh-keygen -y -f {}", word(path)))
        }
    }
}

/// Explains why there is no public key to push.
pub(super) fn public_key(error: &PublicKeyError) -> CommandError {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    CommandError::failed(error.to_string())
        .cause(source)
        .hint("create one: ssh-keygen -t ed25519; or use an existing one: ec2ssh proxy -i FILE.pub …")
}
