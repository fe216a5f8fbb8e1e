//! `-f`: goes to the background once the login is done and the forwards stand.
//!
//! A process with threads cannot be forked safely. So the work is done from the beginning by a child with the same arguments, which has the
//! same terminal for its questions; this process waits until the child is ready, or has ended.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::process::{Command, ExitStatus};

/// The environment variable that names the child's end of the pipe.
const VARIABLE: &str = "EC2SSH_BACKGROUND_FD";

/// Whether this process is the child that goes to the background.
pub(crate) fn is_child() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Runs the program once more with these arguments, and waits until it is ready or has ended. `None` means that it goes on in the
/// background.
///
/// # Errors
/// The program cannot be started.
pub(crate) fn run_in_child(args: &[OsString]) -> io::Result<Option<ExitStatus>> {
    let (mut ready, child_end) = io::pipe()?;
    // Inherited by the child alone, which is started next.
    rustix::io::fcntl_setfd(&child_end, rustix::io::FdFlags::empty())?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&child_end).to_string();
    let mut command = Command::new(std::env::current_exe()?);
    if let Some(name) = args.first() {
        std::os::unix::process::CommandExt::arg0(&mut command, name);
    }
    let mut child = command.args(args.iter().skip(1)).env(VARIABLE, number).spawn()?;
    drop(child_end);
    if ready.read(&mut [0])? == 1 {
        return Ok(None);
    }
    child.wait().map(Some)
}

/// Leaves the terminal and lets the parent end. Without `keeps_output` nothing of this process holds the caller's standard streams open.
pub(super) fn go_to_background(keeps_output: bool) -> io::Result<()> {
    let Ok(number) = std::env::var(VARIABLE) else { return Ok(()) };
    // It fails where the process leads its group already: then it is in nobody's foreground.
    let _ = rustix::process::setsid();
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    if !keeps_output {
        rustix::stdio::dup2_stdout(&null)?;
        rustix::stdio::dup2_stderr(&null)?;
    }
    OpenOptions::new().write(true).open(format!("/dev/fd/{number}"))?.write_all(b"r")
}
