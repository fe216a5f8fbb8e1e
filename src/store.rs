//! Small files of our own in the user's data and cache folders: where they are, and how they are written whole, private
//! to the user and under a lock. Knows nothing of what is in them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// The data folder (`ec2ssh/` in the user's): what must not be lost.
pub fn data_folder() -> Option<PathBuf> {
    Some(dirs::data_dir()?.join("ec2ssh"))
}

/// The cache folder (`ec2ssh/` in the user's): what can be asked for again.
pub fn cache_folder() -> Option<PathBuf> {
    Some(dirs::cache_dir()?.join("ec2ssh"))
}

/// The runtime folder, for sockets: the session's own where the system has one, else one in the cache folder. Whoever uses
/// it makes sure that it is the user's alone.
pub fn runtime_folder() -> Option<PathBuf> {
    match dirs::runtime_dir() {
        Some(folder) => Some(folder.join("ec2ssh")),
        None => Some(cache_folder()?.join("run")),
    }
}

/// Runs `change` while no other process of ours does so for the same file. The lock is a file beside it, so that the
/// file itself can be replaced; the system lets go of it when the process dies.
///
/// # Errors
/// When the folder or the lock cannot be made, or as `change` says.
pub fn under_lock<T>(path: &Path, change: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    if let Some(folder) = path.parent() {
        create_private_folder(folder)?;
    }
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock = private(OpenOptions::new().create(true).truncate(false).write(true)).open(lock_path)?;
    wait_for(&lock)?;
    let result = change();
    drop(lock);
    result
}

/// Waits for the lock, but not for ever: whoever holds it does so for milliseconds, or is stuck.
fn wait_for(lock: &File) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            // A file system without locks: what is written is a line in one write, or a whole file by renaming.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if begun.elapsed() > LOCK_PATIENCE => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "another ec2ssh holds its lock"));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Adds a line at the end; to be called [`under_lock`]. An unfinished last line is finished first.
///
/// # Errors
/// As the file system says.
pub fn append_line(path: &Path, line: &str) -> io::Result<()> {
    let old = match fs::read(path) {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let join = if old.is_empty() || old.ends_with(b"\n") { "" } else { "\n" };
    let mut file = private(OpenOptions::new().append(true).create(true)).open(path)?;
    // One write, so that a reader without the lock sees the whole line or none of it.
    file.write_all(format!("{join}{line}\n").as_bytes())?;
    file.sync_data()
}

/// Replaces the file by one with this content, whole or not at all.
///
/// # Errors
/// As the file system says.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        create_private_folder(folder)?;
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let mut file: File = private(OpenOptions::new().create(true).truncate(true).write(true)).open(&fresh)?;
    file.write_all(content)?;
    drop(file);
    fs::rename(&fresh, path)
}

fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Readable by the user alone, where the system has modes.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}
