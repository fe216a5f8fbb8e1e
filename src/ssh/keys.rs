//! Keys: the ephemeral key pair of a connection, and the public keys that `proxy` pushes.
//!
//! The types are those of `russh::keys` (not of the russh-keys crate, whose last release is an old beta of it).

use std::fmt;
use std::path::{Path, PathBuf};

use russh::keys::signature::Signer;
use russh::keys::ssh_key::Signature;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};
use zeroize::Zeroizing;

/// A private key in memory. The key is wiped when dropped; `Debug` shows its fingerprint only.
pub struct Key(PrivateKey);

impl Key {
    /// Generates an ed25519 key pair that is never written anywhere.
    ///
    /// # Panics
    /// If the system provides no randomness.
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

    /// Returns the public key as `algo base64`, without a comment.
    pub fn public_line(&self) -> String {
        public_line(self.0.public_key())
    }

    /// Returns the public key in SSH's encoding (RFC 4253, section 6.6).
    pub fn public_blob(&self) -> Vec<u8> {
        self.0.public_key().to_bytes().unwrap_or_default()
    }

    /// Signs the data; returns the signature in SSH's encoding (RFC 4253, section 6.6), as an agent does, or `None` if
    /// the key cannot sign.
    pub fn sign(&self, data: &[u8]) -> Option<Vec<u8>> {
        let signature: Signature = self.0.try_sign(data).ok()?;
        Vec::try_from(signature).ok()
    }

    /// Returns the algorithm's name in the SSH protocol.
    pub fn algorithm(&self) -> String {
        self.0.algorithm().to_string()
    }

    /// Returns the fingerprint of the public key: `SHA256:…`.
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

/// A public key to push, with the file it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicHalf {
    /// The key as `algo base64`, without a comment.
    pub line: String,
    /// The path of the file it was read from.
    pub path: PathBuf,
}

/// The reason why a public key cannot be pushed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The named file cannot be read.
    #[error("cannot read the public key {}", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The file holds no public key.
    #[error("{} does not contain a public key", .0.display())]
    NotPublic(PathBuf),
    /// EC2 Instance Connect accepts only RSA and ed25519 keys.
    #[error("{} is an {algorithm} key, but EC2 Instance Connect accepts only RSA and ed25519 keys", path.display())]
    Unusable {
        /// The path of the file.
        path: PathBuf,
        /// The algorithm of the key.
        algorithm: String,
    },
    /// None of the default public keys is usable.
    #[error("no public key to push: neither {} is usable", .0.join(" nor "))]
    NoDefault(Vec<String>),
}

/// Returns the public key for the file named by `-i`: the file itself if its name ends in `.pub`, else the file beside
/// it with `.pub` appended, else the public part of the private key.
///
/// # Errors
/// If there is no public key, or it cannot be pushed.
pub fn named_public_half(identity: &Path) -> Result<PublicHalf, Error> {
    if identity.extension().is_some_and(|extension| extension == "pub") {
        return read_public(identity);
    }
    let mut beside = identity.as_os_str().to_owned();
    beside.push(".pub");
    match read_public(Path::new(&beside)) {
        // AWS provides only the private key file; the public key is contained in it.
        Err(Error::Read { .. }) => derive_public(identity),
        other => other,
    }
}

/// Returns the first usable one of `id_ed25519.pub` and `id_rsa.pub` in the folder.
///
/// # Errors
/// If neither is usable.
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
