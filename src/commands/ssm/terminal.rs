//! A shell or a command in a terminal of its own: the local terminal in raw mode, its size, the escapes.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::program::{Exit, Input, WindowSize};
use crate::ssm::Error;
use crate::ssm::command::end_mark::{EndMark, GO};
use crate::ssm::item::Item;
use crate::ssm::program::{ProgramOutput, ProgramSession};
use crate::terminal::escape::Extra;
use crate::terminal::local::{LocalTerminal, TerminalUi, pty_request};
use crate::terminal::raw;
use crate::ui::Ui;

/// The character by which a terminal ends its input: Ctrl-D.
const END_OF_INPUT: u8 = 4;

/// The age from which on it is told how long a session lasted.
const WORTH_TELLING: Duration = Duration::from_secs(60);

/// How the exit status of the session is known.
pub(super) enum Ending {
    /// A shell has none: it has ended well if nothing else was said.
    Shell,
    /// A command prints it behind a mark, and waits for a line before it begins.
    Mark(EndMark),
    /// A command has one that nobody tells: that of Windows in a terminal.
    Untold,
}

/// The local terminal's door to the user.
struct SessionUi(Ui);

impl TerminalUi for SessionUi {
    fn set_raw(&self, raw: bool) {
        self.0.set_raw(raw);
    }

    fn notice(&self, text: &str) {
        self.0.notice(text);
    }

    fn lines(&self, text: &str) {
        self.0.lines(text);
    }

    fn connections(&self) -> String {
        String::new()
    }
}

/// Runs the session to its end and returns the exit status for this process. `has_terminal`: raw mode; then input is read.
///
/// # Errors
/// The service ended the session for a reason, or its connection was lost.
pub(super) async fn run(
    ui: &Ui,
    session: ProgramSession,
    ending: Ending,
    (has_terminal, reads_stdin): (bool, bool),
    escape: Option<u8>,
) -> Result<u8, Error> {
    let ProgramSession { input, mut output, interactive } = session;
    let local = LocalTerminal::begin(SessionUi(ui.clone()), has_terminal, reads_stdin, escape, Extra::Nothing);
    let typed = local.attach();
    let size = pty_request(None).size;
    if has_terminal && has_area(size) {
        // The agent's terminal has no size until it is told one; without a local terminal none is invented.
        let _ = input.send(Input::Resized(size)).await;
    }
    let end = match ending {
        // A program without a terminal has no input that could end.
        _ if !interactive => None,
        Ending::Mark(_) => Some(InputEnd::Command),
        Ending::Shell | Ending::Untold => Some(InputEnd::Shell),
    };
    if matches!(ending, Ending::Mark(_)) {
        let _ = input.send(Input::Bytes(GO.to_vec())).await;
    }
    let mut showing = Showing { ending, status: None, begun: Instant::now(), last: Instant::now() };
    let ended = tokio::select! {
        ended = showing.run(&mut output) => Some(ended),
        () = local.serve() => None,
        () = forward(typed, input, end) => None,
    };
    drop(local);
    match ended {
        Some(ended) => Ok(showing.exit(ui, ended?)),
        None => {
            ui.notice("Disconnected (~.).");
            Ok(255)
        }
    }
}

fn has_area(size: WindowSize) -> bool {
    size.columns > 0 && size.rows > 0
}

/// The reader of the input: it decides how its end is said in a terminal, which has no other end than Ctrl-D at the beginning of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InputEnd {
    /// A command reads lines; a second Ctrl-D ends one that is not finished.
    Command,
    /// A shell may edit lines, and takes Ctrl-D within one for another key.
    Shell,
}

impl InputEnd {
    /// Returns the bytes that end the input.
    fn bytes(self, is_line_open: bool) -> Vec<u8> {
        match (is_line_open, self) {
            (false, _) => vec![END_OF_INPUT],
            (true, Self::Command) => vec![END_OF_INPUT, END_OF_INPUT],
            (true, Self::Shell) => vec![b'\r', END_OF_INPUT],
        }
    }
}

