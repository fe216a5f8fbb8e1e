//! Where `-vv` writes: standard error, made safe like all that goes there. The libraries' lines quote the far side.

use std::io::{self, Write};

use crate::text::neutralise;

/// One event of the libraries' tracing, which is written whole.
#[derive(Debug)]
pub struct SafeStderr;

impl Write for SafeStderr {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        // A session may have the terminal in raw mode; to a file the carriage return does no harm.
        let line = format!("{}\r\n", neutralise(text.trim_end_matches('\n')));
        io::stderr().lock().write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
