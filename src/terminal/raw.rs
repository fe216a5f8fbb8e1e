//! Raw mode on the local terminal, which always ends: on drop, on panic, on a signal and while suspended.
//!
//! The terminal's original settings are kept in one place for the whole process, so that every way to exit can restore
//! them.

use std::io::{self, IsTerminal};
use std::sync::Mutex;

/// The size of a terminal window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Width in character cells.
    pub columns: u16,
    /// Height in character cells.
    pub rows: u16,
    /// Width in pixels, 0 if unknown.
    pub width: u16,
    /// Height in pixels, 0 if unknown.
    pub height: u16,
}

/// The terminal's original settings, while they are changed.
static ORIGINAL: Mutex<Option<imp::Settings>> = Mutex::new(None);

/// A guard for raw mode, which ends when it is dropped.
#[derive(Debug)]
pub struct RawMode(());

impl RawMode {
    /// Puts the terminal on standard input into raw mode. Input that was already typed is kept.
    ///
    /// # Errors
    /// Fails if standard input is not a terminal or its settings cannot be changed.
    pub fn enter() -> io::Result<Self> {
        save_settings()?;
        imp::make_raw()?;
        Ok(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

/// Saves the terminal's settings for [`restore`], unless they are saved already. To be called before anything that
/// changes them, a passphrase prompt included.
///
/// # Errors
/// Fails if there is no terminal.
pub(crate) fn save_settings() -> io::Result<()> {
    let mut original = lock();
    if original.is_none() {
        *original = Some(imp::settings()?);
    }
    Ok(())
}

/// Restores the settings that [`save_settings`] saved, if any. May be called at any time and repeatedly.
pub(crate) fn restore() {
    if let Some(settings) = lock().take() {
        imp::apply(&settings);
    }
}

/// Locks the saved settings. They are still valid if a panic has poisoned the lock.
fn lock() -> std::sync::MutexGuard<'static, Option<imp::Settings>> {
    ORIGINAL.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Whether standard input is a terminal.
pub(crate) fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Opens the controlling terminal for another program to read from, if this process is in its foreground: a program in the
/// background would be stopped.
pub(crate) fn open_foreground() -> Option<std::fs::File> {
    imp::open_foreground().filter(|_| io::stderr().is_terminal())
}

/// Returns the size of the terminal on standard output, else input, else error.
pub(crate) fn size() -> Option<Size> {
    imp::size()
}

/// Returns the terminal's modes and speeds as the opcodes and values of RFC 4254, section 8.
pub(crate) fn modes() -> Vec<(u8, u32)> {
    imp::modes()
}

/// Closes standard output for its readers while the process keeps running, so that they see a half-close.
pub(crate) fn close_stdout() {
    imp::close_stdout();
}

/// Closes standard input while the process keeps running.
#[cfg(unix)]
pub(crate) fn close_stdin() {
    imp::close_stdin();
}

/// Closes standard error while the process keeps running.
#[cfg(unix)]
pub(crate) fn close_stderr() {
    imp::close_stderr();
}

#[cfg(unix)]
mod imp {
    use std::fs::{File, OpenOptions};
    use std::io;

    use rustix::stdio::{stderr, stdin, stdout};
    use rustix::termios::{
        ControlModes, InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios, tcgetattr,
        tcgetwinsize, tcsetattr,
    };

    use super::Size;

    pub(super) type Settings = Termios;

    /// Opens the controlling terminal. A passphrase prompt changes the settings of `/dev/tty`, wherever standard input
    /// comes from.
    fn controlling_terminal() -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open("/dev/tty")
    }

    pub(super) fn open_foreground() -> Option<File> {
        let terminal = controlling_terminal().ok()?;
        let foreground = rustix::termios::tcgetpgrp(&terminal).ok()?;
        (foreground == rustix::process::getpgrp()).then_some(terminal)
    }

    pub(super) fn settings() -> io::Result<Settings> {
        match tcgetattr(stdin()) {
            Ok(settings) => Ok(settings),
            Err(_) => Ok(tcgetattr(controlling_terminal()?)?),
        }
    }

    pub(super) fn make_raw() -> io::Result<()> {
        let mut settings = tcgetattr(stdin())?;
        settings.make_raw();
        // The action is not Flush, because input that was typed while connecting belongs to the session.
        tcsetattr(stdin(), OptionalActions::Drain, &settings)?;
        Ok(())
    }

    pub(super) fn apply(settings: &Settings) {
        // If the controlling terminal fails too, the terminal is gone and nothing can be restored.
        if tcsetattr(stdin(), OptionalActions::Now, settings).is_err()
            && let Ok(terminal) = controlling_terminal()
        {
            let _ = tcsetattr(terminal, OptionalActions::Now, settings);
        }
    }

    pub(super) fn size() -> Option<Size> {
        let size =
            tcgetwinsize(stdout()).or_else(|_| tcgetwinsize(stdin())).or_else(|_| tcgetwinsize(stderr())).ok()?;
        Some(Size { columns: size.ws_col, rows: size.ws_row, width: size.ws_xpixel, height: size.ws_ypixel })
    }

    pub(super) fn close_stdout() {
        if let Ok(null) = OpenOptions::new().write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stdout(&null);
        }
    }

    pub(super) fn close_stdin() {
        if let Ok(null) = OpenOptions::new().read(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stdin(&null);
        }
    }

    pub(super) fn close_stderr() {
        if let Ok(null) = OpenOptions::new().write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stderr(&null);
        }
    }

