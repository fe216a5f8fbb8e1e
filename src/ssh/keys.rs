//! Keys: the ephemeral pair of a connection, and the public halves that `proxy` pushes.
//!
//! The types are those of `russh::keys` (not of the russh-keys crate, whose last release is an old beta of it).

use std::fmt;
use std::path::{Path, PathBuf};

use russh::keys::signature::Signer;
use russh::keys::ssh_key::Signature;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};
use zeroize::Zeroizing;

/// A private key in memory. Wiped when dropped; `Debug` shows its fingerprint only.
pub struct Key(PrivateKey);

impl Key {
    /// A fresh ed25519 pair that is never written anywhere.
    ///
    /// # Panics
    /// When the system has no randomness.
    pub fn ephemeral() -> Self {
        let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519);
        Self(key.expect("ed25519 is always compiled in"))
    }

    pub(super) fn from_private(key: PrivateKey) -> Self {
        Self(key)
    }

    pub(super) fn private(&self) -> &PrivateKey {
        &self.0
    }

    /// The public half as `algo base64`, without a comment.
    pub fn public_line(&self) -> String {
        public_line(self.0.public_key())
    }

    /// The public half in SSH's encoding (RFC 4253, section 6.6).
    pub fn public_blob(&self) -> Vec<u8> {
        self.0.public_key().to_bytes().unwrap_or_default()
    }

    /// A signature in SSH's encoding (RFC 4253, section 6.6), as an agent gives it; `None` where the key cannot sign.
    pub fn sign(&self, data: &[u8]) -> Option<Vec<u8>> {
        let signature: Signature = self.0.try_sign(data).ok()?;
        Vec::try_from(signature).ok()
    }

    /// The algorithm's name in the SSH protocol.
    pub fn algorithm(&self) -> String {
        self.0.algorithm().to_string()
    }

    /// `SHA256:…` of the public half.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.fingerprint())
    }
}

fn public_line(key: &PublicKey) -> String {
    let mut bare = key.clone();
    bare.set_comment("");
    bare.to_openssh().map(|line| line.trim_end().to_owned()).unwrap_or_default()
}

/// A public key to push, and the file it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicHalf {
    /// `algo base64`.
    pub line: String,
    /// Where it was read.
    pub path: PathBuf,
}

/// Why a public key cannot be pushed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file that was named cannot be read.
    #[error("cannot read the public key {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file holds no public key.
    #[error("{} holds no public key", .0.display())]
    NotPublic(PathBuf),
    /// Instance Connect takes RSA and ed25519 only.
    #[error("{} is an {algorithm} key, and EC2 Instance Connect takes only RSA and ed25519 keys", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What it is.
        algorithm: String,
    },
    /// No default key.
    #[error("no public key to push: neither {} is there and usable", .0.join(" nor "))]
    NoDefault(Vec<String>),
}

/// The public half that `-i` names: the file itself if it is a public key, else the one beside it with `.pub`.
///
/// # Errors
/// When there is none or it cannot be pushed.
pub fn named_public_half(identity: &Path) -> Result<PublicHalf, Error> {
    if identity.extension().is_some_and(|extension| extension == "pub") {
        return read_public(identity);
    }
    let mut beside = identity.as_os_str().to_owned();
    beside.push(".pub");
    match read_public(Path::new(&beside)) {
        // AWS gives out the private half alone: the public one is in it.
        Err(Error::Read { .. }) => derive_public(identity),
        other => other,
    }
}

/// The first usable one of `id_ed25519.pub` and `id_rsa.pub` in the folder.
///
/// # Errors
/// When neither is.
pub fn default_public_half(folder: &Path) -> Result<PublicHalf, Error> {
    let paths = ["id_ed25519.pub", "id_rsa.pub"].map(|name| folder.join(name));
    let usable = paths.iter().find_map(|path| read_public(path).ok());
    usable.ok_or_else(|| Error::NoDefault(paths.map(|path| path.display().to_string()).to_vec()))
}

fn derive_public(path: &Path) -> Result<PublicHalf, Error> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|source| unreadable(path, source))?;
    match russh::keys::decode_secret_key(&text, None) {
        Ok(key) => usable(key.public_key(), path),
        Err(_) => read_public(path),
    }
}

fn read_public(path: &Path) -> Result<PublicHalf, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| unreadable(path, source))?;
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let key =
        first.and_then(|line| PublicKey::from_openssh(line).ok()).ok_or_else(|| Error::NotPublic(path.to_owned()))?;
    usable(&key, path)
}

fn usable(key: &PublicKey, path: &Path) -> Result<PublicHalf, Error> {
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Rsa { .. } => Ok(PublicHalf { line: public_line(key), path: path.to_owned() }),
        other => Err(Error::Unusable { path: path.to_owned(), algorithm: other.to_string() }),
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    match source.kind() {
        std::io::ErrorKind::InvalidData => Error::NotPublic(path.to_owned()),
        _ => Error::Read { path: path.to_owned(), source },
    }
}
