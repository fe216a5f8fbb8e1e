//! Small files in the user's data and cache folders: their paths, and atomic writes that are private to the user and
//! under a lock. Knows nothing about the contents.

pub(crate) mod background;
pub(crate) mod cache;
pub(crate) mod owner;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// The words before the path of a lock that is held for too long.
pub(crate) const LOCK_HELD: &str = "another ec2ssh process holds the lock ";
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Returns the data folder, `ec2ssh/` in the user's data folder, for what must not be lost.
pub(crate) fn data_folder() -> Option<PathBuf> {
    Some(dirs::data_dir()?.join("ec2ssh"))
}

/// Returns the cache folder, `ec2ssh/` in the user's cache folder, for what can be fetched again.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    Some(dirs::cache_dir()?.join("ec2ssh"))
}

/// Returns the runtime folder, for sockets: in the login session's runtime folder if the system has one, else in the
/// cache folder. The caller must verify that it is private to the user.
pub(crate) fn runtime_folder() -> Option<PathBuf> {
    match dirs::runtime_dir() {
        Some(folder) => Some(folder.join("ec2ssh")),
        None => Some(cache_folder()?.join("run")),
    }
}

/// Runs `change` while no other ec2ssh process does so for the same file. The lock is a separate file beside it, so
/// that the file itself can be replaced; the system releases it when the process dies.
///
/// # Errors
/// Fails if the folder or the lock cannot be created, if the lock times out, or with the error of `change`.
pub(crate) fn under_lock<T>(path: &Path, change: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    if let Some(folder) = path.parent() {
        create_private_folder(folder)?;
    }
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);
    let lock = not_a_link(private(OpenOptions::new().create(true).truncate(false).write(true))).open(&lock_path)?;
    wait_for(&lock, &lock_path)?;
    let result = change();
    drop(lock);
    result
}

/// Waits for the lock, with a timeout: it is normally held for milliseconds, unless its holder is stuck.
fn wait_for(lock: &File, path: &Path) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            // This file system has no locks. Each write is still consistent: one line in one write, or a whole file by
            // renaming.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if begun.elapsed() > LOCK_TIMEOUT => {
                let text = format!("timed out: {LOCK_HELD}{}", path.display());
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_POLL_INTERVAL),
        }
    }
}

/// Appends a line to the file; the caller must hold the lock ([`under_lock`]). An unfinished last line is terminated
/// first.
///
/// # Errors
/// Fails with the I/O error of the file.
pub(crate) fn append_line(path: &Path, line: &str) -> io::Result<()> {
    let old = match fs::read(path) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let is_open = old.as_ref().is_some_and(|old| !old.is_empty() && !old.ends_with(b"\n"));
    let join = if is_open { "\n" } else { "" };
    let mut file = private(OpenOptions::new().append(true).create(true)).open(path)?;
    // A single write lets a reader without the lock see the whole line or nothing of it.
    let written = file.write_all(format!("{join}{line}\n").as_bytes()).and_then(|()| file.sync_data());
    if written.is_err() && old.is_none() {
        // The disk is full: an empty file is of no use to anybody.
        let _ = fs::remove_file(path);
    }
    written
}

/// Replaces the content of the file atomically.
///
/// # Errors
/// Fails with the I/O error of the file.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        create_private_folder(folder)?;
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let mut file = create_new(&fresh)?;
    let replaced = file.write_all(content).and_then(|()| fs::rename(&fresh, path));
    if replaced.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    replaced
}

/// Creates a file that was not there. What a dead process with the same PID left is removed, be it a file or a link.
fn create_new(path: &Path) -> io::Result<File> {
    let open = || private(OpenOptions::new().create_new(true).write(true)).open(path);
    match open() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            open()
        }
        other => other,
    }
}

fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes new files readable by the user alone, on systems with file modes.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Refuses to open a symbolic link: what it leads to could be any file.
fn not_a_link(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    options
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn links_in_the_way_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("file"), folder.path().join("victim"));
        fs::write(&victim, "untouched").unwrap();
        symlink(&victim, folder.path().join(format!("file.{}", std::process::id()))).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        symlink(&victim, folder.path().join("file.lock")).unwrap();
        assert!(under_lock(&path, || Ok(())).is_err());
        assert_eq!(fs::read(&victim).unwrap(), b"untouched");
    }

    #[test]
    fn failed_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::create_dir_all(path.join("in it")).unwrap();
        assert!(replace(&path, b"new").is_err());
        assert_eq!(names(folder.path()), ["file"]);
    }
}
