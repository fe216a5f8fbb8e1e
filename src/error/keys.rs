//! Explains why a key cannot be used.

use std::path::{Path, PathBuf};

use super::{CommandError, ErrorKind};
use crate::connect::PublicKeyError;
use crate::ssh::key_file;
use crate::text::shell_word;

/// Explains why a key file cannot be used.
pub(super) fn key_file(error: &key_file::Error) -> CommandError {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let plain = CommandError::new(ErrorKind::Failed, error.to_string()).cause(source);
    let word = |path: &Path| shell_word(&path.display().to_string());
    match error {
        key_file::Error::Mode { path, own: true, .. } => plain.hint(format!("chmod 400 {}", word(path))),
        // Only its owner can change the mode: a copy is the caller's own.
        key_file::Error::Mode { path, .. } => plain.hint(format!(
            "it belongs to another user; make a copy: install -m 400 {} {}",
            word(path),
            word(&copy_of(path))
        )),
        key_file::Error::NotAKey { path, kind } => match kind.command {
            Some(command) => {
                let command = command.replace("FILE", &word(path)).replace("NEW", &word(&copy_of(path)));
                plain.hint(format!("write the key as ssh reads it: (umask 277; {command})"))
            }
            None => plain.hint(format!(
                "use the private key's file; or push a fresh key without -i; show what it is: file {}",
                word(path)
            )),
        },
        // ssh-keygen writes the file in place, which mode 0400 forbids.
        key_file::Error::Cipher { path, .. } => plain.hint(format!(
            "rewrite the key in ssh's own format: install -m 600 {0} {1} && ssh-keygen -p -f {1} && chmod 400 {1}",
            word(path),
            word(&copy_of(path))
        )),
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

/// Returns the name for a new key file beside this one: `web.new.pem` for `web.pem` and `web.ppk`, `id_rsa.new` for `id_rsa`.
fn copy_of(path: &Path) -> PathBuf {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("pem" | "ppk" | "json" | "der" | "p12" | "pfx") => path.with_extension("new.pem"),
        _ => {
            let mut name = path.as_os_str().to_owned();
            name.push(".new");
            name.into()
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
