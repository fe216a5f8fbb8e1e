//! The types for running a remote program: what to run, its input and output, and how it exited. Pure; knows no protocol.

/// The program to run on the far side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// The user's login shell.
    Shell,
    /// A command line for the login shell.
    Command(String),
    /// A subsystem of the server, for example `sftp`.
    Subsystem(String),
    /// No program: the connection is held open.
    Nothing,
}

/// The purpose of a connection: it decides how much data may be in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A person types: data in flight when Ctrl-C is pressed still arrives, so there should be little of it.
    Terminal,
    /// Bulk data for a program: the path should be filled, however long it is.
    #[default]
    Bulk,
}

/// A pseudo-terminal to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PtyRequest {
    /// The value of the TERM variable.
    pub term: String,
    /// The size of the local window.
    pub size: WindowSize,
    /// Terminal modes, numbered as in RFC 4254, section 8.
    pub modes: Vec<(u8, u32)>,
}

/// The program to start on the far side, and its surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Launch {
    /// The program to run.
    pub program: Program,
    /// The pseudo-terminal that it gets.
    pub pty: Option<PtyRequest>,
    /// The environment variables that the server may accept (RFC 4254, section 6.4).
    pub environment: Vec<(String, String)>,
    /// Whether it may use the caller's agent.
    pub agent: bool,
}

/// A window's size in characters and in pixels (0 where the pixels are unknown).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub(crate) struct WindowSize {
    pub columns: u32,
    pub rows: u32,
    pub width: u32,
    pub height: u32,
}

/// Input from the local side.
#[derive(Debug)]
pub(crate) enum Input {
    /// Bytes for the program.
    Bytes(Vec<u8>),
    /// The end of the input.
    Eof,
    /// A new size of the local window.
    Resized(WindowSize),
}

/// The local ends of a program's output.
#[derive(Debug)]
pub(crate) struct Outputs<O, E> {
    /// Receives the program's standard output.
    pub stdout: O,
    /// Receives the program's standard error.
    pub stderr: E,
    /// Called when the program's output has ended, which may be long before the program exits.
    pub close_stdout: fn(),
}

/// The way a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The exit status of the program.
    Status(u32),
    /// A signal, named without `SIG`; untrusted text.
    Signal(String),
    /// The server closed the channel without a status.
    Unknown,
    /// The local reader of the output has gone.
    OutputClosed,
}

/// SIGPIPE: the signal that ends a local program whose reader has gone.
const SIGPIPE: u8 = 13;

impl Exit {
    /// The exit status for this process: the program's own, 128+n for a signal, 255 when the server sent none.
    pub(crate) fn code(&self) -> u8 {
        match self {
            // A failure stays one, also if its number has more bits than ours.
            Self::Status(status) if *status != 0 && status & 0xff == 0 => u8::MAX,
            Self::Status(status) => u8::try_from(status & 0xff).unwrap_or(u8::MAX),
            Self::Signal(name) => signal_number(name).map_or(255, |number| 128 + number),
            Self::Unknown => 255,
            Self::OutputClosed => 128 + SIGPIPE,
        }
    }
}

/// Returns the common number of a signal that RFC 4254, section 6.10, names.
fn signal_number(name: &str) -> Option<u8> {
    const NAMES: [&str; 15] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM",
    ];
    let index = NAMES.iter().position(|known| *known == name)?;
    u8::try_from(index + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_maps_to_exit_code() {
        let signal = |name: &str| Exit::Signal(name.to_owned());
        let table = [
            (Exit::Status(0), 0),
            (Exit::Status(7), 7),
            (Exit::Status(255), 255),
            (Exit::Status(256 + 7), 7),
            (Exit::Status(256), 255),
            (Exit::Status(0xc000_0000), 255),
            (signal("HUP"), 129),
            (signal("KILL"), 137),
            (signal("SEGV"), 139),
            (signal("PIPE"), 141),
            (signal("TERM"), 143),
            (signal("USR1@example"), 255),
            (Exit::Unknown, 255),
            (Exit::OutputClosed, 141),
        ];
        for (exit, code) in table {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }
}
