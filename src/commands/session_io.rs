//! Joins a session to the local terminal and the standard streams. The only module that uses both `ssh` and `terminal`.

use std::ffi::OsString;

use wildmatch::WildMatch;

use crate::program::{Exit, Launch, Outputs, Program};
use crate::settings::SessionSettings;
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
pub(super) async fn run(
    ui: &Ui,
    connection: &Connection,
    request: &SessionRequest,
    settings: &SessionSettings,
) -> Result<u8, Error> {
    if request.program == Program::Nothing {
        ui.step("connected; running no command (-N)");
        return Err(connection.closed().await);
    }
    let SessionSettings { send_env, term } = settings;
    let pty = request.wants_pty().then(|| pty_request(term.as_deref()));
    let has_pty = pty.is_some();
    let environment = environment(std::env::vars_os(), send_env);
    ui.doing("starting the session");
    let launch = Launch { program: request.program.clone(), pty, environment };
    let session = ui.watch(connection.open_session(&launch)).await?;
    let outputs = Outputs { stdout: tokio::io::stdout(), stderr: tokio::io::stderr(), close_stdout: raw::close_stdout };
    // The server has accepted the request, so the session takes over the terminal now.
    let local = LocalTerminal::begin(ui.clone(), has_pty, !request.no_stdin);
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

/// The variables that the distributions' ssh_config has ssh send, and COLORTERM, which says how many colors the terminal has.
const USUAL_VARIABLES: [&str; 3] = ["LANG", "LC_*", "COLORTERM"];

/// Returns the variables that are sent: the usual ones, and those that match these patterns.
fn environment(all: impl Iterator<Item = (OsString, OsString)>, patterns: &[String]) -> Vec<(String, String)> {
    let patterns = USUAL_VARIABLES.into_iter().chain(patterns.iter().map(String::as_str));
    let wanted: Vec<WildMatch> = patterns.map(WildMatch::new).collect();
    let mut sent: Vec<(String, String)> = all
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| wanted.iter().any(|pattern| pattern.matches(name)))
        .collect();
    sent.sort();
    sent
}

/// Reports `~.` and returns 255, as ssh does.
fn disconnected(ui: &Ui) -> u8 {
    ui.notice("Disconnected (~.).");
    255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_and_wanted_variables_are_sent() {
        let all = ["LANG=de_DE.UTF-8", "LC_TIME=C", "COLORTERM=truecolor", "SECRET=x", "APP_A=1", "LANGUAGE=de"];
        let all = all.map(|line| line.split_once('=').unwrap()).map(|(name, value)| (name.into(), value.into()));
        let names = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            let sent = environment(all.clone().into_iter(), &patterns);
            sent.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&[]), "COLORTERM LANG LC_TIME");
        assert_eq!(names(&["APP_*"]), "APP_A COLORTERM LANG LC_TIME");
    }
}
