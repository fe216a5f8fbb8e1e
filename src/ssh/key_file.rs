//! A private key in a file (`-i`): its mode is checked before anything is sent, then it is read.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use russh::keys::decode_secret_key;
use zeroize::Zeroizing;

use super::keys::Key;
use crate::secret::Secret;

/// The largest file that is looked at; a 16384-bit RSA key takes 13 KB.
const MOST: u64 = 64 * 1024;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read the key file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is a folder, a device or the like.
    #[error("{} is not a file", .0.display())]
    NotAFile(PathBuf),
    /// Its mode lets others read it, or is not what a `.pem` must have.
    #[error("the key file {} has mode {mode:04o}, and it must {}", path.display(), required(*.pem))]
    Mode {
        /// The file.
        path: PathBuf,
        /// The permission bits it has.
        mode: u32,
        /// Whether the strict rule for a `.pem` applies.
        pem: bool,
    },
    /// It is somebody else's.
    #[error("the key file {} belongs to user id {owner}, not to you ({caller})", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        caller: u32,
    },
    /// It is the public half.
    #[error("{} is a public key, and the private one is needed", .0.display())]
    Public(PathBuf),
    /// It holds nothing we know as a key.
    #[error("{} is not a private key that can be read", path.display())]
    Garbage {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        detail: String,
    },
    /// A passphrase is needed and nobody can be asked, or nobody answered.
    #[error("the key file {} is encrypted, and no passphrase was given", .0.display())]
    NoPassphrase(PathBuf),
    /// The passphrase was wrong too often.
    #[error("the passphrase does not open {}", .0.display())]
    WrongPassphrase(PathBuf),
}

fn required(pem: bool) -> &'static str {
    if pem { "have 0400" } else { "be closed to group and others" }
}

/// The rule, pure: a `.pem` must have mode 0400 exactly, any other key file must be closed to group and others, and
/// both must belong to the caller.
///
/// # Errors
/// [`Error::Mode`] or [`Error::Owner`].
pub fn judge(path: &Path, mode: u32, owner: u32, caller: u32) -> Result<(), Error> {
    let mode = mode & 0o7777;
    if owner != caller {
        return Err(Error::Owner { path: path.to_owned(), owner, caller });
    }
    let pem = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pem"));
    let fits = if pem { mode == 0o400 } else { mode & 0o077 == 0 };
    if fits { Ok(()) } else { Err(Error::Mode { path: path.to_owned(), mode, pem }) }
}

/// A key file that has passed the check and was read, but perhaps still needs its passphrase.
pub struct KeyFile {
    path: PathBuf,
    text: Zeroizing<String>,
}

impl KeyFile {
    /// Checks and reads. The check is made on the file that is read, not on whatever bears its name a moment later.
    ///
    /// # Errors
    /// As the rule and the file system say; a public key is told apart from garbage.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let read = |source| Error::Read { path: path.to_owned(), source };
        // Looked at before it is opened, for to open a fifo would wait for ever.
        if !fs::metadata(path).map_err(read)?.is_file() {
            return Err(Error::NotAFile(path.to_owned()));
        }
        let file = match File::open(path) {
            // Closed even to its owner: the mode is what is wrong.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                check(&fs::metadata(path).map_err(read)?, path)?;
                return Err(read(error));
            }
            other => other.map_err(read)?,
        };
        let text = read_text(&file, path)?;
        if looks_public(&text) {
            return Err(Error::Public(path.to_owned()));
        }
        // Before the mode: nobody is to be offered a chmod of something that is no key at all.
        if !text.contains("PRIVATE KEY-----") {
            return Err(Error::Garbage { path: path.to_owned(), detail: "it has no private key in it".to_owned() });
        }
        check(&file.metadata().map_err(read)?, path)?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the key in it: PKCS#1, PKCS#8, SEC1 or OpenSSH's own format. `Ok(None)`: it wants a passphrase, or a
    /// different one.
    ///
    /// # Errors
    /// [`Error::Garbage`].
    pub fn key(&self, passphrase: Option<&Secret<String>>) -> Result<Option<Key>, Error> {
        if let Some(cipher) = self.unsupported_cipher() {
            let detail = format!(
                "it is encrypted in an old way ({cipher}); `ssh-keygen -p -f FILE` rewrites it in OpenSSH's own format"
            );
            return Err(Error::Garbage { path: self.path.clone(), detail });
        }
        let passphrase_text = passphrase.map(|secret| secret.expose().as_str());
        match decode_secret_key(&self.text, passphrase_text) {
            Ok(key) if key.is_encrypted() => Ok(None),
            Ok(key) => Ok(Some(Key::from_private(key))),
            Err(russh::keys::Error::KeyIsEncrypted) => Ok(None),
            Err(_) if self.is_encrypted() => Ok(None),
            Err(error) => Err(Error::Garbage { path: self.path.clone(), detail: error.to_string() }),
        }
    }

    /// russh opens PEM's own encryption (RFC 1421's DEK-Info) only as OpenSSH writes it, and only for RSA.
    fn unsupported_cipher(&self) -> Option<&str> {
        let info = self.text.lines().find_map(|line| line.strip_prefix("DEK-Info:"))?.trim();
        let cipher = info.split(',').next().unwrap_or(info);
        (cipher != "AES-128-CBC" || !self.text.contains("BEGIN RSA ")).then_some(cipher)
    }

    /// By its text: PKCS#8 and PKCS#1 say so in clear, OpenSSH's format in its cipher's name.
    fn is_encrypted(&self) -> bool {
        let openssh = russh::keys::PrivateKey::from_openssh(self.text.as_bytes());
        self.text.contains("ENCRYPTED") || openssh.is_ok_and(|key| key.is_encrypted())
    }
}

fn read_text(file: &File, path: &Path) -> Result<Zeroizing<String>, Error> {
    // Room for all of it, so that it does not grow and leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(MOST as usize + 1));
    match file.take(MOST).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(Error::Garbage { path: path.to_owned(), detail: "it is not text".to_owned() })
        }
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}

fn looks_public(text: &str) -> bool {
    let first = text.trim_start();
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "---- BEGIN SSH2 PUBLIC", "-----BEGIN PUBLIC KEY"]
        .iter()
        .any(|start| first.starts_with(start))
}

#[cfg(unix)]
fn check(metadata: &fs::Metadata, path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;

    judge(path, metadata.mode(), metadata.uid(), rustix::process::geteuid().as_raw())
}

/// Windows has access lists instead of modes: `icacls FILE /inheritance:r /grant:r "%USERNAME%:(R)"`.
#[cfg(not(unix))]
fn check(_: &fs::Metadata, _: &Path) -> Result<(), Error> {
    Ok(())
}

/// Gives the file mode 0400, after a person said yes to it.
///
/// # Errors
/// As the file system says.
pub fn close_to_others(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o400))?;
    let _ = path;
    Ok(())
}
