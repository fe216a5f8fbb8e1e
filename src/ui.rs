//! The one door to standard output, standard error and the person at the terminal.
//!
//! [`Ui::wire`] is for commands whose standard output is the session's own: it cannot reach it. All that goes to
//! standard error is made safe by [`neutralise_lines`], whoever wrote it.

pub mod table;
pub mod trace;

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::secret::Secret;
use crate::text::{neutralise, neutralise_lines};

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// `-v` counts: 1 tells the steps, 2 and more add the libraries' tracing.
    pub verbose: u8,
    /// `-q`: errors only.
    pub quiet: bool,
}

/// The door. Clones share it.
#[derive(Clone, Debug)]
pub struct Ui {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    volume: Volume,
    stdout: bool,
    started: Instant,
    /// The terminal is in raw mode: a line feed alone would not go back to the left.
    raw: AtomicBool,
    /// A progress line stands and is to be overwritten.
    progress: AtomicBool,
    /// One question at a time.
    asking: Mutex<()>,
}

impl Ui {
    /// For commands that print.
    pub fn new(volume: Volume) -> Self {
        Self::with(volume, true)
    }

    /// For commands whose standard output is the wire.
    pub fn wire(volume: Volume) -> Self {
        Self::with(volume, false)
    }

    fn with(volume: Volume, stdout: bool) -> Self {
        let inner = Inner {
            volume,
            stdout,
            started: Instant::now(),
            raw: AtomicBool::new(false),
            progress: AtomicBool::new(false),
            asking: Mutex::new(()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Says whether the terminal is in raw mode.
    pub fn set_raw(&self, raw: bool) {
        self.inner.raw.store(raw, Ordering::Relaxed);
    }

    /// The command's own output.
    ///
    /// # Errors
    /// As standard output says; a reader that has gone is none.
    ///
    /// # Panics
    /// On a [`Ui::wire`]: that would be a defect of ours.
    pub fn out(&self, text: &str) -> io::Result<()> {
        assert!(self.inner.stdout, "standard output is the wire");
        match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// A step of the way, with the time since the start; shown with `-v`.
    pub fn step(&self, text: &str) {
        if self.inner.volume.verbose > 0 {
            let seconds = self.inner.started.elapsed().as_secs_f64();
            self.line(&neutralise(&format!("[{seconds:7.3}s] {text}")));
        }
    }

    /// A line that the person should see, unless `-q`.
    pub fn notice(&self, text: &str) {
        if !self.inner.volume.quiet {
            self.line(&neutralise(text));
        }
    }

    /// A line for a person who looks on, and for `-v`: in a log of somebody else's it would be noise.
    pub fn remark(&self, text: &str) {
        if self.inner.volume.verbose > 0 {
            self.step(text);
        } else if io::stderr().is_terminal() {
            self.notice(text);
        }
    }

    /// Text of several lines that the person should see, unless `-q`: the server's banner.
    pub fn banner(&self, text: &str) {
        if !self.inner.volume.quiet {
            self.line(text);
        }
    }

    /// What is being waited for. On a terminal it replaces the one before.
    pub fn progress(&self, text: &str) {
        if self.inner.volume.quiet {
            return;
        }
        if io::stderr().is_terminal() {
            self.inner.progress.store(true, Ordering::Relaxed);
            write_stderr(&format!("\r\x1b[K{}", neutralise(text)));
        } else {
            self.line(&neutralise(text));
        }
    }

    /// An error as it is reported to a person: what failed, why, and what to type.
    pub fn error(&self, message: &str, causes: &[String], hints: &[String]) {
        // A line feed in a name or in a service's words must not begin a line that looks like one of ours.
        self.line(&neutralise(&format!("Error: {message}")));
        for cause in causes {
            self.line(&neutralise(&format!("Caused by: {cause}")));
        }
        for hint in hints {
            self.line(&neutralise(&format!("Hint: {hint}")));
        }
    }

    /// Text of several lines to standard error: tables, the list of escapes.
    pub fn lines(&self, text: &str) {
        self.line(text);
    }

    /// Begins a line of its own, where the shell's prompt may stand already.
    pub fn behind_prompt(&self) {
        if io::stderr().is_terminal() {
            write_stderr("\n");
        }
    }

    fn line(&self, text: &str) {
        // In a session the cursor stands wherever the far side left it.
        let (begin, end) = if self.inner.raw.load(Ordering::Relaxed) { ("\r\n", "\r\n") } else { ("", "\n") };
        let clear = if self.inner.progress.swap(false, Ordering::Relaxed) { "\r\x1b[K" } else { "" };
        let text = neutralise_lines(text).replace('\n', end);
        write_stderr(&format!("{clear}{begin}{text}{end}"));
    }

    /// Whether there is somebody to ask: standard error is a terminal, and we can read from it.
    pub fn can_ask(&self) -> bool {
        io::stderr().is_terminal() && terminal().is_some()
    }

    /// Asks and reads a line from the terminal, whatever standard input is. `None`: nobody to ask, or the end of input.
    pub fn ask(&self, question: &str) -> Option<String> {
        let _turn = self.turn();
        if !self.can_ask() {
            return None;
        }
        self.clear_progress();
        write_stderr(&neutralise_lines(question));
        read_line(&mut terminal()?)
    }

    /// Asks for a yes or no; anything but a yes is a no.
    pub fn confirm(&self, question: &str) -> Option<bool> {
        let answer = self.ask(&format!("{question} (yes/no) "))?;
        Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks for a secret with the echo off. `None`: nobody to ask, or an empty answer.
    pub fn ask_secret(&self, question: &str) -> Option<Secret<String>> {
        let _turn = self.turn();
        if !self.can_ask() {
            return None;
        }
        self.clear_progress();
        let answer = match rpassword::prompt_password(neutralise(question)) {
            Ok(answer) => answer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                // Ctrl-C: the prompt has sent us the signal, which ends the process. No answer must overtake it.
                std::thread::sleep(Duration::from_secs(5));
                return None;
            }
            Err(_) => return None,
        };
        let secret = Secret::new(answer);
        (!secret.expose().is_empty()).then_some(secret)
    }

    fn clear_progress(&self) {
        if self.inner.progress.swap(false, Ordering::Relaxed) {
            write_stderr("\r\x1b[K");
        }
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.inner.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message that cannot be written has no better place to go.
fn write_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// The controlling terminal, which a person sits at even when standard input is a pipe.
fn terminal() -> Option<File> {
    OpenOptions::new().read(true).write(true).open(if cfg!(windows) { "CONIN$" } else { "/dev/tty" }).ok()
}

/// One line, byte by byte, so that what was typed ahead stays for the session.
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
