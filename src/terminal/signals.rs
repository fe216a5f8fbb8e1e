//! Signals as futures: those that end the process, a resize, and suspending oneself.

use std::io;

/// The signals that end us, as futures that are made once and early.
#[derive(Debug)]
pub struct Fatal(imp::Fatal);

impl Fatal {
    /// From now on SIGINT, SIGTERM and SIGHUP do not kill at once: they are waited for.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn install() -> io::Result<Self> {
        Ok(Self(imp::Fatal::install(true)?))
    }

    /// As [`Fatal::install`], and SIGHUP does nothing: with it ssh says to its ProxyCommand that it is about to end.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn without_hangup() -> io::Result<Self> {
        Ok(Self(imp::Fatal::install(false)?))
    }

    /// The number of the signal that arrived.
    pub async fn wait(&mut self) -> u8 {
        self.0.wait().await
    }
}

/// Changes of the terminal: its size, being suspended and being woken.
#[derive(Debug)]
pub struct Changes(imp::Changes);

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The window has another size (SIGWINCH).
    Resized,
    /// Somebody asks us to stop (SIGTSTP).
    Suspend,
    /// We go on after a stop (SIGCONT): the terminal may be in another mode and size.
    Continued,
}

impl Changes {
    /// Starts to listen.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn listen() -> io::Result<Self> {
        Ok(Self(imp::Changes::listen()?))
    }

    /// The next change.
    pub async fn next(&mut self) -> Change {
        self.0.next().await
    }
}

/// Stops this process until it is continued.
pub fn stop_self() {
    imp::stop_self();
}

/// Stops the whole job until it is continued, as the terminal's Ctrl-Z would: a script that waits for us has to stop too,
/// or nobody gets the shell back.
pub fn stop_job() {
    imp::stop_job();
}

/// Whether no shell of this terminal waits for us (`tmux new-window 'ec2ssh web'`): once stopped, nobody could continue us.
/// The system protects such processes from the terminal's own stop signal; SIGSTOP it does not.
pub fn is_orphan() -> bool {
    imp::is_orphan()
}

#[cfg(unix)]
mod imp {
    use std::io;

    use nix::unistd::{getpgrp, getppid, getsid};
    use rustix::process::{Signal as Number, getpid, kill_current_process_group, kill_process};
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::Change;

    #[derive(Debug)]
    pub struct Fatal {
        interrupt: Signal,
        terminate: Signal,
        hangup: Signal,
        heeds_hangup: bool,
    }

    impl Fatal {
        pub fn install(heeds_hangup: bool) -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
                heeds_hangup,
            })
        }

        pub async fn wait(&mut self) -> u8 {
            tokio::select! {
                _ = self.interrupt.recv() => 2,
                _ = self.terminate.recv() => 15,
                _ = self.hangup.recv(), if self.heeds_hangup => 1,
            }
        }
    }

    #[derive(Debug)]
    pub struct Changes {
        resized: Signal,
        suspend: Signal,
        continued: Signal,
    }

    impl Changes {
        pub fn listen() -> io::Result<Self> {
            Ok(Self {
                resized: signal(SignalKind::window_change())?,
                suspend: signal(SignalKind::from_raw(Number::TSTP.as_raw()))?,
                continued: signal(SignalKind::from_raw(Number::CONT.as_raw()))?,
            })
        }

        pub async fn next(&mut self) -> Change {
            tokio::select! {
                _ = self.resized.recv() => Change::Resized,
                _ = self.suspend.recv() => Change::Suspend,
                _ = self.continued.recv() => Change::Continued,
            }
        }
    }

    pub fn stop_self() {
        // SIGSTOP, for SIGTSTP is the one we listen to ourselves. The call returns once we are continued.
        let _ = kill_process(getpid(), Number::STOP);
    }

    pub fn is_orphan() -> bool {
        // Both are 0 for whatever lives outside our pid namespace: a parent that is no shell of ours (`docker exec`).
        let parent = getppid();
        let Ok(session) = getsid(None) else { return true };
        let is_alone = parent.as_raw() == 0 || getsid(Some(parent)) != Ok(session);
        // A shell that leads the session and has us in its own group has no job control: it would be stopped with us.
        is_alone || session == getpgrp()
    }

    pub fn stop_job() {
        let _ = kill_current_process_group(Number::STOP);
    }
}

#[cfg(not(unix))]
mod imp {
    use std::future::pending;
    use std::io;

    use super::Change;

    #[derive(Debug)]
    pub struct Fatal;

    impl Fatal {
        pub fn install(_: bool) -> io::Result<Self> {
            Ok(Self)
        }

        pub async fn wait(&mut self) -> u8 {
            match tokio::signal::ctrl_c().await {
                Ok(()) => 2,
                Err(_) => pending().await,
            }
        }
    }

    #[derive(Debug)]
    pub struct Changes;

    impl Changes {
        pub fn listen() -> io::Result<Self> {
            Ok(Self)
        }

        pub async fn next(&mut self) -> Change {
            pending().await
        }
    }

    pub fn stop_self() {}

    pub fn stop_job() {}

    pub fn is_orphan() -> bool {
        true
    }
}
