//! Reads a private key from a file (`-i`); its mode is checked before anything is sent.
//!
//! - `not_a_key` recognizes other files
//! - `fingerprints` are the forms in which keys are listed
//! - `pem_encryption` and `short_scalar` read what russh does not

mod fingerprints;
mod not_a_key;
mod pem_encryption;
mod short_scalar;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::EncryptionScheme;
use russh::keys::{PrivateKey, decode_secret_key};
use zeroize::Zeroizing;

use super::keys::Key;
use crate::secret::Secret;
use not_a_key::{NotAKey, recognize};
use pem_encryption::dek_info;

/// The number of bytes that are read at most; a 16384-bit RSA key takes 13 KB.
const MAX_FILE_SIZE: u64 = 64 * 1024;

/// The reason why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file cannot be read.
    #[error("cannot read the key file {}", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The path is a folder, a device or another special file.
    #[error("{} is not a file", .0.display())]
    NotAFile(PathBuf),
    /// The mode lets others access the file, or is not the one required for a `.pem`.
    #[error("the key file {} has mode {mode:04o}, but it must {}", path.display(), required(*.pem))]
    Mode {
        /// The path of the file.
        path: PathBuf,
        /// The permission bits of the file.
        mode: u32,
        /// Whether the strict rule for a `.pem` applies.
        pem: bool,
        /// Whether the file is the caller's own, who can then change its mode.
        own: bool,
    },
    /// The file is of another kind.
    #[error("{} is {}, not a private key that ssh reads", path.display(), kind.what)]
    NotAKey {
        /// The path of the file.
        path: PathBuf,
        /// The kind of file that it is.
        kind: NotAKey,
    },
    /// The key is encrypted with a cipher that is not supported.
    #[error("the cipher of the key file {} is not supported ({cipher})", path.display())]
    Cipher {
        /// The path of the file.
        path: PathBuf,
        /// The name of the cipher or of its kind.
        cipher: String,
    },
    /// The file holds a public key.
    #[error("{} is a public key, but a private key is needed", .0.display())]
    Public(PathBuf),
    /// The file holds no supported private key.
    #[error("cannot parse {} as a private key", path.display())]
    Unparsable {
        /// The path of the file.
        path: PathBuf,
        /// The reason, for example from the parser.
        detail: String,
    },
    /// A passphrase is needed, and none could be asked for or none was given.
    #[error("the key file {} is encrypted, and no passphrase was given", .0.display())]
    NoPassphrase(PathBuf),
    /// The passphrase was wrong too often.
    #[error("incorrect passphrase for the key file {}", .0.display())]
    WrongPassphrase(PathBuf),
}

fn required(pem: bool) -> &'static str {
    if pem { "have mode 0400" } else { "not be accessible by group or others" }
}

/// Checks the mode: a `.pem` must have mode 0400 exactly, any other key file must be closed to group and others. A key file of
/// another owner (in a container, on a mounted volume) is judged by its mode alone, as ssh does. Pure.
///
/// # Errors
/// [`Error::Mode`].
pub(crate) fn check_permissions(path: &Path, mode: u32, own: bool) -> Result<(), Error> {
    let mode = mode & 0o7777;
    let pem = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pem"));
    let fits = if pem { mode == 0o400 } else { mode & 0o077 == 0 };
    if fits { Ok(()) } else { Err(Error::Mode { path: path.to_owned(), mode, pem, own }) }
}

/// A key file that was checked and read, but may still need its passphrase.
pub(crate) struct KeyFile {
    path: PathBuf,
    text: Zeroizing<String>,
}

