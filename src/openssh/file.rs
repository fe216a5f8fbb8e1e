//! A file of ssh_config with our block in it. The block goes to the top, for ssh takes the first value it finds; what was
//! there is not touched, and without the block it is what it was, byte for byte.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::store;

const BEGIN: &str = "# >>> ec2ssh >>> written by `ec2ssh config install`; `ec2ssh config remove` takes it out";
/// Behind [`BEGIN`], where the file was made for the block.
const MADE: &str = " with the file";
const END: &str = "# <<< ec2ssh <<<";

/// What would be, or was, done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub path: PathBuf,
    /// The block that was in it.
    pub old: Option<String>,
    /// The block that is in it now.
    pub new: Option<String>,
}

impl Change {
    /// Whether nothing changes.
    pub fn is_none(&self) -> bool {
        self.old == self.new
    }
}

/// Why the file is not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read or written.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Somebody changed the markers.
    #[error("{} has the beginning or the end of a block of ec2ssh, and not both", .0.display())]
    Damaged(PathBuf),
}

/// Puts the block in, or in the place of the one that is there; with `None` takes it out. One of us at a time.
///
/// # Errors
/// When the file cannot be used, or its markers were changed.
pub fn change(path: &Path, block: Option<&str>, dry_run: bool) -> Result<Change, Error> {
    let mut result = None;
    let Some(folder) = store::data_folder() else { return change_at(path, block, dry_run) };
    // The lock is not beside the file: ~/.ssh is not ours.
    let locked = store::under_lock(&folder.join("ssh_config"), || {
        result = Some(change_at(path, block, dry_run));
        Ok(())
    });
    match (locked, result) {
        (Ok(()), Some(result)) => result,
        (Err(source), _) => Err(Error::Io { path: folder, source }),
        (Ok(()), None) => change_at(path, block, dry_run),
    }
}

/// As [`change`], whoever else may be at it.
///
/// # Errors
/// As [`change`].
pub fn change_at(path: &Path, block: Option<&str>, dry_run: bool) -> Result<Change, Error> {
    let failed = |source| Error::Io { path: path.to_owned(), source };
    let target = target(path).map_err(failed)?;
    let found = read(&target).map_err(failed)?;
    let (content, metadata) = found.unzip();
    let parts = split(content.as_deref().unwrap_or_default()).ok_or_else(|| Error::Damaged(path.to_owned()))?;
    let made = parts.block.as_ref().map_or(content.is_none(), |old| old.made);
    let old = parts.block.as_ref().map(|old| old.text.clone());
    let change = Change { path: path.to_owned(), old, new: block.map(str::to_owned) };
    if !dry_run && !change.is_none() {
        match join(&parts, block, made) {
            Some(new) => write(&target, &new, metadata.as_ref()),
            None => fs::remove_file(&target),
        }
        .map_err(failed)?;
    }
    Ok(change)
}

/// Its content and mode, of one and the same file whatever is put in its place meanwhile; `None` where it is not there.
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

/// The file itself, behind symbolic links: they stay.
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
    made: bool,
}

/// The file around the block; `None` where the markers are not a pair.
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
    let made = first.trim_ascii_end().ends_with(MADE.as_bytes());
    let found = Found { text: String::from_utf8_lossy(inside).into_owned(), made };
    Some(Parts { before: &content[..begin], block: Some(found), after: &content[end + last.len()..] })
}

/// The new content; `None` where the file was made for the block and nothing else is in it.
fn join(parts: &Parts<'_>, block: Option<&str>, made: bool) -> Option<Vec<u8>> {
    let block = match block {
        Some(block) => marked(block, made),
        None if made && parts.before.is_empty() && parts.after.is_empty() => return None,
        None => String::new(),
    };
    Some([parts.before, block.as_bytes(), parts.after].concat())
}

/// The block between its markers.
pub fn marked(block: &str, made: bool) -> String {
    format!("{BEGIN}{}\n{block}{END}\n", if made { MADE } else { "" })
}

/// Writes the file anew, whole or not at all, with the mode and the owner that it has.
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

/// Root may be writing somebody else's file. Where the owner cannot be kept, it is the writer's own.
#[cfg(unix)]
fn keep_owner(file: &File, old: &Metadata) {
    use std::os::unix::fs::MetadataExt;
    let _ = std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Metadata) {}
