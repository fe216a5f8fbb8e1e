//! Joins a session to the local terminal and the standard streams. The only module that uses both `ssh` and `terminal`.

use crate::program::{Exit, Outputs, Program};
use crate::ssh::Error;
use crate::ssh::client::Connection;
use crate::terminal::local::{LocalTerminal, TerminalUi, pty_request};
use crate::terminal::raw;
use crate::ui::Ui;

/// The requested properties of a session.
#[derive(Clone, Debug)]
pub(super) struct SessionRequest {
    /// The program to run remotely.
    pub program: Program,
    /// The number of times `-t` was given.
    pub tty: u8,
    /// Whether `-T` was given.
    pub no_tty: bool,
    /// Whether `-n` was given.
    pub no_stdin: bool,
}

impl SessionRequest {
    /// Whether to request a pty, by ssh's rules: for a shell if standard input is a terminal, for a command only with `-t`, and
    /// always with `-tt`.
    pub(super) fn wants_pty(&self) -> bool {
        match self.program {
            _ if self.no_tty => false,
            Program::Nothing => false,
            _ if self.tty > 1 => true,
            Program::Shell => raw::stdin_is_terminal() && !self.no_stdin,
            Program::Command(_) => self.tty > 0 && raw::stdin_is_terminal(),
        }
    }
}

impl TerminalUi for Ui {
    fn set_raw(&self, raw: bool) {
        Self::set_raw(self, raw);
    }

    fn notice(&self, text: &str) {
        Self::notice(self, text);
    }

    fn lines(&self, text: &str) {
        Self::lines(self, text);
    }
}

/// Runs the session and returns the exit status for this process.
///
/// # Errors
/// The connection ends before the remote program does.
pub(super) async fn run(ui: &Ui, connection: &Connection, request: &SessionRequest) -> Result<u8, Error> {
    if request.program == Program::Nothing {
        ui.step("connected; running no command (-N)");
        return Err(connection.closed().await);
    }
    let pty = request.wants_pty().then(pty_request);
    let session = connection.open_session(&request.program, pty.as_ref()).await?;
    let outputs = Outputs { stdout: tokio::io::stdout(), stderr: tokio::io::stderr(), close_stdout: raw::close_stdout };
    // The server has accepted the request, so the session takes over the terminal now.
    let local = LocalTerminal::begin(ui.clone(), pty.is_some(), !request.no_stdin);
    let running = connection.run(session, local.attach(), outputs);
    let ended = tokio::select! {
        exit = running => exit?,
        () = local.serve() => return Ok(disconnected(ui)),
    };
    drop(local);
    match &ended {
        Exit::Signal(name) => ui.notice(&format!("the remote program was terminated by SIG{name}")),
        Exit::Unknown => ui.notice("the session ended without an exit status"),
        Exit::Status(_) | Exit::OutputClosed => {}
    }
    Ok(ended.code())
}

/// Reports `~.` and returns 255, as ssh does.
fn disconnected(ui: &Ui) -> u8 {
    ui.notice("Disconnected (~.).");
    255
}