impl KeyFile {
    /// Checks and reads the file. Owner and mode are those of the opened file, not of a file that takes its name a
    /// moment later.
    ///
    /// # Errors
    /// If the check fails or the file cannot be read; a public key is distinguished from other content.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let read = |source| Error::Read { path: path.to_owned(), source };
        // Checked before opening, because opening a FIFO would block forever.
        if !fs::metadata(path).map_err(read)?.is_file() {
            return Err(Error::NotAFile(path.to_owned()));
        }
        let file = match File::open(path) {
            // If even the owner may not read the file, the wrong mode is reported.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                check(&fs::metadata(path).map_err(read)?, path)?;
                return Err(read(error));
            }
            other => other.map_err(read)?,
        };
        let content = read_content(&file, path)?;
        // What the file is goes before its mode, so that the user is never offered a chmod of a file that is not a key.
        if let Some(kind) = recognize(&content) {
            return Err(Error::NotAKey { path: path.to_owned(), kind });
        }
        let unparsable = |detail: &str| Error::Unparsable { path: path.to_owned(), detail: detail.to_owned() };
        let text = std::str::from_utf8(&content).map_err(|_| unparsable("it is not a text file"))?;
        if looks_public(text) {
            return Err(Error::Public(path.to_owned()));
        }
        if !text.contains("PRIVATE KEY-----") {
            return Err(unparsable("it does not contain a private key"));
        }
        check(&file.metadata().map_err(read)?, path)?;
        Ok(Self { path: path.to_owned(), text: plain_lines(text) })
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the key in the file: PKCS#1, PKCS#8, SEC1 or OpenSSH's own format. Returns `Ok(None)` if a passphrase is
    /// needed, or if the one given is wrong.
    ///
    /// # Errors
    /// [`Error::Unparsable`] if the content is not a supported private key.
    pub(crate) fn key(&self, passphrase: Option<&Secret<String>>) -> Result<Option<Key>, Error> {
        if let Some(cipher) = self.unsupported_cipher() {
            return Err(Error::Cipher { path: self.path.clone(), cipher });
        }
        let passphrase = passphrase.map(|secret| secret.expose().as_str());
        match self.decode(passphrase) {
            Ok(key) if key.is_encrypted() => Ok(None),
            Ok(key) => Ok(Some(Key::from_private(key))),
            Err(russh::keys::Error::KeyIsEncrypted) => Ok(None),
            Err(error) => match short_scalar::read(&self.text, passphrase) {
                Some(key) => Ok(Some(Key::from_private(key))),
                None if self.is_encrypted() => Ok(None),
                None => Err(Error::Unparsable { path: self.path.clone(), detail: error.to_string() }),
            },
        }
    }

    /// Returns the key's fingerprints in all the forms in which key pairs are listed; none if the key is encrypted.
    pub(crate) fn fingerprints(&self) -> Vec<String> {
        self.decode(None).map(|key| fingerprints::of(&self.text, &key)).unwrap_or_default()
    }

    fn decode(&self, passphrase: Option<&str>) -> Result<PrivateKey, russh::keys::Error> {
        let Some(info) = dek_info(&self.text) else { return decode_secret_key(&self.text, passphrase) };
        let passphrase = passphrase.ok_or(russh::keys::Error::KeyIsEncrypted)?;
        let plain = info.decrypt(&self.text, passphrase).ok_or(russh::keys::Error::KeyIsEncrypted)?;
        decode_secret_key(&plain, None)
    }

    /// Returns the name of the cipher if it cannot be opened.
    fn unsupported_cipher(&self) -> Option<String> {
        if let Some(info) = dek_info(&self.text) {
            return (!info.is_supported()).then(|| info.cipher.to_owned());
        }
        let der = pkcs8::der::SecretDocument::from_pem(&self.text)
            .ok()
            .filter(|(label, _)| *label == "ENCRYPTED PRIVATE KEY")?
            .1;
        match EncryptedPrivateKeyInfoRef::try_from(der.as_bytes()) {
            Ok(EncryptedPrivateKeyInfoRef { encryption_algorithm: EncryptionScheme::Pbes2(_), .. }) => None,
            _ => Some("an old kind of PKCS#8 encryption".to_owned()),
        }
    }

    /// Whether the key is encrypted, judged by its text: PKCS#8 and PKCS#1 say so in plain text, OpenSSH's format in
    /// the name of its cipher.
    fn is_encrypted(&self) -> bool {
        let openssh = PrivateKey::from_openssh(self.text.as_bytes());
        self.text.contains("ENCRYPTED") || openssh.is_ok_and(|key| key.is_encrypted())
    }
}

fn read_content(file: &File, path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    // The buffer has room for the whole file: growing it would leave copies of the key in memory.
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_FILE_SIZE as usize + 1));
    match file.take(MAX_FILE_SIZE).read_to_end(&mut content) {
        Ok(_) => Ok(content),
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}

/// Returns the text without a byte order mark and without blanks around its lines, which ssh ignores and russh does not.
fn plain_lines(text: &str) -> Zeroizing<String> {
    let text = text.trim_start_matches('\u{feff}');
    let mut plain = Zeroizing::new(String::with_capacity(text.len() + 1));
    for line in text.lines() {
        plain.push_str(line.trim());
        plain.push('\n');
    }
    plain
}

fn looks_public(text: &str) -> bool {
    let first = text.trim_start_matches('\u{feff}').trim_start();
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "---- BEGIN SSH2 PUBLIC", "-----BEGIN PUBLIC KEY"]
        .iter()
        .any(|start| first.starts_with(start))
}

#[cfg(unix)]
fn check(metadata: &fs::Metadata, path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;

    check_permissions(path, metadata.mode(), metadata.uid() == rustix::process::geteuid().as_raw())
}

/// Accepts every file: Windows has access lists instead of modes (`icacls FILE /inheritance:r /grant:r
/// "%USERNAME%:(R)"`).
#[cfg(not(unix))]
fn check(_: &fs::Metadata, _: &Path) -> Result<(), Error> {
    Ok(())
}

/// Sets the file's mode to 0400, after the user agreed to it.
///
/// # Errors
/// If the mode cannot be set.
pub(crate) fn restrict_permissions(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o400))?;
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests;
