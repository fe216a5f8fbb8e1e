//! The public keys that `proxy` pushes: the one that `-i` names, else the caller's default.

use std::io;
use std::path::{Path, PathBuf};

use crate::ssh::keys::{KeyKind, PublicKeyFile, ReadError};

/// A public key to push, and the file it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKeyLine {
    /// The key as `algorithm base64`.
    pub line: String,
    /// The file that it was read from.
    pub path: PathBuf,
}

/// Why there is no public key to push.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file cannot be read.
    #[error("cannot read the public key {}", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file has no public key.
    #[error("{} contains no public key", .0.display())]
    NotPublic(PathBuf),
    /// EC2 Instance Connect accepts RSA and ed25519 keys only.
    #[error("{} is an {algorithm} key, and EC2 Instance Connect accepts only RSA and ed25519 keys", path.display())]
    Unsupported {
        /// The path of the file.
        path: PathBuf,
        /// The algorithm of the key.
        algorithm: String,
    },
    /// The caller has no default key.
    #[error("no public key to push: found no usable {}", .0.join(" or "))]
    NoDefault(Vec<String>),
}

/// Finds the public key that `-i` names, else the caller's default.
///
/// # Errors
/// The file cannot be read, or its key cannot be pushed.
pub(super) fn find(identity: Option<&PathBuf>) -> Result<PublicKeyLine, Error> {
    match identity {
        Some(path) => named(path),
        None => {
            let home = dirs::home_dir().ok_or(Error::Read {
                path: PathBuf::from("~/.ssh"),
                source: io::Error::from(io::ErrorKind::NotFound),
            })?;
            default(&home.join(".ssh"))
        }
    }
}

/// Returns the key of a `.pub` file, else of the one beside it with `.pub`, else the public half of the private key.
fn named(identity: &Path) -> Result<PublicKeyLine, Error> {
    if identity.extension().is_some_and(|extension| extension == "pub") {
        return read(identity);
    }
    let mut beside = identity.as_os_str().to_owned();
    beside.push(".pub");
    match read(Path::new(&beside)) {
        // AWS gives out the private half alone: the public one is in it.
        Err(Error::Read { .. }) => match PublicKeyFile::of_private(identity) {
            Ok(Some(key)) => pushable(key, identity),
            Ok(None) => read(identity),
            Err(error) => Err(read_error(error, identity)),
        },
        other => other,
    }
}

/// Returns the first usable one of `id_ed25519.pub` and `id_rsa.pub` in the folder.
fn default(folder: &Path) -> Result<PublicKeyLine, Error> {
    let paths = ["id_ed25519.pub", "id_rsa.pub"].map(|name| folder.join(name));
    let usable = paths.iter().find_map(|path| read(path).ok());
    usable.ok_or_else(|| Error::NoDefault(paths.map(|path| path.display().to_string()).to_vec()))
}

fn read(path: &Path) -> Result<PublicKeyLine, Error> {
    pushable(PublicKeyFile::read(path).map_err(|error| read_error(error, path))?, path)
}

fn pushable(key: PublicKeyFile, path: &Path) -> Result<PublicKeyLine, Error> {
    match key.kind {
        KeyKind::Ed25519 | KeyKind::Rsa => Ok(PublicKeyLine { line: key.line, path: path.to_owned() }),
        KeyKind::Other(algorithm) => Err(Error::Unsupported { path: path.to_owned(), algorithm }),
    }
}

fn read_error(error: ReadError, path: &Path) -> Error {
    match error {
        ReadError::NotPublic => Error::NotPublic(path.to_owned()),
        ReadError::Io(source) => Error::Read { path: path.to_owned(), source },
    }
}
