//! The output of `-vv`: standard error, made safe like all text there, because the libraries' lines quote the remote
//! side.

use std::io::{self, Write};

use super::progress;
use crate::text::sanitize;

/// A writer to standard error that takes one whole tracing event per write.
#[derive(Debug)]
pub(crate) struct SafeStderr;

impl Write for SafeStderr {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        // The terminal may be in raw mode during a session; in a file the carriage return does no harm.
        let line = format!("{}\r\n", sanitize(text.trim_end_matches('\n')));
        progress::line().above(|| io::stderr().lock().write_all(line.as_bytes()))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
