//! A real terminal around a program: types its input and reads its screen.

use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::{World, comes_true, wait_until};

/// The end of a shell's line that prints the exit status of what came before, and the terminal's modes.
pub(crate) const PRINT_MODES: &str = "echo \"status $?\"; stty -a | grep -o '.icanon\\|.echo '";

pub(crate) struct Terminal {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    chunks: Receiver<Vec<u8>>,
    pub child: Box<dyn Child + Send + Sync>,
    screen: vt100::Parser,
}

impl Terminal {
    /// Runs a shell command line in a terminal of 24 lines and 80 columns.
    pub(crate) fn run(world: &World, line: &str) -> Self {
        Self::run_at(world, 80, line)
    }

    /// Runs a shell command line in a terminal of 24 lines and this many columns.
    pub(crate) fn run_at(world: &World, columns: u16, line: &str) -> Self {
        let size = PtySize { rows: 24, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new("/bin/sh");
        command.args(["-c", line]);
        command.env_clear();
        for (name, value) in world.environment() {
            command.env(name, value);
        }
        command.env("EC2SSH", super::BINARY);
        command.cwd(world.home.path());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, chunks) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                if sender.send(chunk[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let writer = pair.master.take_writer().unwrap();
        let screen = vt100::Parser::new(non_zero(24), non_zero(columns), 200);
        Self { master: pair.master, writer, chunks, child, screen }
    }

    pub(crate) fn type_in(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    pub(crate) fn resize(&mut self, rows: u16, columns: u16) {
        self.master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).unwrap();
        self.screen.screen_mut().set_size(non_zero(rows), non_zero(columns));
    }

    /// Returns the text on the screen.
    pub(crate) fn text(&mut self) -> String {
        while let Ok(chunk) = self.chunks.try_recv() {
            self.screen.process(&chunk);
        }
        self.screen.screen().contents()
    }

    /// Returns the text on the screen with its colors, as escape sequences.
    pub(crate) fn colored_text(&mut self) -> String {
        self.text();
        self.screen.screen().contents_formatted()
    }

    /// Waits until the text is on the screen.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, wanted: &str) {
        self.wait_until(wanted, |screen| screen.contains(wanted));
    }

    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, is_there: impl Fn(&str) -> bool) {
        let found = comes_true(|| is_there(&self.text()));
        assert!(found, "waited in vain for {what:?}; the screen:\n{}", self.text());
    }

    /// Whether the terminal's settings are those of raw mode: no line by line input and no echo.
    pub(crate) fn is_raw(&self) -> bool {
        !self.modes().intersects(rustix::termios::LocalModes::ICANON | rustix::termios::LocalModes::ECHO)
    }

    fn modes(&self) -> rustix::termios::LocalModes {
        let fd = self.master.as_raw_fd().unwrap();
        // SAFETY: the master owns the descriptor and outlives this call.
        #[allow(unsafe_code, reason = "portable-pty lends its descriptor as a bare number")]
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        rustix::termios::tcgetattr(fd).unwrap().local_modes
    }

    /// Checks that the program has ended with this status and restored the terminal. The shell around it prints `status N`, and what
    /// [`PRINT_MODES`] prints.
    #[track_caller]
    pub(crate) fn assert_restored(&mut self, status: u32) {
        self.wait_for(&format!("status {status}"));
        self.wait();
        let text = self.text();
        assert!(!text.contains("-icanon") && !text.contains("-echo ") && !self.is_raw(), "{text}");
    }

    /// Types a secret once the echo is off, which happens a moment after the prompt appears.
    #[track_caller]
    pub(crate) fn type_secret(&mut self, text: &str) {
        self.wait_for_no_echo();
        self.type_in(text);
    }

    /// Waits until the terminal does not show what is typed.
    #[track_caller]
    pub(crate) fn wait_for_no_echo(&self) {
        wait_until("the echo is switched off", || !self.modes().intersects(rustix::termios::LocalModes::ECHO));
    }

    #[track_caller]
    pub(crate) fn wait_raw(&mut self, raw: bool) {
        let is_there = comes_true(|| {
            self.text();
            self.is_raw() == raw
        });
        assert!(is_there, "raw mode is not {raw}; the screen:\n{}", self.text());
    }

    /// Waits for the shell to exit and returns its status.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> u32 {
        let mut status = None;
        let ended = comes_true(|| {
            self.text();
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended, "it does not end; the screen:\n{}", self.text());
        // A thread of its own reads the last output.
        std::thread::sleep(Duration::from_millis(50));
        status.expect("it has ended").exit_code()
    }
}

fn non_zero(size: u16) -> NonZero<u16> {
    NonZero::new(size).expect("a terminal has a size")
}
