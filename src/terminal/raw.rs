//! Raw mode on the local terminal, and the promise that it ends: on drop, on panic, on a signal and while suspended.
//!
//! The terminal's own settings are kept in one place for the whole process, so that whoever ends it can restore them.

use std::io::{self, IsTerminal};
use std::sync::Mutex;

/// A terminal's size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Characters.
    pub columns: u16,
    /// Characters.
    pub rows: u16,
    /// Pixels, 0 when not known.
    pub width: u16,
    /// Pixels, 0 when not known.
    pub height: u16,
}

/// The settings of the terminal before anybody changed them, while they are changed.
static ORIGINAL: Mutex<Option<imp::Settings>> = Mutex::new(None);

/// Raw mode, as long as it lives.
#[derive(Debug)]
pub struct RawMode(());

impl RawMode {
    /// Puts the terminal on standard input into raw mode. What was typed ahead is kept.
    ///
    /// # Errors
    /// When standard input is no terminal or the terminal refuses.
    pub fn enter() -> io::Result<Self> {
        remember()?;
        imp::make_raw()?;
        Ok(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

/// Notes the terminal's settings, if there is a terminal and they are not noted yet, so that [`restore`] can bring
/// them back. Called before anything that changes them, a passphrase prompt included.
///
/// # Errors
/// When there is no terminal.
pub fn remember() -> io::Result<()> {
    let mut original = lock();
    if original.is_none() {
        *original = Some(imp::settings()?);
    }
    Ok(())
}

/// Brings back what [`remember`] noted; does nothing when nothing was. Safe to call at any time, twice too.
pub fn restore() {
    if let Some(settings) = lock().take() {
        imp::apply(&settings);
    }
}

/// A panic may have poisoned the lock; the settings in it are still the right ones.
fn lock() -> std::sync::MutexGuard<'static, Option<imp::Settings>> {
    ORIGINAL.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Whether standard input is a terminal.
pub fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Whether standard output is a terminal.
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// The size of the terminal on standard output, else input, else error.
pub fn size() -> Option<Size> {
    imp::size()
}

/// The terminal's modes as the pairs that RFC 4254 section 8 numbers, together with the terminal's speed.
pub fn modes() -> Vec<(u8, u32)> {
    imp::modes()
}

/// Closes standard output for those who read it, while the process goes on: a half-close must reach them.
pub fn close_stdout() {
    imp::close_stdout();
}

/// Gives standard input up, while this process goes on.
#[cfg(unix)]
pub fn close_stdin() {
    imp::close_stdin();
}

/// Gives standard error up, while this process goes on.
#[cfg(unix)]
pub fn close_stderr() {
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

    pub type Settings = Termios;

    /// A passphrase prompt changes the terminal that it finds at `/dev/tty`, whatever standard input is.
    fn controlling_terminal() -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open("/dev/tty")
    }

    pub fn settings() -> io::Result<Settings> {
        match tcgetattr(stdin()) {
            Ok(settings) => Ok(settings),
            Err(_) => Ok(tcgetattr(controlling_terminal()?)?),
        }
    }

    pub fn make_raw() -> io::Result<()> {
        let mut settings = tcgetattr(stdin())?;
        settings.make_raw();
        // Not Flush: what was typed while we connected belongs to the session.
        tcsetattr(stdin(), OptionalActions::Drain, &settings)?;
        Ok(())
    }

    pub fn apply(settings: &Settings) {
        // Nothing can be done about a terminal that has gone.
        if tcsetattr(stdin(), OptionalActions::Now, settings).is_err()
            && let Ok(terminal) = controlling_terminal()
        {
            let _ = tcsetattr(terminal, OptionalActions::Now, settings);
        }
    }

    pub fn size() -> Option<Size> {
        let size =
            tcgetwinsize(stdout()).or_else(|_| tcgetwinsize(stdin())).or_else(|_| tcgetwinsize(stderr())).ok()?;
        Some(Size { columns: size.ws_col, rows: size.ws_row, width: size.ws_xpixel, height: size.ws_ypixel })
    }

    pub fn close_stdout() {
        if let Ok(null) = OpenOptions::new().write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stdout(&null);
        }
    }

    pub fn close_stdin() {
        if let Ok(null) = OpenOptions::new().read(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stdin(&null);
        }
    }

    pub fn close_stderr() {
        if let Ok(null) = OpenOptions::new().write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stderr(&null);
        }
    }

    /// RFC 4254 section 8, "Encoding of Terminal Modes"; 42 (IUTF8) is RFC 8160's.
    pub fn modes() -> Vec<(u8, u32)> {
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
    //! Room for the console API: until it is built a session has no raw mode there.
    use std::io;

    use super::Size;

    #[derive(Debug)]
    pub struct Settings;

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
