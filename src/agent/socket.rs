//! The path where ssh looks for its agent, and the sockets behind it.
//!
//! Connections to the same host at the same time share the path, and start and end in any order. So each agent has a
//! socket of its own beside it (`.NAME.PID`), and the path is a symbolic link to the youngest of them; whoever ends hands
//! it on to one that lives. All changes are made under one lock in the folder.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::owner::is_running;
use crate::store;

/// The longest path of a socket that every system takes (`sun_path`: 104 bytes on macOS, 108 on Linux).
pub const LONGEST_PATH: usize = 103;

/// A socket that the path leads to, as long as this lives.
#[derive(Debug)]
pub struct Published {
    path: PathBuf,
    own: PathBuf,
}

/// Makes a socket and has the path lead to it. What dead processes left is swept on the way.
///
/// # Errors
/// When the path is too long, its folder is not the user's alone, or as the file system says.
pub fn publish(path: &Path) -> io::Result<(Published, UnixListener)> {
    let (folder, name) = split(path)?;
    let own = folder.join(format!(".{name}.{}", std::process::id()));
    if own.as_os_str().len() > LONGEST_PATH {
        let text = format!(
            "the agent's path is too long for a socket: {} ({} bytes at the most)",
            own.display(),
            LONGEST_PATH
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    private_folder(folder)?;
    let published = Published { path: path.to_owned(), own };
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
        let is_alive = leads_to.as_deref().and_then(process_of).is_some_and(is_running);
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

    /// The youngest other agent for this path that answers.
    fn youngest_other(&self) -> Option<PathBuf> {
        let beginning = [b".", self.path.file_name()?.as_bytes(), b"."].concat();
        let entries = fs::read_dir(self.folder()).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let is_its = |other: &PathBuf| {
            let name = other.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
            // What follows the name is a process's number: another host's name may begin with ours.
            let is_its =
                name.strip_prefix(beginning.as_slice()).is_some_and(|rest| rest.iter().all(u8::is_ascii_digit));
            is_its && *other != self.own
        };
        let mut others: Vec<PathBuf> = entries.filter(|other| is_its(other)).collect();
        others.sort_by_key(|other| {
            std::cmp::Reverse(fs::symlink_metadata(other).and_then(|found| found.modified()).ok())
        });
        others.into_iter().find(|other| answers(other))
    }

    fn withdraw(&self) -> io::Result<()> {
        let folder = self.folder();
        locked(folder, || {
            if fs::read_link(&self.path).ok().as_ref() == Some(&self.own) {
                // The path leads to somebody at every moment: our own socket goes last.
                match self.youngest_other() {
                    Some(other) => self.lead_to(&other)?,
                    None => fs::remove_file(&self.path)?,
                }
            }
            fs::remove_file(&self.own)
        })
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        let _ = self.withdraw();
    }
}

fn split(path: &Path) -> io::Result<(&Path, String)> {
    let bad = || io::Error::new(io::ErrorKind::InvalidInput, format!("{} is no path for a socket", path.display()));
    let is_plain = path.is_absolute() && !path.components().any(|part| part == std::path::Component::ParentDir);
    let name = path.file_name().and_then(|name| name.to_str()).filter(|_| is_plain).ok_or_else(bad)?;
    Ok((path.parent().ok_or_else(bad)?, name.to_owned()))
}

/// Makes the folder, and makes sure that nobody else can have put something into it.
fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(folder)?;
    let is_ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o077 == 0;
    if is_ours {
        return Ok(());
    }
    let text = format!("{} is not a folder of yours alone (mode 0700)", folder.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

fn locked<T>(folder: &Path, change: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    store::under_lock(&folder.join("agents"), change)
}

/// The process whose socket this is, going by its name.
fn process_of(socket: &Path) -> Option<i32> {
    socket.file_name()?.to_str()?.rsplit_once('.')?.1.parse().ok()
}

/// Takes away the sockets of dead processes and the links to them.
fn sweep(folder: &Path) -> io::Result<()> {
    let is_there = |path: &Path| fs::symlink_metadata(path).ok().map(|found| found.file_type());
    let entries: Vec<PathBuf> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    for path in entries.iter().filter(|path| is_there(path).is_some_and(|kind| kind.is_socket()) && !answers(path)) {
        fs::remove_file(path)?;
    }
    for path in entries.iter().filter(|path| is_there(path).is_some_and(|kind| kind.is_symlink()) && !path.exists()) {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Whether somebody listens there. He sees a client that leaves at once.
fn answers(socket: &Path) -> bool {
    match UnixStream::connect(socket) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound),
    }
}
