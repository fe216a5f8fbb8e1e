//! The ssh process that started this program and that the agent works for (the owner). When it exits, the agent is no
//! longer needed.

use std::time::Duration;

#[cfg(target_os = "linux")]
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, getppid, test_kill_process};

/// The poll interval on systems that cannot notify of a process's exit.
const EXIT_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The ssh process that runs this program as its ProxyCommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SshProcess(Option<Pid>);

impl SshProcess {
    /// Returns the parent process. A parent in another PID namespace has no PID here, so its exit is never noticed.
    pub(crate) fn parent() -> Self {
        Self(getppid())
    }

    /// Returns the process with this PID; 0 stands for a process that is not visible.
    pub(crate) fn from_pid(pid: i32) -> Self {
        Self(Pid::from_raw(pid.max(0)))
    }

    /// Returns the PID; 0 if the process is not visible.
    pub(crate) fn pid(self) -> i32 {
        Pid::as_raw(self.0)
    }

    /// Whether this PID is the owner's.
    pub(crate) fn is(self, pid: i32) -> bool {
        pid != 0 && pid == self.pid()
    }

    /// Whether a process may have a login signed: it is the owner, or one that started it, because a shell may stand between ssh and
    /// this program. Where it is not seen who asks, the folder of the socket decides.
    pub(crate) fn may_sign(self, from: i32) -> bool {
        let owner = self.pid();
        if owner == 0 || from == 0 || owner == from {
            return true;
        }
        let mut ancestors =
            std::iter::successors(parent_of(owner), |pid| parent_of(*pid)).take(MAX_ANCESTORS).peekable();
        ancestors.peek().is_none() || ancestors.any(|ancestor| ancestor == from)
    }

    /// Whether ssh was told to be quiet on its command line (`-q`). Where the command line is not seen, it was not.
    pub(crate) fn is_quiet(self) -> bool {
        let line = std::fs::read(format!("/proc/{}/cmdline", self.pid())).unwrap_or_default();
        is_quiet(line.split(|byte| *byte == 0).map(|word| std::str::from_utf8(word).unwrap_or_default()))
    }

    /// Whether the process has exited, also if it is still a zombie.
    pub(crate) fn has_exited(self) -> bool {
        let Some(pid) = self.0 else { return false };
        #[cfg(target_os = "linux")]
        if let Ok(has_exited) = wait_pidfd(pid, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            return has_exited;
        }
        !is_alive(pid)
    }

    /// Waits until the process has exited.
    pub(crate) async fn exited(self) {
        let Some(pid) = self.0 else { return std::future::pending().await };
        #[cfg(target_os = "linux")]
        if let Ok(Ok(true)) = tokio::task::spawn_blocking(move || wait_pidfd(pid, None)).await {
            return;
        }
        while is_alive(pid) {
            tokio::time::sleep(EXIT_POLL_INTERVAL).await;
        }
    }
}

/// The options of ssh(1) that take a value.
const WITH_VALUE: &str = "BbcDEeFIiJLlmOopPQRSWw";

/// Whether these words of ssh's command line have `-q` or `-o LogLevel=QUIET` before the remote command.
fn is_quiet<'a>(words: impl Iterator<Item = &'a str>) -> bool {
    let mut words = words.skip(1);
    let mut has_host = false;
    while let Some(word) = words.next() {
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            // Options may follow the host; what follows them is the command.
            if std::mem::replace(&mut has_host, true) {
                return false;
            }
            continue;
        };
        for (at, letter) in letters.char_indices() {
            if letter == 'q' {
                return true;
            }
            if WITH_VALUE.contains(letter) {
                let attached = &letters[at + 1..];
                let value = if attached.is_empty() { words.next().unwrap_or_default() } else { attached };
                let is_level = letter == 'o' && value.to_lowercase().replace([' ', '='], "") == "loglevelquiet";
                if is_level {
                    return true;
                }
                break;
            }
        }
    }
    false
}

/// The number of processes above one that are looked at.
const MAX_ANCESTORS: usize = 64;

/// Returns the parent of a process (proc(5), /proc/PID/stat); `None` where that is not seen.
fn parent_of(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program is in parentheses and may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok().filter(|parent| *parent > 0)
}

/// Waits until the process exits, or until the timeout (`None`: without limit); returns whether it has exited. A thread
/// that is still waiting is abandoned when this program ends first.
#[cfg(target_os = "linux")]
fn wait_pidfd(pid: Pid, timeout: Option<&Timespec>) -> rustix::io::Result<bool> {
    let process = match rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
        Err(rustix::io::Errno::SRCH) => return Ok(true),
        other => other?,
    };
    loop {
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], timeout) {
            Err(rustix::io::Errno::INTR) => {}
            other => return other.map(|ready| ready > 0),
        }
    }
}

fn is_alive(pid: Pid) -> bool {
    test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

/// Whether a process with this PID exists.
pub(crate) fn is_running(pid: i32) -> bool {
    Pid::from_raw(pid.max(0)).is_some_and(is_alive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_is_read_as_ssh_reads_it() {
        for (line, expected) in [
            ("ssh web-1", false),
            ("ssh -q web-1", true),
            ("ssh web-1 -q", true),
            ("ssh -tq web-1", true),
            ("ssh -l q web-1", false),
            ("ssh -lq web-1", false),
            ("ssh -o LogLevel=quiet web-1", true),
            ("ssh -oLogLevel=QUIET web-1", true),
            ("ssh -o LogLevel=ERROR web-1", false),
            ("ssh web-1 grep -q x", false),
            ("ssh -p 22 web-1 -v grep -q x", false),
            ("", false),
        ] {
            assert_eq!(is_quiet(line.split(' ')), expected, "{line}");
        }
    }
}
