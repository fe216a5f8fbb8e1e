//! A real terminal around a program: types its input and reads its screen.

use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::World;

/// The timeout for a change on the screen or in the terminal.
const SCREEN_TIMEOUT: Duration = Duration::from_secs(20);

pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    chunks: Receiver<Vec<u8>>,
    pub child: Box<dyn Child + Send + Sync>,
    screen: vt100::Parser,
}

impl Terminal {
    /// Runs a shell command line in a terminal of 24 lines and 80 columns.
    pub fn run(world: &World, line: &str) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
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
        Self { master: pair.master, writer, chunks, child, screen: vt100::Parser::new(non_zero(24), non_zero(80), 200) }
    }

    pub fn type_in(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).unwrap();
        self.screen.screen_mut().set_size(non_zero(rows), non_zero(columns));
    }

    /// Returns the text on the screen.
    pub fn text(&mut self) -> String {
        while let Ok(chunk) = self.chunks.try_recv() {
            self.screen.process(&chunk);
        }
        self.screen.screen().contents()
    }

    /// Waits until the text is on the screen.
    #[track_caller]
    pub fn wait_for(&mut self, wanted: &str) {
        self.wait_until(wanted, |screen| screen.contains(wanted));
    }

    #[track_caller]
    pub fn wait_until(&mut self, what: &str, is_there: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        loop {
            let text = self.text();
            if is_there(&text) {
                return;
            }
            assert!(begun.elapsed() < SCREEN_TIMEOUT, "waited in vain for {what:?}; the screen:\n{text}");
            if let Ok(chunk) = self.chunks.recv_timeout(Duration::from_millis(50)) {
                self.screen.process(&chunk);
            }
        }
    }

    /// Whether the terminal's settings are those of raw mode: no line by line input and no echo.
    pub fn is_raw(&self) -> bool {
        !self.modes().intersects(rustix::termios::LocalModes::ICANON | rustix::termios::LocalModes::ECHO)
    }

    fn modes(&self) -> rustix::termios::LocalModes {
        let fd = self.master.as_raw_fd().unwrap();
        // SAFETY: the master owns the descriptor and outlives this call.
        #[allow(unsafe_code, reason = "portable-pty lends its descriptor as a bare number")]
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        rustix::termios::tcgetattr(fd).unwrap().local_modes
    }

    /// Types a secret once the echo is off, which happens a moment after the prompt appears.
    #[track_caller]
    pub fn type_secret(&mut self, text: &str) {
        let begun = Instant::now();
        while self.echoes() {
            assert!(begun.elapsed() < SCREEN_TIMEOUT, "the echo is not switched off");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.type_in(text);
    }

    fn echoes(&self) -> bool {
        self.modes().intersects(rustix::termios::LocalModes::ECHO)
    }

    #[track_caller]
    pub fn wait_raw(&mut self, raw: bool) {
        let begun = Instant::now();
        while self.is_raw() != raw {
            let text = self.text();
            assert!(begun.elapsed() < SCREEN_TIMEOUT, "raw mode is not {raw}; the screen:\n{text}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the shell to exit and returns its status.
    #[track_caller]
    pub fn wait(&mut self) -> u32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                std::thread::sleep(Duration::from_millis(50));
                return status.exit_code();
            }
            let text = self.text();
            assert!(begun.elapsed() < SCREEN_TIMEOUT, "it does not end; the screen:\n{text}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn non_zero(size: u16) -> NonZero<u16> {
    NonZero::new(size).expect("a terminal has a size")
}
