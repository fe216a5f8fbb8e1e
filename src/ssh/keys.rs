//! Keys: the ephemeral key pair of a connection, and public keys in files.
//!
//! The types are those of `russh::keys` (not of the russh-keys crate, whose last release is an old beta of it).

use std::fmt;
use std::path::Path;
use std::pin::Pin;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use russh::keys::signature::Signer;
use russh::keys::ssh_key::Signature;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};
use zeroize::Zeroizing;

/// A private key in memory. The key is wiped when dropped; `Debug` shows its fingerprint only.
pub(crate) struct Key(PrivateKey);

impl Key {
    /// Generates an ed25519 key pair that is never written anywhere.
    ///
    /// # Panics
    /// If the system provides no randomness.
    pub(crate) fn ephemeral() -> Self {
        let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519);
        Self(key.expect("ed25519 is always compiled in"))
    }

    /// Generates an RSA key pair of 2,048 bits, for servers that take no ed25519.
    ///
    /// # Panics
    /// If the system provides no randomness.
    pub(crate) fn ephemeral_rsa() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("the system provides randomness");
        let der: Pkcs8V1Der<'_> = pair.as_der().expect("a fresh key can be encoded");
        let key = russh::keys::pkcs8::decode_pkcs8(der.as_ref(), None);
        Self(key.expect("the encoding is PKCS#8"))
    }

    pub(super) fn from_private(key: PrivateKey) -> Self {
        Self(key)
    }

    pub(super) fn private(&self) -> &PrivateKey {
        &self.0
    }

    /// Returns the public key as `algo base64`, without a comment.
    pub(crate) fn public_line(&self) -> String {
        public_line(self.0.public_key())
    }

    /// Returns the public key in SSH's encoding (RFC 4253, section 6.6).
    pub(crate) fn public_blob(&self) -> Vec<u8> {
        self.0.public_key().to_bytes().unwrap_or_default()
    }

    /// Signs the data with this algorithm (RFC 8332 for RSA); returns the signature in SSH's encoding (RFC 4253, section 6.6), as
    /// an agent does, or `None` if the key cannot sign so.
    pub(crate) fn sign(&self, data: &[u8], algorithm: &str) -> Option<Vec<u8>> {
        let signature: Signature = match (self.0.key_data(), algorithm) {
            (KeypairData::Rsa(pair), "rsa-sha2-512") => (pair, Some(HashAlg::Sha512)).try_sign(data).ok()?,
            (KeypairData::Rsa(pair), "rsa-sha2-256") => (pair, Some(HashAlg::Sha256)).try_sign(data).ok()?,
            (KeypairData::Rsa(_), _) => return None,
            _ => self.0.try_sign(data).ok()?,
        };
        Vec::try_from(signature).ok()
    }

    /// Returns the algorithm's name in the SSH protocol.
    pub(crate) fn algorithm(&self) -> String {
        self.0.algorithm().to_string()
    }

    /// Returns the fingerprint of the public key: `SHA256:…`.
    pub(crate) fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }
}

/// A key pair whose private half is elsewhere.
pub(crate) trait RemoteKey: Send + Sync {
    /// Returns the public key as `algorithm base64`.
    fn public_line(&self) -> &str;

    /// Signs a login request; returns the signature in SSH's encoding, or `None` if there is none.
    fn sign(&self, data: Vec<u8>) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>>;
}

/// The key that signs a login.
#[derive(Clone, Copy)]
pub(crate) enum LoginKey<'a> {
    /// A key pair in this process.
    Local(&'a Key),
    /// A key pair elsewhere.
    Remote(&'a dyn RemoteKey),
}

impl<'a> From<&'a Key> for LoginKey<'a> {
    fn from(key: &'a Key) -> Self {
        Self::Local(key)
    }
}

/// Returns a public key line (`algorithm base64`) in SSH's encoding; `None` if it is no public key.
pub(crate) fn public_blob(line: &str) -> Option<Vec<u8>> {
    PublicKey::from_openssh(line).ok()?.to_bytes().ok()
}

/// Returns the fingerprint of a public key line: `SHA256:…`.
pub(crate) fn fingerprint_of(line: &str) -> String {
    PublicKey::from_openssh(line).map(|key| key.fingerprint(HashAlg::Sha256).to_string()).unwrap_or_default()
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

/// The kind of a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// A key of algorithm ed25519.
    Ed25519,
    /// A key of algorithm RSA.
    Rsa,
    /// Another kind, by its algorithm's name.
    Other(String),
}

/// A public key that was read from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKeyFile {
    /// The key as `algorithm base64`, without a comment.
    pub line: String,
    /// The kind of the key.
    pub kind: KeyKind,
}

/// Why a public key cannot be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The file cannot be read.
    Io(std::io::Error),
    /// The file has no public key.
    NotPublic,
}

impl PublicKeyFile {
    /// Reads a `.pub` file: its first line that is not a comment.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn read(path: &Path) -> Result<Self, ReadError> {
        let text = std::fs::read_to_string(path).map_err(ReadError::of)?;
        let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        let key = first.and_then(|line| PublicKey::from_openssh(line).ok()).ok_or(ReadError::NotPublic)?;
        Ok(Self::of(&key))
    }

    /// Reads the public half of a private key file; `None` if it holds no key that can be read without a passphrase.
    ///
    /// # Errors
    /// [`ReadError::Io`], and [`ReadError::NotPublic`] for a file that is not text.
    pub(crate) fn of_private(path: &Path) -> Result<Option<Self>, ReadError> {
        let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(ReadError::of)?;
        Ok(russh::keys::decode_secret_key(&text, None).ok().map(|key| Self::of(key.public_key())))
    }

    fn of(key: &PublicKey) -> Self {
        let kind = match key.algorithm() {
            Algorithm::Ed25519 => KeyKind::Ed25519,
            Algorithm::Rsa { .. } => KeyKind::Rsa,
            other => KeyKind::Other(other.to_string()),
        };
        Self { line: public_line(key), kind }
    }
}

impl ReadError {
    fn of(source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::InvalidData => Self::NotPublic,
            _ => Self::Io(source),
        }
    }
}
