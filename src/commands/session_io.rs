//! Joins a session to the local terminal and standard streams: raw mode, escapes, resize, suspend. The only module that
//! uses both `ssh` and `terminal`.

use std::io;

use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

use crate::ssh::Error;
use crate::ssh::client::Connection;
use crate::ssh::session::{Exit, Input, Outputs, Program, PtyRequest, WindowSize};
use crate::terminal::escape::{EscapeFilter, HELP, Typed};
use crate::terminal::raw::{self, RawMode};
use crate::terminal::signals::{TerminalEvent, TerminalEvents, is_orphan, stop_job, stop_self};
use crate::ui::Ui;

/// The maximum size of one read from standard input.
const READ_SIZE: usize = 32 * 1024;
/// The number of chunks queued for the session. A longer queue would only use more memory.
const QUEUE_LENGTH: usize = 2;

/// The requested properties of a session.
#[derive(Clone, Debug)]
pub struct SessionRequest {
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
    /// Returns whether to request a pty, by ssh's rules: for a shell if standard input is a terminal, for a command
    /// only with `-t`, and always with `-tt`.
    pub fn wants_pty(&self) -> bool {
        match self.program {
            _ if self.no_tty => false,
            Program::Nothing => false,
            _ if self.tty > 1 => true,
            Program::Shell => raw::stdin_is_terminal() && !self.no_stdin,
            Program::Command(_) => self.tty > 0 && raw::stdin_is_terminal(),
        }
    }
}

/// Runs the session and returns the exit status for this process.
///
/// # Errors
/// Fails if the connection ends before the remote program does.
pub async fn run(ui: &Ui, connection: &Connection, request: &SessionRequest) -> Result<u8, Error> {
    if request.program == Program::Nothing {
        ui.step("connected; running no command (-N)");
        return Err(connection.hold().await);
    }
    let pty = request.wants_pty().then(pty_request);
    let session = connection.open_session(&request.program, pty.as_ref()).await?;
    let (sender, input) = mpsc::channel(QUEUE_LENGTH);
    let outputs = Outputs { stdout: tokio::io::stdout(), stderr: tokio::io::stderr(), close_stdout: raw::close_stdout };
    // The server has accepted the request, so the session takes over the terminal now. With -n no keys are read, and
    // Ctrl-C must keep its usual meaning.
    let local = LocalTerminal::begin(ui, pty.is_some() && !request.no_stdin);
    let running = connection.run(session, input, outputs);
    let ended = tokio::select! {
        exit = running => exit?,
        () = local.serve(sender, request.no_stdin) => return Ok(disconnected(ui)),
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

fn pty_request() -> PtyRequest {
    let term = std::env::var("TERM").ok().filter(|term| !term.is_empty()).unwrap_or_else(|| "xterm".to_owned());
    PtyRequest { term, size: window_size(), modes: raw::modes() }
}

fn window_size() -> WindowSize {
    let size = raw::size().unwrap_or_default();
    WindowSize {
        columns: size.columns.into(),
        rows: size.rows.into(),
        width: size.width.into(),
        height: size.height.into(),
    }
}

/// The local end of a session.
struct LocalTerminal {
    ui: Ui,
    /// Raw mode, while it is active. `None` without a pty or without a local terminal.
    raw: std::sync::Mutex<Option<RawMode>>,
    is_terminal: bool,
}

impl Drop for LocalTerminal {
    fn drop(&mut self) {
        self.set_raw(false);
    }
}

impl LocalTerminal {
    fn begin(ui: &Ui, pty: bool) -> Self {
        let is_terminal = pty && raw::stdin_is_terminal();
        let local = Self { ui: ui.clone(), raw: std::sync::Mutex::new(None), is_terminal };
        local.set_raw(is_terminal);
        local
    }

    fn set_raw(&self, on: bool) {
        let mut raw = self.raw.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *raw = None;
        if on {
            // If raw mode fails, the session still works with line-by-line input.
            *raw = RawMode::enter().ok();
        }
        self.ui.set_raw(raw.is_some());
    }

    /// Feeds input to the session until `~.` is typed. The end of standard input does not end it.
    async fn serve(&self, to: mpsc::Sender<Input>, no_stdin: bool) {
        if no_stdin {
            let _ = to.send(Input::Eof).await;
            return std::future::pending().await;
        }
        if !self.is_terminal {
            pipe(&to).await;
            return std::future::pending().await;
        }
        // Keys must be read even while the server accepts no input, because `~.` must end a dead session. Typed keys
        // wait in this queue, which stays small.
        let (typed, queued) = mpsc::unbounded_channel();
        tokio::select! {
            () = self.forward_keyboard(&typed) => {}
            () = self.changes(&typed) => {}
            () = forward_queued(queued, to) => {}
        }
    }

    /// Forwards typed keys until `~.` is typed.
    async fn forward_keyboard(&self, to: &mpsc::UnboundedSender<Input>) {
        let mut filter = EscapeFilter::default();
        let mut stdin = tokio::io::stdin();
        let mut chunk = vec![0; READ_SIZE];
        loop {
            let count = match stdin.read(&mut chunk).await {
                Ok(0) | Err(_) => {
                    let _ = to.send(Input::Eof);
                    return std::future::pending().await;
                }
                Ok(count) => count,
            };
            for typed in filter.feed(&chunk[..count]) {
                match typed {
                    Typed::Bytes(bytes) => drop(to.send(Input::Bytes(bytes))),
                    Typed::Disconnect => return,
                    Typed::Help => self.ui.lines(HELP),
                    Typed::Suspend if is_orphan() => {
                        self.ui.notice("[ec2ssh not suspended: no shell could resume it]");
                    }
                    Typed::Suspend => self.suspend(to, stop_job),
                }
            }
        }
    }

    /// Forwards resizes and handles stop signals. Without a pty the signals keep their default handling.
    async fn changes(&self, to: &mpsc::UnboundedSender<Input>) {
        let Ok(mut changes) = TerminalEvents::listen() else { return std::future::pending().await };
        loop {
            match changes.next().await {
                TerminalEvent::Resized => drop(to.send(Input::Resized(window_size()))),
                TerminalEvent::Suspend => self.suspend(to, stop_self),
                TerminalEvent::Continued => self.resume(to),
            }
        }
    }

    /// Restores the terminal, stops the process, and enters raw mode again after the process is continued.
    fn suspend(&self, to: &mpsc::UnboundedSender<Input>, stop: fn()) {
        self.ui.notice("[ec2ssh suspended; resume with: fg]");
        self.set_raw(false);
        stop();
        self.resume(to);
    }

    fn resume(&self, to: &mpsc::UnboundedSender<Input>) {
        self.set_raw(true);
        let _ = to.send(Input::Resized(window_size()));
    }
}

/// Forwards the queued input as fast as the session accepts it.
async fn forward_queued(mut from: mpsc::UnboundedReceiver<Input>, to: mpsc::Sender<Input>) {
    while let Some(input) = from.recv().await {
        if to.send(input).await.is_err() {
            break;
        }
    }
    std::future::pending().await
}

/// Forwards standard input that is not a terminal, and then its end.
async fn pipe(to: &mpsc::Sender<Input>) {
    let mut stdin = tokio::io::stdin();
    loop {
        let mut chunk = vec![0; READ_SIZE];
        match stdin.read(&mut chunk).await {
            Ok(0) => break,
            Ok(count) => {
                chunk.truncate(count);
                if to.send(Input::Bytes(chunk)).await.is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let _ = to.send(Input::Eof).await;
}
