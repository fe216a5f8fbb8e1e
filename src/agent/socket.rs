//! The path where ssh looks for its agent, and the sockets that it may lead to.
//!
//! Concurrent connections to the same host share the path, and start and end in any order. So each agent has its own
//! socket beside the path (`.HASH.OWNER.PID`: a hash of the path's file name, the PID of its ssh, its own PID), and the
//! path is a symbolic link to the youngest of them. An agent that ends points the link to one that is still alive. All
//! changes are made under one lock in the folder.
//!
//! Beside each socket is the public key (`.pub`), with a link as well: an ssh with `IdentitiesOnly yes` takes from its agent only
//! keys that an IdentityFile names.

use std::cmp::Reverse;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::parent::{SshProcess, is_running};
use crate::store;

/// The longest socket path that every system accepts (`sun_path`: 104 bytes on macOS, 108 on Linux).
pub(crate) const MAX_SOCKET_PATH_LEN: usize = 103;

/// The socket of a published agent. It is withdrawn when this value is dropped.
#[derive(Debug)]
pub(crate) struct Published {
    path: PathBuf,
    own: PathBuf,
    withdrawn: AtomicBool,
}

/// Creates a socket for this owner, with its public key beside it, and points the path to it. Sockets of dead processes are removed on the way.
///
/// # Errors
/// Fails if the path is too long or its folder is not private to the user, and with I/O errors.
pub(crate) fn publish(path: &Path, owner: SshProcess, public_key: &str) -> io::Result<(Published, UnixListener)> {
    let folder = folder(path)?;
    let own = folder.join(format!("{}{}.{}", socket_prefix(path), owner.pid(), std::process::id()));
    if own.as_os_str().len().max(path.as_os_str().len()) > MAX_SOCKET_PATH_LEN {
        let text = format!(
            "the agent path is too long for a socket: {} (at most {} bytes)",
            own.display(),
            MAX_SOCKET_PATH_LEN
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    private_folder(folder)?;
    let published = Published { path: path.to_owned(), own, withdrawn: AtomicBool::new(false) };
    let listener = locked(folder, || {
        sweep(folder)?;
        let _ = fs::remove_file(&published.own);
        let listener = UnixListener::bind(&published.own)?;
        fs::set_permissions(&published.own, fs::Permissions::from_mode(0o600))?;
        fs::write(public_key_of(&published.own), format!("{public_key}\n"))?;
        published.point_link_to(&published.own)?;
        Ok(listener)
    })?;
    Ok((published, listener))
}

impl Published {
    /// Points the path to this socket again if the agent that it led to was killed and could not hand it on.
    pub(crate) fn reclaim_link(&self) {
        let leads_to = fs::read_link(&self.path).ok();
        let is_alive = leads_to.as_deref().is_some_and(is_live);
        if leads_to.as_ref() == Some(&self.own) || is_alive {
            return;
        }
        let _ = locked(self.folder(), || self.point_link_to(&self.own));
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Points the path to this socket, atomically.
    fn point_link_to(&self, socket: &Path) -> io::Result<()> {
        self.link(&public_key_of(socket), &public_key_of(&self.path))?;
        self.link(socket, &self.path)
    }

    fn link(&self, to: &Path, path: &Path) -> io::Result<()> {
        let mut fresh = self.own.clone().into_os_string();
        fresh.push(".new");
        let _ = fs::remove_file(&fresh);
        symlink(to, &fresh)?;
        fs::rename(&fresh, path)
    }

    /// Returns the sockets of the other agents for this path, the youngest first, live or not.
    fn others(&self) -> Vec<PathBuf> {
        let mut others = agents(&self.path);
        others.retain(|other| *other != self.own);
        others.sort_by_key(|other| Reverse(fs::symlink_metadata(other).and_then(|found| found.modified()).ok()));
        others
    }

    /// Returns the socket of another agent for this path that serves this ssh.
    pub(crate) fn agent_of(&self, owner: i32) -> Option<PathBuf> {
        let is_its = |other: &PathBuf| socket_pids(other).is_some_and(|(whose, _)| whose == owner && owner != 0);
        self.others().into_iter().find(|other| is_its(other) && is_listening(other))
    }

    /// Hands the path on to a live agent and removes this socket.
    pub(crate) fn withdraw(&self) {
        if self.withdrawn.swap(true, Ordering::Relaxed) {
            return;
        }
        let _ = locked(self.folder(), || {
            if fs::read_link(&self.path).ok().as_ref() == Some(&self.own) {
                // The path must lead to a listening socket at every moment, so this agent's own socket is removed last.
                match self.others().into_iter().find(|other| is_listening(other)) {
                    Some(other) => self.point_link_to(&other)?,
                    None => {
                        let _ = fs::remove_file(public_key_of(&self.path));
                        fs::remove_file(&self.path)?;
                    }
                }
            }
            let _ = fs::remove_file(public_key_of(&self.own));
            fs::remove_file(&self.own)
        });
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// Returns the folder of a path that is absolute and has no `..`.
fn folder(path: &Path) -> io::Result<&Path> {
    let is_plain = path.is_absolute() && !path.components().any(|part| part == std::path::Component::ParentDir);
    let folder = path.parent().filter(|_| is_plain && path.file_name().is_some());
    folder.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is not a valid socket path: it must be absolute and without '..'", path.display()),
        )
    })
}

/// Returns the prefix of the names of the sockets for this path. It is a hash, because a host name may be longer than a
/// socket path.
fn socket_prefix(path: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    path.file_name().hash(&mut hasher);
    format!(".{:016x}.", hasher.finish())
}

/// Returns the path of the public key beside a socket or a link to one.
fn public_key_of(socket: &Path) -> PathBuf {
    let mut path = socket.as_os_str().to_owned();
    path.push(".pub");
    path.into()
}

/// Returns the socket that a path belongs to: the path itself, or the one beside which it is.
fn socket_of(path: &Path) -> PathBuf {
    if path.extension().is_some_and(|extension| extension == "pub") { path.with_extension("") } else { path.to_owned() }
}

/// Creates the folder, and verifies that no other user can have put anything into it.
pub(crate) fn private_folder(folder: &Path) -> io::Result<()> {
    let me = rustix::process::geteuid().as_raw();
    let create = |folder: &Path| {
        let mut builder = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder)
    };
    // The owner of the parent folder could replace this one (`su` keeps the other user's XDG_RUNTIME_DIR). Nothing is made in it then.
    let parent = folder.parent().unwrap_or(folder);
    create(parent)?;
    let above = fs::metadata(parent)?;
    let is_open = above.mode() & 0o022 != 0 && above.mode() & 0o1000 == 0;
    if !is_open && (above.uid() == me || above.uid() == 0) {
        create(folder)?;
        let found = fs::symlink_metadata(folder)?;
        if found.is_dir() && found.uid() == me && found.mode() & 0o077 == 0 {
            return Ok(());
        }
    }
    let text = format!(
        "{} must be a folder of your own with mode 0700, inside one that is owned by you or root and \
         that others may not write to (or that has the sticky bit)",
        folder.display()
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

/// Whether the other side of the connection is a process of the user, or root's: the folder is closed to all others.
pub(crate) fn is_own_peer(stream: &tokio::net::UnixStream) -> bool {
    let me = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == me || peer.uid() == 0)
}

fn locked<T>(folder: &Path, change: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    store::under_lock(&folder.join("agents"), change)
}

/// Returns the agents' sockets for this path, whether their processes are alive or not.
fn agents(path: &Path) -> Vec<PathBuf> {
    let Some(folder) = path.parent() else { return Vec::new() };
    let socket_prefix = socket_prefix(path);
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let is_its = |other: &PathBuf| {
        let name = other.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
        name.starts_with(socket_prefix.as_bytes()) && socket_pids(other).is_some()
    };
    entries.filter(is_its).collect()
}

/// Returns the socket of the agent that serves this ssh, for ssh's KnownHostsCommand.
pub(crate) fn agent_of(path: &Path, owner: SshProcess) -> Option<PathBuf> {
    let is_its = |other: &PathBuf| socket_pids(other).is_some_and(|(whose, _)| owner.is(whose)) && is_listening(other);
    agents(path).into_iter().find(is_its)
}

/// Parses the name of an agent's socket into the PID of its ssh and its own PID; `None` if the name has another form.
fn socket_pids(socket: &Path) -> Option<(i32, i32)> {
    let mut parts = socket.file_name()?.to_str()?.strip_prefix('.')?.split('.');
    let hash = parts.next()?;
    let (owner, process) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let is_ours = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) && parts.next().is_none();
    is_ours.then_some((owner, process))
}

/// Whether an agent's socket is live. Checks its PID first, which is cheaper than to connect. The PID of an agent in
/// another PID namespace is not visible, so it is also connected to.
fn is_live(socket: &Path) -> bool {
    socket_pids(socket).is_some_and(|(_, process)| is_running(process)) || is_listening(socket)
}

/// Removes the agents' sockets of dead processes and the links to them. Leaves everything else in the folder alone.
fn sweep(folder: &Path) -> io::Result<()> {
    let entries: Vec<PathBuf> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    for path in entries {
        let kind = fs::symlink_metadata(&path).map(|found| found.file_type());
        let is_dead = match kind {
            Ok(kind) if kind.is_socket() => socket_pids(&path).is_some() && !is_listening(&path),
            Ok(kind) if kind.is_symlink() => fs::read_link(&path).is_ok_and(|to| {
                let socket = socket_of(&to);
                socket_pids(&socket).is_some() && !is_listening(&socket)
            }),
            Ok(kind) if kind.is_file() => {
                let socket = socket_of(&path);
                socket != path && socket_pids(&socket).is_some() && !is_listening(&socket)
            }
            _ => false,
        };
        if is_dead {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Whether a process listens on the socket. The listener sees a client that disconnects at once; a full queue counts as
/// listening.
fn is_listening(socket_path: &Path) -> bool {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};

    let connected = socket(AddressFamily::UNIX, SocketType::STREAM, None).and_then(|client| {
        rustix::io::ioctl_fionbio(&client, true)?;
        connect(&client, &SocketAddrUnix::new(socket_path)?)
    });
    !matches!(connected, Err(rustix::io::Errno::CONNREFUSED | rustix::io::Errno::NOENT))
}
