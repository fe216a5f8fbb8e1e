//! Tells whether standard input has data for a command.

use rustix::fs::{FileType, fstat};

use crate::connect::Node;
use crate::error::{CommandError, ErrorKind};
use crate::terminal::raw;

/// Whether standard input may have data that somebody expects to arrive: a pipe, a socket, or a file that has not been read to its end.
pub(super) fn has_input() -> bool {
    let stdin = rustix::stdio::stdin();
    let Ok(status) = fstat(stdin) else { return false };
    match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile => {
            let offset = rustix::fs::tell(stdin).unwrap_or_default();
            u64::try_from(status.st_size).is_ok_and(|size| offset < size)
        }
        FileType::Fifo | FileType::Socket => !raw::stdin_is_terminal(),
        _ => false,
    }
}

/// Refuses input that the session cannot carry: it would be lost.
pub(super) fn refuse_input(no_stdin: bool, node: &Node) -> Result<(), CommandError> {
    if no_stdin || !has_input() {
        return Ok(());
    }
    let error = CommandError::new(ErrorKind::Usage, format!("a command on {} has no standard input", node.id));
    let reason =
        if node.is_windows { "Session Manager runs it without one" } else { "its document runs it without one" };
    Err(error.cause(reason).hint("run it without standard input: -n, or < /dev/null"))
}
