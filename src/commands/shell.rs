//! Joins a session to the local terminal and standard streams: raw mode, escapes, resize, suspend. The only place where
//! `ssh` and `terminal` meet.

use std::io;

use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

use crate::ssh::Error;
use crate::ssh::client::Connection;
use crate::ssh::session::{Exit, Input, Outputs, Program, PtyRequest, WindowSize};
use crate::terminal::escape::{EscapeFilter, HELP, Typed};
use crate::terminal::raw::{self, RawMode};
use crate::terminal::signals::{Change, Changes, is_orphan, stop_job, stop_self};
use crate::ui::Ui;

/// Read at once from standard input.
const CHUNK: usize = 32 * 1024;
/// Chunks on their way to the session: more would only fill memory.
const QUEUE: usize = 2;

/// What the session should be.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// What to run.
    pub program: Program,
    /// How often `-t` was typed.
    pub tty: u8,
    /// `-T`.
    pub no_tty: bool,
    /// `-n`.
    pub no_stdin: bool,
}

impl Wishes {
    /// As ssh decides it: a shell wants a terminal where there is one here, a command with `-t`; `-tt` always.
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

/// Runs the session and returns the exit status for our process.
///
/// # Errors
/// When the connection ends before the program has.
pub async fn run(ui: &Ui, connection: &Connection, wishes: &Wishes) -> Result<u8, Error> {
    if wishes.program == Program::Nothing {
        ui.step("connected; running nothing (-N)");
        return Err(connection.hold().await);
    }
    let pty = wishes.wants_pty().then(pty_request);
    let session = connection.open_session(&wishes.program, pty.as_ref()).await?;
    let (sender, input) = mpsc::channel(QUEUE);
    let outputs = Outputs { stdout: tokio::io::stdout(), stderr: tokio::io::stderr(), close_stdout: raw::close_stdout };
    // The far side has answered: from here on the terminal is its own. With -n nobody reads the keys, and Ctrl-C has to
    // stay what it is.
    let local = Local::begin(ui, pty.is_some() && !wishes.no_stdin);
    let running = connection.run(session, input, outputs);
    let ended = tokio::select! {
        exit = running => exit?,
        () = local.serve(sender, wishes.no_stdin) => return Ok(disconnected(ui)),
    };
    drop(local);
    match &ended {
        Exit::Signal(name) => ui.notice(&format!("the remote program was ended by SIG{name}")),
        Exit::Unknown => ui.notice("the session ended without an exit status"),
        Exit::Status(_) | Exit::OutputClosed => {}
    }
    Ok(ended.code())
}

/// `~.`: as ssh, our own end with our own failure.
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
struct Local {
    ui: Ui,
    /// Raw mode, while it holds. `None`: no pty, or no terminal here.
    raw: std::sync::Mutex<Option<RawMode>>,
    is_terminal: bool,
}

impl Drop for Local {
    fn drop(&mut self) {
        self.set_raw(false);
    }
}

impl Local {
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
            // A terminal that refuses leaves us with line by line input: worse, but a session.
            *raw = RawMode::enter().ok();
        }
        self.ui.set_raw(raw.is_some());
    }

    /// Feeds the session until `~.` ends it. The end of standard input does not.
    async fn serve(&self, to: mpsc::Sender<Input>, no_stdin: bool) {
        if no_stdin {
            let _ = to.send(Input::Eof).await;
            return std::future::pending().await;
        }
        if !self.is_terminal {
            pipe(&to).await;
            return std::future::pending().await;
        }
        // While the far side takes nothing, keys must still be looked at: `~.` is the way out of a dead session. What is
        // typed meanwhile waits here; it is only as much as a person types.
        let (typed, waiting) = mpsc::unbounded_channel();
        tokio::select! {
            () = self.keyboard(&typed) => {}
            () = self.changes(&typed) => {}
            () = deliver(waiting, to) => {}
        }
    }

    /// What is typed, until `~.`.
    async fn keyboard(&self, to: &mpsc::UnboundedSender<Input>) {
        let mut filter = EscapeFilter::default();
        let mut stdin = tokio::io::stdin();
        let mut chunk = vec![0; CHUNK];
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
                        self.ui.notice("[ec2ssh not suspended: there is no shell here that could bring it back]");
                    }
                    Typed::Suspend => self.suspend(to, stop_job),
                }
            }
        }
    }

    /// Resizes and stops that come as signals; without a pty they have no meaning and are left to the system.
    async fn changes(&self, to: &mpsc::UnboundedSender<Input>) {
        let Ok(mut changes) = Changes::listen() else { return std::future::pending().await };
        loop {
            match changes.next().await {
                Change::Resized => drop(to.send(Input::Resized(window_size()))),
                Change::Suspend => self.suspend(to, stop_self),
                Change::Continued => self.resume(to),
            }
        }
    }

    /// Gives the terminal back, stops, and takes the terminal again once we are continued.
    fn suspend(&self, to: &mpsc::UnboundedSender<Input>, stop: fn()) {
        self.ui.notice("[ec2ssh suspended; bring it back with: fg]");
        self.set_raw(false);
        stop();
        self.resume(to);
    }

    fn resume(&self, to: &mpsc::UnboundedSender<Input>) {
        self.set_raw(true);
        let _ = to.send(Input::Resized(window_size()));
    }
}

/// Hands on what is typed as the session takes it.
async fn deliver(mut from: mpsc::UnboundedReceiver<Input>, to: mpsc::Sender<Input>) {
    while let Some(input) = from.recv().await {
        if to.send(input).await.is_err() {
            break;
        }
    }
    std::future::pending().await
}

/// Standard input that is no terminal: all of it, then its end.
async fn pipe(to: &mpsc::Sender<Input>) {
    let mut stdin = tokio::io::stdin();
    loop {
        let mut chunk = vec![0; CHUNK];
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