/// Hands the typed input to the session, as long as it is polled.
async fn forward(mut typed: mpsc::Receiver<Input>, input: mpsc::Sender<Input>, end: Option<InputEnd>) {
    let mut is_line_open = false;
    while let Some(next) = typed.recv().await {
        let next = match (next, end) {
            (Input::Eof, Some(end)) => Input::Bytes(end.bytes(is_line_open)),
            (Input::Eof, None) => continue,
            (Input::Resized(size), _) if !has_area(size) => continue,
            (next, _) => next,
        };
        if let Input::Bytes(bytes) = &next {
            is_line_open = !bytes.ends_with(b"\n") && !bytes.ends_with(b"\r");
        }
        let _ = input.send(next).await;
    }
    std::future::pending().await
}

/// The session's output, on its way to the standard streams.
struct Showing {
    ending: Ending,
    /// The exit status that the agent sent: of a document without a terminal.
    status: Option<i32>,
    begun: Instant,
    /// The time of the last output.
    last: Instant,
}

impl Showing {
    /// Shows the output until the session ends.
    async fn run(&mut self, output: &mut ProgramOutput) -> Result<Exit, Error> {
        loop {
            let shown = match output.next().await {
                Ok(Some(Item::Stdout(bytes))) => {
                    self.last = Instant::now();
                    match &mut self.ending {
                        Ending::Shell | Ending::Untold => show(tokio::io::stdout(), &bytes).await,
                        Ending::Mark(mark) => show(tokio::io::stdout(), &mark.feed(&bytes)).await,
                    }
                }
                Ok(Some(Item::Stderr(bytes))) => show(tokio::io::stderr(), &bytes).await,
                Ok(Some(Item::Exit(status))) => {
                    self.status = Some(status);
                    Ok(())
                }
                Ok(None) => break,
                // A command has printed its status before.
                Err(_) if self.marked().is_some() => break,
                Err(Error::Ended(reason)) => return Err(self.ended(reason)),
                Err(error) => return Err(error),
            };
            if shown.is_err() {
                raw::close_stdout();
                return Ok(Exit::OutputClosed);
            }
        }
        if let Ending::Mark(mark) = &mut self.ending {
            let _ = show(tokio::io::stdout(), &mark.rest()).await;
        }
        Ok(match (self.marked(), self.status, &self.ending) {
            (Some(status), ..) => Exit::Status(status),
            (None, Some(status), _) => u32::try_from(status).map_or(Exit::Unknown, Exit::Status),
            (None, None, Ending::Shell) => Exit::Status(0),
            (None, None, Ending::Mark(_) | Ending::Untold) => Exit::Unknown,
        })
    }

    fn marked(&self) -> Option<u32> {
        match &self.ending {
            Ending::Shell | Ending::Untold => None,
            Ending::Mark(mark) => mark.status(),
        }
    }

    /// Adds how long the session lasted, and how long nothing was shown: which of the account's limits has ended it.
    fn ended(&self, reason: String) -> Error {
        let minutes = |since: Instant| (since.elapsed().as_secs_f64() / 60.0).round();
        if self.begun.elapsed() < WORTH_TELLING {
            return Error::Ended(reason);
        }
        let (whole, silent) = (minutes(self.begun), minutes(self.last));
        Error::Ended(format!("{reason} (after {whole} min, the last {silent} of them without output)"))
    }

    fn exit(&self, ui: &Ui, exit: Exit) -> u8 {
        if exit == Exit::Unknown && matches!(self.ending, Ending::Untold) {
            ui.notice("Session Manager tells no exit status of a command in a terminal on Windows");
        } else if exit == Exit::Unknown {
            ui.notice(
                "the command ended without an exit status: it was killed, or its session was; output may be missing",
            );
        }
        exit.code()
    }
}

async fn show(mut to: impl AsyncWrite + Unpin, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}
