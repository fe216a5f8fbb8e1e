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
use crate::terminal::signals::{Change, Changes, stop_job, stop_self};
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
    fn wants_pty(&self) -> bool {
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
    // The far side has answered: from here on the terminal is its own.
    let local = Local::begin(ui, pty.is_some());
    let running = connection.run(session, input, outputs);
    let ended = tokio::select! {
        exit = running => exit?,
        () = local.serve(sender, wishes.no_stdin) => return Ok(disconnected(ui)),
    };
    drop(local);
    if let Exit::Signal(name) = &ended {
        ui.notice(&format!("the remote program was ended by SIG{name}"));
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
        let disconnect = async {
            match (no_stdin, self.is_terminal) {
                (true, _) => {
                    let _ = to.send(Input::Eof).await;
                    std::future::pending().await
                }
                (false, true) => self.keyboard(&to).await,
                (false, false) => {
                    pipe(&to).await;
                    std::future::pending().await
                }
            }
        };
        tokio::select! {
            () = disconnect => {}
            () = self.changes(&to) => {}
        }
    }

    /// What is typed, until `~.`.
    async fn keyboard(&self, to: &mpsc::Sender<Input>) {
        let mut filter = EscapeFilter::default();
        let mut stdin = tokio::io::stdin();
        let mut chunk = vec![0; CHUNK];
        // While the far side takes nothing, keys must still be looked at: `~.` is the way out of a dead session.
        let (waiting, mut queue) = mpsc::unbounded_channel::<Vec<u8>>();
        let deliver = async {
            while let Some(bytes) = queue.recv().await {
                if to.send(Input::Bytes(bytes)).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let read = async {
            loop {
                let count = match stdin.read(&mut chunk).await {
                    Ok(0) | Err(_) => {
                        let _ = to.send(Input::Eof).await;
                        return std::future::pending().await;
                    }
                    Ok(count) => count,
                };
                for typed in filter.feed(&chunk[..count]) {
                    match typed {
                        Typed::Bytes(bytes) => drop(waiting.send(bytes)),
                        Typed::Disconnect => return,
                        Typed::Help => self.ui.lines(HELP),
                        Typed::Suspend => self.suspend(to, stop_job).await,
                    }
                }
            }
        };
        tokio::select! {
            () = read => {}
            () = deliver => {}
        }
    }

    /// Resizes and stops that come as signals; without a pty they have no meaning and are left to the system.
    async fn changes(&self, to: &mpsc::Sender<Input>) {
        if !self.is_terminal {
            return std::future::pending().await;
        }
        let Ok(mut changes) = Changes::listen() else { return std::future::pending().await };
        loop {
            match changes.next().await {
                Change::Resized => drop(to.send(Input::Resized(window_size())).await),
                Change::Suspend => self.suspend(to, stop_self).await,
                Change::Continued => self.resume(to).await,
            }
        }
    }

    /// Gives the terminal back, stops, and takes the terminal again once we are continued.
    async fn suspend(&self, to: &mpsc::Sender<Input>, stop: fn()) {
        self.ui.lines("[ec2ssh suspended; bring it back with: fg]");
        self.set_raw(false);
        stop();
        self.resume(to).await;
    }

    async fn resume(&self, to: &mpsc::Sender<Input>) {
        self.set_raw(true);
        let _ = to.send(Input::Resized(window_size())).await;
    }
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
