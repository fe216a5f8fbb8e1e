//! Tells whether standard input has data for a command.

use rustix::fs::{FileType, fstat};

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
