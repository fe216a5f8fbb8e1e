//! Tells whether standard input has data for a command. A terminal has none here: what is typed there is for the next program.

use rustix::fs::{FileType, fstat, stat};

use crate::connect::Node;
use crate::error::{CommandError, ErrorKind};
use crate::terminal::raw;

/// Whether standard input may have data that somebody expects to arrive: anything but a terminal, /dev/null and a file that was read to its
/// end. Files of /proc have no size, and data.
pub(super) fn has_input() -> bool {
    let stdin = rustix::stdio::stdin();
    let Ok(status) = fstat(stdin) else { return false };
    match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile => {
            let offset = rustix::fs::tell(stdin).unwrap_or_default();
            u64::try_from(status.st_size).is_ok_and(|size| size == 0 || offset < size)
        }
        FileType::CharacterDevice => {
            let is_null = stat("/dev/null").is_ok_and(|null| null.st_rdev == status.st_rdev);
            !is_null && !raw::stdin_is_terminal()
        }
        FileType::Directory => false,
        _ => true,
    }
}

/// Refuses input that the session cannot carry: it would be lost.
pub(super) fn refuse_input(no_stdin: bool, node: &Node) -> Result<(), CommandError> {
    if no_stdin || !has_input() {
        return Ok(());
    }
    let error = CommandError::new(ErrorKind::Usage, format!("a command on {} has no standard input", node.id));
    let error = error.cause("Session Manager starts PowerShell without one");
    Err(error.hint("run it without standard input: -n, or < /dev/null"))
}
