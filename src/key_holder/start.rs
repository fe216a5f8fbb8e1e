//! The holder's socket: its path, and how a connection starts the holder that is to listen there.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sha2::{Digest, Sha256};

use super::name::KeyName;
use crate::agent::socket::{MAX_SOCKET_PATH_LEN, private_folder};
use crate::store;

/// The beginning of the names of holders' sockets.
const SOCKET_PREFIX: &str = "key-";

/// Returns the path of the holder's socket. It is a hash, because a name may be longer than a socket path.
fn socket(name: &KeyName, folder: &Path) -> PathBuf {
    // Another version may speak another protocol.
    let all = serde_json::json!([env!("CARGO_PKG_VERSION"), name]).to_string();
    let digest = Sha256::digest(all.as_bytes());
    let name = digest[..12].iter().fold(SOCKET_PREFIX.to_owned(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    });
    folder.join(name)
}

/// Connects to the holder of this key, and starts it if there is none. Blocks: not for more than a few milliseconds, unless another
/// process is stuck.
///
/// # Errors
/// There is no private folder for the socket, or the holder cannot be started.
pub(super) fn connect_or_start(name: &KeyName) -> io::Result<UnixStream> {
    let folder = store::runtime_folder().ok_or(io::ErrorKind::NotFound)?;
    private_folder(&folder)?;
    let path = socket(name, &folder);
    if path.as_os_str().len() > MAX_SOCKET_PATH_LEN {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path of the runtime folder is too long for a socket",
        ));
    }
    if let Some(stream) = connect(&path)? {
        return Ok(stream);
    }
    store::under_lock(&folder.join("keys"), || {
        if let Some(stream) = connect(&path)? {
            return Ok(stream);
        }
        sweep(&folder);
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        let started = start(name, &path, listener.into());
        if started.is_err() {
            let _ = fs::remove_file(&path);
        }
        started?;
        UnixStream::connect(&path)
    })
}

/// Connects to the holder of this key; `None` if there is none.
///
/// # Errors
/// There is no private folder for the socket, or the socket cannot be used.
pub(super) fn connect_to_running(name: &KeyName) -> io::Result<Option<UnixStream>> {
    let folder = store::runtime_folder().ok_or(io::ErrorKind::NotFound)?;
    if !folder.exists() {
        return Ok(None);
    }
    private_folder(&folder)?;
    connect(&socket(name, &folder))
}

/// Connects to a socket; `None` if nobody listens there.
fn connect(path: &Path) -> io::Result<Option<UnixStream>> {
    match UnixStream::connect(path) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the sockets of holders that were killed.
fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_holders = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.starts_with(SOCKET_PREFIX));
    for path in entries.filter(|entry| is_holders(&entry.file_name())).map(|entry| entry.path()) {
        if connect(&path).is_ok_and(|stream| stream.is_none()) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Starts the holder with the listening socket as its standard input. It gets neither the environment, which has credentials, nor the
/// current folder, nor anything else that it would keep alive.
fn start(name: &KeyName, path: &Path, listener: OwnedFd) -> io::Result<()> {
    let kind = clap::ValueEnum::to_possible_value(&name.kind).expect("no kind is hidden");
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    // A program that goes by the name that it is called by stays that program.
    command.arg0(std::env::args_os().next().unwrap_or_else(|| "ec2ssh".into()));
    command.arg("hold-key").args(["--user", &name.user, "--kind", kind.get_name(), "--socket"]).arg(path);
    command.env_clear().current_dir("/").stdin(Stdio::from(listener)).stdout(Stdio::null()).stderr(Stdio::null());
    // tokio takes note of its end, whenever that is, so that no zombie remains of it.
    drop(command.spawn()?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_holder::name::KeyKind;

    #[test]
    fn keys_of_different_names_have_different_sockets() {
        let name = KeyName {
            instance: "111122223333/eu-west-1/i-0abc".to_owned(),
            profile: None,
            user: "ubuntu".to_owned(),
            kind: KeyKind::Ed25519,
            public_key: None,
        };
        let others = [
            KeyName { instance: "111122223333/eu-west-2/i-0abc".to_owned(), ..name.clone() },
            KeyName { profile: Some("prod".to_owned()), ..name.clone() },
            KeyName { user: "root".to_owned(), ..name.clone() },
            KeyName { kind: KeyKind::Rsa, ..name.clone() },
            KeyName { public_key: Some("ssh-ed25519 AAAA".to_owned()), ..name.clone() },
        ];
        let path = |name: &KeyName| socket(name, Path::new("/run"));
        assert!(others.iter().all(|other| path(other) != path(&name)));
        assert_eq!(path(&name.clone()), path(&name));
    }
}
