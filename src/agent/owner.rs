//! The ssh process that we work for: whoever started us. When it is gone, nobody needs us any more.

use std::time::Duration;

#[cfg(target_os = "linux")]
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, getppid, test_kill_process};

/// How often we look where the system cannot tell us.
const LOOK: Duration = Duration::from_millis(200);

/// The process that started us, as we are its ProxyCommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(Option<Pid>);

impl Owner {
    /// Our parent. One in another pid namespace has no number here, and is never seen to go.
    pub fn parent() -> Self {
        Self(getppid())
    }

    /// The process with this number; 0 for none that can be seen.
    pub fn numbered(number: i32) -> Self {
        Self(Pid::from_raw(number.max(0)))
    }

    /// Its number; 0 for none that can be seen.
    pub fn number(self) -> i32 {
        Pid::as_raw(self.0)
    }

    /// Whether a process with this number is the one.
    pub fn is(self, number: i32) -> bool {
        number != 0 && number == self.number()
    }

    /// Whether it has gone, also where nobody has asked for its status yet.
    pub fn has_gone(self) -> bool {
        let Some(pid) = self.0 else { return false };
        #[cfg(target_os = "linux")]
        if let Ok(has_gone) = look_at(pid, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            return has_gone;
        }
        !is_alive(pid)
    }

    /// Waits until it has gone.
    pub async fn gone(self) {
        let Some(pid) = self.0 else { return std::future::pending().await };
        #[cfg(target_os = "linux")]
        if let Ok(Ok(true)) = tokio::task::spawn_blocking(move || look_at(pid, None)).await {
            return;
        }
        while is_alive(pid) {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Waits for its end, for ever or for so long; says whether it has come. A thread that waits is left behind when we end
/// first.
#[cfg(target_os = "linux")]
fn look_at(pid: Pid, patience: Option<&Timespec>) -> rustix::io::Result<bool> {
    let process = match rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
        Err(rustix::io::Errno::SRCH) => return Ok(true),
        other => other?,
    };
    loop {
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], patience) {
            Err(rustix::io::Errno::INTR) => {}
            other => return other.map(|ready| ready > 0),
        }
    }
}

fn is_alive(pid: Pid) -> bool {
    test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

/// Whether there is a process with this number.
pub fn is_running(number: i32) -> bool {
    Pid::from_raw(number.max(0)).is_some_and(is_alive)
}
