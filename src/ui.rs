//! Output to standard output and standard error, and prompts to the user at the terminal.
//!
//! [`Ui::without_stdout`] is for commands whose standard output carries the session's data: it cannot write to standard output.
//! All text for standard error is made safe by [`sanitize_lines`], whatever its source.

mod color;
pub(crate) mod progress;
pub(crate) mod trace;

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use progress::{Progress, ProgressLine, Unit};

use crate::secret::Secret;
use crate::table::{Layout, Table};
use crate::text::{sanitize, sanitize_lines};

/// The time within which the signal of a Ctrl-C ends this process.
const INTERRUPT_TIMEOUT: Duration = Duration::from_secs(5);

/// The verbosity of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verbosity {
    /// Count of `-v`: 1 shows the steps, 2 and more add the libraries' tracing.
    pub verbose: u8,
    /// Errors only (`-q` was given).
    pub quiet: bool,
}

/// The user interface. Clones share their state.
#[derive(Clone, Debug)]
pub(crate) struct Ui {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    verbosity: Mutex<Verbosity>,
    /// Returns the width of the terminal in columns.
    width: fn() -> Option<usize>,
    stdout: bool,
    started: Instant,
    /// Set while the terminal is in raw mode, where a line feed alone does not return the carriage.
    raw: AtomicBool,
    /// The progress line; other output is written above it.
    progress: ProgressLine,
    /// The work that is under way, for the progress line.
    doing: Mutex<String>,
    /// Set while the progress line shows the work that is under way, and nothing more precise.
    shows_doing: AtomicBool,
    /// Held while a question is asked, so that there is one at a time.
    prompt_lock: Mutex<()>,
}

impl Ui {
    /// Creates a `Ui` for commands that print to standard output.
    pub(crate) fn new(verbosity: Verbosity, width: fn() -> Option<usize>) -> Self {
        Self::with(verbosity, width, true)
    }

    /// Creates a `Ui` for commands whose standard output carries the session's data.
    pub(crate) fn without_stdout(verbosity: Verbosity, width: fn() -> Option<usize>) -> Self {
        Self::with(verbosity, width, false)
    }