    /// Reads the modes with the opcodes of RFC 4254, section 8, "Encoding of Terminal Modes"; 42 (IUTF8) is from RFC
    /// 8160.
    pub(super) fn modes() -> Vec<(u8, u32)> {
        let Ok(now) = tcgetattr(stdin()) else { return Vec::new() };
        let codes = [
            (1, SpecialCodeIndex::VINTR),
            (2, SpecialCodeIndex::VQUIT),
            (3, SpecialCodeIndex::VERASE),
            (4, SpecialCodeIndex::VKILL),
            (5, SpecialCodeIndex::VEOF),
            (6, SpecialCodeIndex::VEOL),
            (7, SpecialCodeIndex::VEOL2),
            (8, SpecialCodeIndex::VSTART),
            (9, SpecialCodeIndex::VSTOP),
            (10, SpecialCodeIndex::VSUSP),
            (12, SpecialCodeIndex::VREPRINT),
            (13, SpecialCodeIndex::VWERASE),
            (14, SpecialCodeIndex::VLNEXT),
            (18, SpecialCodeIndex::VDISCARD),
        ];
        let mut modes: Vec<(u8, u32)> =
            codes.into_iter().map(|(number, index)| (number, u32::from(now.special_codes[index]))).collect();
        let input = [
            (30, InputModes::IGNPAR),
            (31, InputModes::PARMRK),
            (32, InputModes::INPCK),
            (33, InputModes::ISTRIP),
            (34, InputModes::INLCR),
            (35, InputModes::IGNCR),
            (36, InputModes::ICRNL),
            (38, InputModes::IXON),
            (39, InputModes::IXANY),
            (40, InputModes::IXOFF),
            (41, InputModes::IMAXBEL),
            (42, InputModes::IUTF8),
        ];
        let local = [
            (50, LocalModes::ISIG),
            (51, LocalModes::ICANON),
            (53, LocalModes::ECHO),
            (54, LocalModes::ECHOE),
            (55, LocalModes::ECHOK),
            (56, LocalModes::ECHONL),
            (57, LocalModes::NOFLSH),
            (58, LocalModes::TOSTOP),
            (59, LocalModes::IEXTEN),
            (60, LocalModes::ECHOCTL),
            (61, LocalModes::ECHOKE),
        ];
        let output = [(70, OutputModes::OPOST), (72, OutputModes::ONLCR), (73, OutputModes::OCRNL)];
        let control = [(90, ControlModes::CS7), (91, ControlModes::CS8), (92, ControlModes::PARENB)];
        modes.extend(input.map(|(number, flag)| (number, u32::from(now.input_modes.contains(flag)))));
        modes.extend(local.map(|(number, flag)| (number, u32::from(now.local_modes.contains(flag)))));
        modes.extend(output.map(|(number, flag)| (number, u32::from(now.output_modes.contains(flag)))));
        modes.extend(control.map(|(number, flag)| (number, u32::from(now.control_modes.contains(flag)))));
        modes.extend([(128, now.input_speed()), (129, now.output_speed())]);
        modes
    }
}

#[cfg(not(unix))]
mod imp {
    //! A placeholder for the console API. Until it exists, sessions on this platform have no raw mode.
    use std::io;

    use super::Size;

    #[derive(Debug)]
    pub struct Settings;

    pub fn open_foreground() -> Option<std::fs::File> {
        None
    }

    pub fn settings() -> io::Result<Settings> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn make_raw() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn apply(_: &Settings) {}

    pub fn size() -> Option<Size> {
        None
    }

    pub fn close_stdout() {}

    pub fn modes() -> Vec<(u8, u32)> {
        Vec::new()
    }
}
