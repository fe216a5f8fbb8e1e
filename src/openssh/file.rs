//! An ssh_config file with the ec2ssh block in it. The block goes to the top, because ssh uses the first value that it
//! finds. The other lines are not touched; without the block the file is again what it was, byte for byte.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::store;

const BEGIN: &str = "# >>> ec2ssh >>> written by `ec2ssh config install`; `ec2ssh config remove` takes it out";
/// The note after [`BEGIN`] if the file was created for the block.
const CREATED_MARK: &str = " with the file";
const END: &str = "# <<< ec2ssh <<<";

/// A change of the file, applied or only planned (dry run).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Path of the changed file.
    pub path: PathBuf,
    /// The block before the change, if any.
    pub old: Option<String>,
    /// The block after the change, if any.
    pub new: Option<String>,
}

impl Change {
    /// Whether the block stays the same.
    pub(crate) fn is_none(&self) -> bool {
        self.old == self.new
    }
}

/// An error in changing the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file cannot be read or written.
    #[error("cannot read or write {}", path.display())]
    Io {
        /// Path that cannot be accessed.
        path: PathBuf,
        /// Cause reported by the system.
        source: io::Error,
    },
    /// The begin and end markers do not form a pair.
    #[error("{} has unpaired begin and end markers of the ec2ssh block", .0.display())]
    Damaged(PathBuf),
}

/// Inserts or replaces the block; `None` removes it. Only one ec2ssh process at a time changes the file.
///
/// # Errors
/// Fails if the file cannot be read or written, or its markers do not form a pair.
pub(crate) fn change(path: &Path, block: Option<&str>, dry_run: bool) -> Result<Change, Error> {
    let mut result = None;
    let Some(folder) = store::data_folder() else { return change_unlocked(path, block, dry_run) };
    // The lock file is in the data folder, because ~/.ssh does not belong to ec2ssh.
    let locked = store::under_lock(&folder.join("ssh_config"), || {
        result = Some(change_unlocked(path, block, dry_run));
        Ok(())
    });
    match (locked, result) {
        (Ok(()), Some(result)) => result,
        (Err(source), _) => Err(Error::Io { path: folder, source }),
        (Ok(()), None) => change_unlocked(path, block, dry_run),
    }
}

/// Changes the file like [`change`], but without the lock.
///
/// # Errors
/// Fails like [`change`].
pub(crate) fn change_unlocked(path: &Path, block: Option<&str>, dry_run: bool) -> Result<Change, Error> {
    let failed = |source| Error::Io { path: path.to_owned(), source };
    let target = target(path).map_err(failed)?;
    let found = read(&target).map_err(failed)?;
    let (content, metadata) = found.unzip();
    let parts = split(content.as_deref().unwrap_or_default()).ok_or_else(|| Error::Damaged(path.to_owned()))?;
    let created = parts.block.as_ref().map_or(content.is_none(), |old| old.created);
    let old = parts.block.as_ref().map(|old| old.text.clone());
    let change = Change { path: path.to_owned(), old, new: block.map(str::to_owned) };
    if !dry_run && !change.is_none() {
        match join(&parts, block, created) {
            Some(new) => write(&target, &new, metadata.as_ref()),
            None => fs::remove_file(&target),
        }
        .map_err(failed)?;
    }
    Ok(change)
}

/// Returns the content and the metadata, both of the same file even if it is replaced meanwhile; `None` if it does not
/// exist.
fn read(path: &Path) -> io::Result<Option<(Vec<u8>, Metadata)>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let metadata = file.metadata()?;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(Some((content, metadata)))
}

/// Resolves symbolic links, so that they stay and the file itself is replaced.
fn target(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(path.to_owned()),
        other => other,
    }
}

struct Parts<'a> {
    before: &'a [u8],
    block: Option<Found>,
    after: &'a [u8],
}

struct Found {
    text: String,
    created: bool,
}

/// Splits the content around the block; `None` if the markers are not a pair.
fn split(content: &[u8]) -> Option<Parts<'_>> {
    let mut lines = content.split_inclusive(|byte| *byte == b'\n').scan(0, |start, line| {
        let at = *start;
        *start += line.len();
        Some((at, line))
    });
    let begin = lines.by_ref().find(|(_, line)| line.starts_with(BEGIN.as_bytes()) || line.starts_with(END.as_bytes()));
    let Some((begin, first)) = begin else { return Some(Parts { before: &[], block: None, after: content }) };
    if first.starts_with(END.as_bytes()) {
        return None;
    }
    let mut lines =
        lines.skip_while(|(_, line)| !line.starts_with(END.as_bytes()) && !line.starts_with(BEGIN.as_bytes()));
    let (end, last) = lines.next().filter(|(_, line)| line.starts_with(END.as_bytes()))?;
    let inside = &content[begin + first.len()..end];
    let created = first.trim_ascii_end().ends_with(CREATED_MARK.as_bytes());
    let found = Found { text: String::from_utf8_lossy(inside).into_owned(), created };
    Some(Parts { before: &content[..begin], block: Some(found), after: &content[end + last.len()..] })
}

/// Returns the new content; `None` if the file was created for the block and has no other content.
fn join(parts: &Parts<'_>, block: Option<&str>, created: bool) -> Option<Vec<u8>> {
    let block = match block {
        Some(block) => with_markers(block, created),
        None if created && parts.before.is_empty() && parts.after.is_empty() => return None,
        None => String::new(),
    };
    Some([parts.before, block.as_bytes(), parts.after].concat())
}

/// Returns the block between its markers.
pub(crate) fn with_markers(block: &str, created: bool) -> String {
    format!("{BEGIN}{}\n{block}{END}\n", if created { CREATED_MARK } else { "" })
}

/// Replaces the file atomically and keeps its mode and owner.
fn write(path: &Path, content: &[u8], old: Option<&Metadata>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    if !folder.exists() {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let fresh = folder.join(format!(".config.ec2ssh.{}", std::process::id()));
    let written = fill(&fresh, content, old).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written
}

fn fill(fresh: &Path, content: &[u8], old: Option<&Metadata>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(fresh)?;
    file.write_all(content)?;
    if let Some(old) = old {
        keep_owner(&file, old);
        file.set_permissions(old.permissions())?;
    }
    file.sync_all()
}

/// Keeps the owner of a file that root changes for another user. If that fails, the file belongs to the writer.
#[cfg(unix)]
fn keep_owner(file: &File, old: &Metadata) {
    use std::os::unix::fs::MetadataExt;
    let _ = std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Metadata) {}

#[cfg(test)]
mod tests;