    fn with(verbosity: Verbosity, width: fn() -> Option<usize>, stdout: bool) -> Self {
        let inner = Inner {
            verbosity: Mutex::new(verbosity),
            width,
            stdout,
            started: Instant::now(),
            raw: AtomicBool::new(false),
            progress: progress::line(),
            doing: Mutex::default(),
            shows_doing: AtomicBool::new(false),
            prompt_lock: Mutex::new(()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Returns the verbosity of the output.
    pub(crate) fn verbosity(&self) -> Verbosity {
        *self.inner.verbosity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the verbosity of the output.
    pub(crate) fn set_verbosity(&self, verbosity: Verbosity) {
        *self.inner.verbosity.lock().unwrap_or_else(PoisonError::into_inner) = verbosity;
    }

    /// Returns the width of the terminal in columns; `None` if there is no terminal.
    pub(crate) fn width(&self) -> Option<usize> {
        (self.inner.width)()
    }

    /// Returns the room for a table on standard output.
    pub(crate) fn stdout_layout(&self) -> Layout {
        let width = io::stdout().is_terminal().then(|| self.width()).flatten();
        Layout { width, colored: color::is_colored(&io::stdout()) }
    }

    /// Prints a table to standard error.
    pub(crate) fn table(&self, table: &Table) {
        let colored = color::is_colored(&io::stderr());
        let text = table.render(Layout { width: self.width(), colored });
        self.raw_lines(text.trim_end());
    }

    /// Sets whether the terminal is in raw mode.
    pub(crate) fn set_raw(&self, raw: bool) {
        self.inner.raw.store(raw, Ordering::Relaxed);
    }

    /// Writes the command's own output.
    ///
    /// # Errors
    /// Fails if standard output cannot be written to; a broken pipe is not an error.
    ///
    /// # Panics
    /// Panics on a [`Ui::without_stdout`], which would be a bug in ec2ssh.
    pub(crate) fn out(&self, text: &str) -> io::Result<()> {
        self.out_bytes(text.as_bytes())
    }

    /// Writes bytes to standard output as they are.
    ///
    /// # Errors
    /// As for [`Self::out`].
    ///
    /// # Panics
    /// As for [`Self::out`].
    pub(crate) fn out_bytes(&self, bytes: &[u8]) -> io::Result<()> {
        assert!(self.inner.stdout, "standard output carries the session's data");
        match io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Prints a step with the time since the start, with `-v` only.
    pub(crate) fn step(&self, text: &str) {
        if self.verbosity().verbose > 0 {
            let seconds = self.inner.started.elapsed().as_secs_f64();
            self.line(&sanitize(&format!("[{seconds:7.3}s] {text}")));
        }
    }

    /// Prints a line for the user, unless `-q` is given.
    pub(crate) fn notice(&self, text: &str) {
        if !self.verbosity().quiet {
            self.line(&sanitize(text));
        }
    }

    /// Prints a line if standard error is a terminal, or as a step with `-v`. In another program's log it would be
    /// noise.
    pub(crate) fn remark(&self, text: &str) {
        if self.verbosity().verbose > 0 {
            self.step(text);
        } else if io::stderr().is_terminal() {
            self.notice(text);
        }
    }

    /// Prints text of several lines, the server's banner, unless `-q` is given.
    pub(crate) fn banner(&self, text: &str) {
        if !self.verbosity().quiet {
            self.line(text);
        }
    }

    /// Prints progress, unless `-q` is given. On a terminal it replaces the previous progress line.
    pub(crate) fn progress(&self, text: &str) {
        if self.verbosity().quiet {
            return;
        }
        if io::stderr().is_terminal() {
            self.inner.shows_doing.store(false, Ordering::Relaxed);
            self.spin(text);
        } else {
            self.line(&sanitize(text));
        }
    }

    /// Notes what is being done, for [`Self::watch`].
    pub(crate) fn doing(&self, text: &str) {
        text.clone_into(&mut self.inner.doing.lock().unwrap_or_else(PoisonError::into_inner));
        if self.inner.shows_doing.load(Ordering::Relaxed) {
            self.spin(text);
        }
    }

    /// Waits for the work. After a second in which no progress is shown, what is being done is shown on a terminal, unless `-q` is
    /// given.
    pub(crate) fn watch<'a, T: 'a>(&'a self, work: impl Future<Output = T> + 'a) -> impl Future<Output = T> + 'a {
        self.watch_boxed(Box::pin(work))
    }

    async fn watch_boxed<T>(&self, mut work: Pin<Box<impl Future<Output = T>>>) -> T {
        let visible = !self.verbosity().quiet && io::stderr().is_terminal();
        let result = loop {
            tokio::select! {
                biased;
                result = &mut work => break result,
                () = tokio::time::sleep(progress::SHOW_AFTER) => {}
            }
            if visible && !self.inner.progress.is_shown() {
                let text = self.inner.doing.lock().unwrap_or_else(PoisonError::into_inner).clone();
                self.inner.shows_doing.store(true, Ordering::Relaxed);
                self.spin(&text);
            }
        };
        self.clear_progress();
        result
    }

    /// Shows a text with a spinner, but not while a question waits for its answer.
    fn spin(&self, text: &str) {
        // Held until the spinner is there, so that a question removes it.
        let Ok(_turn) = self.inner.prompt_lock.try_lock() else { return };
        self.inner.progress.spin(sanitize(text));
    }

    /// Makes a progress bar for work that may take over a second; `total` is in the unit, if it is known. It is shown on a
    /// terminal, unless `-q` is given.
    pub(crate) fn progress_bar(&self, label: &'static str, unit: Unit, total: Option<u64>) -> Progress {
        let visible = !self.verbosity().quiet && io::stderr().is_terminal();
        self.inner.progress.progress(label, unit, total, visible)
    }

    /// Removes the progress line, before others write to the terminal: the remote program, ssh, the shell.
    pub(crate) fn clear_progress(&self) {
        self.inner.shows_doing.store(false, Ordering::Relaxed);
        self.inner.progress.clear();
    }

    /// Prints an error: what failed, why, and what to type.
    pub(crate) fn error(&self, message: &str, causes: &[String], hints: &[String]) {
        // A line feed in a name or in a service's message must not start a line that looks like one of ec2ssh's own.
        self.line(&sanitize(&format!("Error: {message}")));
        for cause in causes {
            self.line(&sanitize(&format!("Caused by: {cause}")));
        }
        for hint in hints {
            self.line(&sanitize(&format!("Hint: {hint}")));
        }
    }

    /// Prints text of several lines to standard error: tables, the list of escapes.
    pub(crate) fn lines(&self, text: &str) {
        self.line(text);
    }

    /// Starts a new line, because the shell's prompt may already be on the current one.
    pub(crate) fn start_new_line(&self) {
        if io::stderr().is_terminal() {
            write_stderr("\n");
        }
    }

    fn line(&self, text: &str) {
        let safe = sanitize_lines(text);
        self.raw_lines(&if color::is_colored(&io::stderr()) { color::with_label(&safe) } else { safe });
    }

    /// Writes lines that are safe already.
    fn raw_lines(&self, text: &str) {
        // In a session the remote side may have left the cursor anywhere in the line.
        let (begin, end) = if self.inner.raw.load(Ordering::Relaxed) { ("\r\n", "\r\n") } else { ("", "\n") };
        let text = text.replace('\n', end);
        self.inner.progress.above(|| write_stderr(&format!("{begin}{text}{end}")));
    }

    /// Whether the user can be asked: standard error and the controlling terminal are available.
    pub(crate) fn can_ask(&self) -> bool {
        io::stderr().is_terminal() && terminal().is_some()
    }

    /// Asks a question and reads a line from the controlling terminal, wherever standard input comes from. Returns
    /// `None` if the user cannot be asked, or at the end of input.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        let _turn = self.lock_prompt();
        if !self.can_ask() {
            return None;
        }
        self.clear_progress();
        write_stderr(&sanitize_lines(question));
        read_line(&mut terminal()?)
    }

    /// Asks for a yes or no; every answer but a yes counts as no.
    pub(crate) fn confirm(&self, question: &str) -> Option<bool> {
        let answer = self.ask(&format!("{question} (yes/no) "))?;
        Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks for a secret with the echo off. Returns `None` if the user cannot be asked, or for an empty answer.
    pub(crate) fn ask_secret(&self, question: &str) -> Option<Secret<String>> {
        self.ask_hidden(question).filter(|answer| !answer.expose().is_empty())
    }

    /// Asks with the echo off; the answer may be empty. Returns `None` if the user cannot be asked.
    pub(crate) fn ask_hidden(&self, question: &str) -> Option<Secret<String>> {
        let _turn = self.lock_prompt();
        if !self.can_ask() {
            return None;
        }
        self.clear_progress();
        let answer = match rpassword::prompt_password(sanitize(question)) {
            Ok(answer) => answer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                // On Ctrl-C the prompt has sent the signal that ends this process; no answer must be returned before
                // that.
                std::thread::sleep(INTERRUPT_TIMEOUT);
                return None;
            }
            Err(_) => return None,
        };
        Some(Secret::new(answer))
    }

    fn lock_prompt(&self) -> MutexGuard<'_, ()> {
        self.inner.prompt_lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes to standard error. A failure is ignored, because there is no better place to report it.
fn write_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Opens the controlling terminal, which is available even when standard input is a pipe.
fn terminal() -> Option<File> {
    OpenOptions::new().read(true).write(true).open(if cfg!(windows) { "CONIN$" } else { "/dev/tty" }).ok()
}

/// Reads a line byte by byte, so that input typed after it remains for the session.
fn read_line(from: &mut File) -> Option<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match from.read(&mut byte) {
            Ok(1) if byte[0] == b'\n' => break,
            Ok(1) => line.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ if line.is_empty() => return None,
            _ => break,
        }
    }
    Some(String::from_utf8_lossy(&line).trim_end().to_owned())
}
