//! The path where ssh looks for its agent, and the sockets behind it.
//!
//! Connections to the same host at the same time share the path, and start and end in any order. So each agent has a
//! socket of its own beside it (`.HASH.OWNER.PID`: of the name, the ssh that it is for, itself), and the path is a
//! symbolic link to the youngest of them; whoever ends hands it on to one that lives. All changes are made under one lock
//! in the folder.

use std::cmp::Reverse;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::owner::{Owner, is_running};
use crate::store;

/// The longest path of a socket that every system takes (`sun_path`: 104 bytes on macOS, 108 on Linux).
pub const LONGEST_PATH: usize = 103;

/// A socket that the path leads to, as long as this lives.
#[derive(Debug)]
pub struct Published {
    path: PathBuf,
    own: PathBuf,
    is_withdrawn: AtomicBool,
}

/// Makes a socket for this owner and has the path lead to it. What dead processes left is swept on the way.
///
/// # Errors
/// When the path is too long, its folder is not the user's alone, or as the file system says.
pub fn publish(path: &Path, owner: Owner) -> io::Result<(Published, UnixListener)> {
    let folder = folder(path)?;
    let own = folder.join(format!("{}{}.{}", beginning(path), owner.number(), std::process::id()));
    if own.as_os_str().len().max(path.as_os_str().len()) > LONGEST_PATH {
        let text = format!(
            "the agent's path is too long for a socket: {} ({} bytes at the most)",
            own.display(),
            LONGEST_PATH
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    private_folder(folder)?;
    let published = Published { path: path.to_owned(), own, is_withdrawn: AtomicBool::new(false) };
    let listener = locked(folder, || {
        sweep(folder)?;
        let _ = fs::remove_file(&published.own);
        let listener = UnixListener::bind(&published.own)?;
        fs::set_permissions(&published.own, fs::Permissions::from_mode(0o600))?;
        published.lead_to(&published.own)?;
        Ok(listener)
    })?;
    Ok((published, listener))
}

impl Published {
    /// Takes the path over again where whoever it led to was killed and could not hand it on.
    pub fn keep(&self) {
        let leads_to = fs::read_link(&self.path).ok();
        let is_alive = leads_to.as_deref().is_some_and(is_served);
        if leads_to.as_ref() == Some(&self.own) || is_alive {
            return;
        }
        let _ = locked(self.folder(), || self.lead_to(&self.own));
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Has the path lead to this socket, in one step.
    fn lead_to(&self, socket: &Path) -> io::Result<()> {
        let mut fresh = self.own.clone().into_os_string();
        fresh.push(".new");
        let _ = fs::remove_file(&fresh);
        symlink(socket, &fresh)?;
        fs::rename(&fresh, &self.path)
    }

    /// The other agents for this path, the youngest first, whether they live or not.
    fn others(&self) -> Vec<PathBuf> {
        let mut others = agents(&self.path);
        others.retain(|other| *other != self.own);
        others.sort_by_key(|other| Reverse(fs::symlink_metadata(other).and_then(|found| found.modified()).ok()));
        others
    }

    /// The other agent for this path that serves this ssh.
    pub fn agent_of(&self, owner: i32) -> Option<PathBuf> {
        let is_its = |other: &PathBuf| numbers(other).is_some_and(|(whose, _)| whose == owner && owner != 0);
        self.others().into_iter().find(|other| is_its(other) && answers(other))
    }

    /// Hands the path on, and takes the socket away.
    pub fn withdraw(&self) {
        if self.is_withdrawn.swap(true, Ordering::Relaxed) {
            return;
        }
        let _ = locked(self.folder(), || {
            if fs::read_link(&self.path).ok().as_ref() == Some(&self.own) {
                // The path leads to somebody at every moment: our own socket goes last.
                match self.others().into_iter().find(|other| answers(other)) {
                    Some(other) => self.lead_to(&other)?,
                    None => fs::remove_file(&self.path)?,
                }
            }
            fs::remove_file(&self.own)
        });
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// The folder of a path that leads nowhere else.
fn folder(path: &Path) -> io::Result<&Path> {
    let is_plain = path.is_absolute() && !path.components().any(|part| part == std::path::Component::ParentDir);
    let folder = path.parent().filter(|_| is_plain && path.file_name().is_some());
    folder.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{} is no path for a socket", path.display()))
    })
}

/// How the sockets behind this path begin. A host's name may be longer than a socket's.
fn beginning(path: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    path.file_name().hash(&mut hasher);
    format!(".{:016x}.", hasher.finish())
}

/// Makes the folder, and makes sure that nobody else can have put something into it.
fn private_folder(folder: &Path) -> io::Result<()> {
    let me = rustix::process::geteuid().as_raw();
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)?;
    let found = fs::symlink_metadata(folder)?;
    let is_ours = found.is_dir() && found.uid() == me && found.mode() & 0o077 == 0;
    // Whoever owns the folder above could put another in its place (`su` keeps the other's XDG_RUNTIME_DIR).
    let above = fs::metadata(folder.parent().unwrap_or(folder))?;
    if is_ours && (above.uid() == me || above.uid() == 0) {
        return Ok(());
    }
    let text = format!("{} is not a folder of yours alone (mode 0700)", folder.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

fn locked<T>(folder: &Path, change: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    store::under_lock(&folder.join("agents"), change)
}

/// The sockets behind this path, whether their processes live or not.
fn agents(path: &Path) -> Vec<PathBuf> {
    let Some(folder) = path.parent() else { return Vec::new() };
    let beginning = beginning(path);
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let is_its = |other: &PathBuf| {
        let name = other.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
        name.starts_with(beginning.as_bytes()) && numbers(other).is_some()
    };
    entries.filter(is_its).collect()
}

/// The agent behind this path that serves this ssh, for ssh's KnownHostsCommand.
pub fn agent_of(path: &Path, owner: Owner) -> Option<PathBuf> {
    let is_its = |other: &PathBuf| numbers(other).is_some_and(|(whose, _)| owner.is(whose)) && answers(other);
    agents(path).into_iter().find(is_its)
}

/// The ssh and the process of an agent's socket, going by its name; `None` for what has not our form.
fn numbers(socket: &Path) -> Option<(i32, i32)> {
    let mut parts = socket.file_name()?.to_str()?.strip_prefix('.')?.split('.');
    let hash = parts.next()?;
    let (owner, process) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let is_ours = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) && parts.next().is_none();
    is_ours.then_some((owner, process))
}

/// Whether an agent's socket is served, at little cost where its process lives. One of another pid namespace has no number
/// here, and may live.
fn is_served(socket: &Path) -> bool {
    numbers(socket).is_some_and(|(_, process)| is_running(process)) || answers(socket)
}

/// Takes away the agents' sockets of dead processes and the links to them. Nothing else in the folder is touched.
fn sweep(folder: &Path) -> io::Result<()> {
    let entries: Vec<PathBuf> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    for path in entries {
        let kind = fs::symlink_metadata(&path).map(|found| found.file_type());
        let is_dead = match kind {
            Ok(kind) if kind.is_socket() => numbers(&path).is_some() && !answers(&path),
            Ok(kind) if kind.is_symlink() => {
                fs::read_link(&path).is_ok_and(|to| numbers(&to).is_some() && !answers(&to))
            }
            _ => false,
        };
        if is_dead {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Whether somebody listens there. He sees a client that leaves at once; one whose queue is full is there, too.
fn answers(socket_path: &Path) -> bool {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};

    let connected = socket(AddressFamily::UNIX, SocketType::STREAM, None).and_then(|client| {
        rustix::io::ioctl_fionbio(&client, true)?;
        connect(&client, &SocketAddrUnix::new(socket_path)?)
    });
    !matches!(connected, Err(rustix::io::Errno::CONNREFUSED | rustix::io::Errno::NOENT))
}
