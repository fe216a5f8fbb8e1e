//! Joins a session to the local terminal and the standard streams. The only module that uses both `ssh` and `terminal`.

use std::ffi::OsString;

use wildmatch::WildMatch;

use super::forwarding::Forwarding;
use crate::config::Escape;
use crate::forward::connections::Connections;
use crate::program::{Exit, Launch, Outputs, Program};
use crate::settings::SessionSettings;
use crate::ssh::Error;
use crate::ssh::client::Connection;
use crate::terminal::escape::Extra;
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
            Program::Nothing | Program::Subsystem(_) => false,
            _ if self.tty > 1 => true,
            Program::Shell => raw::stdin_is_terminal() && !self.no_stdin,
            Program::Command(_) => self.tty > 0 && raw::stdin_is_terminal(),
        }
    }
}

/// The local terminal's door to the user during a session.
struct SessionUi {
    ui: Ui,
    connections: Connections,
}

impl TerminalUi for SessionUi {
    fn set_raw(&self, raw: bool) {
        self.ui.set_raw(raw);
    }

    fn notice(&self, text: &str) {
        self.ui.notice(text);
    }

    fn lines(&self, text: &str) {
        self.ui.lines(text);
    }

    fn connections(&self) -> String {
        self.connections.describe()
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
    forwarding: &Forwarding,
) -> Result<u8, Error> {
    if request.program == Program::Nothing {
        ui.step("connected; running no command (-N)");
        return Err(connection.closed().await);
    }
    let pty = request.wants_pty().then(|| pty_request(settings.term.as_deref()));
    let has_pty = pty.is_some();
    let mut environment = environment(std::env::vars_os(), &settings.send_env);
    environment.retain(|(name, _)| !settings.set_env.iter().any(|(other, _)| other == name));
    environment.extend(settings.set_env.iter().cloned());
    ui.doing("starting the session");
    let launch = Launch { program: request.program.clone(), pty, environment, agent: forwarding.has_agent() };
    let session = ui.watch(connection.open_session(&launch)).await?;
    let outputs = Outputs { stdout: tokio::io::stdout(), stderr: tokio::io::stderr(), close_stdout: raw::close_stdout };
    // The server has accepted the request, so the session takes over the terminal now.
    let session_ui = SessionUi { ui: ui.clone(), connections: forwarding.connections.clone() };
    let escape = match settings.escape {
        Escape::Byte(byte) => Some(byte),
        Escape::None => None,
    };
    let local = LocalTerminal::begin(session_ui, has_pty, !request.no_stdin, escape, Extra::Connections);
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
    wait_for_forwards(ui, connection, forwarding).await;
    Ok(ended.code())
}

/// Waits for forwarded connections that are still open, as ssh does.
async fn wait_for_forwards(ui: &Ui, connection: &Connection, forwarding: &Forwarding) {
    let open = forwarding.connections.count();
    if open == 0 {
        return;
    }
    ui.notice(&format!("Waiting for {open} forwarded connection{} to end", if open == 1 { "" } else { "s" }));
    tokio::select! {
        () = forwarding.connections.all_ended() => {}
        _ = connection.closed() => {}
    }
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
