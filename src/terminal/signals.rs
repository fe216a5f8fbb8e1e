//! Signals as futures: termination, window resize and suspension.

use std::io;

/// The signals that end this process, as a future. To be created once and early.
#[derive(Debug)]
pub(crate) struct TerminationSignals(imp::TerminationSignals);

impl TerminationSignals {
    /// Installs handlers for SIGINT, SIGTERM and SIGHUP, so that they no longer kill the process but are reported by
    /// [`TerminationSignals::wait`].
    ///
    /// # Errors
    /// Fails if the handlers cannot be installed.
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self(imp::TerminationSignals::install(true)?))
    }

    /// Installs handlers like [`TerminationSignals::install`], but ignores SIGHUP, by which ssh tells its ProxyCommand that it is
    /// about to exit.
    ///
    /// # Errors
    /// Fails if the handlers cannot be installed.
    pub(crate) fn without_hangup() -> io::Result<Self> {
        Ok(Self(imp::TerminationSignals::install(false)?))
    }

    /// Waits for a signal and returns its number.
    pub(crate) async fn wait(&mut self) -> u8 {
        self.0.wait().await
    }
}

/// A stream of terminal events: resize, suspension and continuation.
#[derive(Debug)]
pub(crate) struct TerminalEvents(imp::TerminalEvents);

/// An event of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TerminalEvent {
    /// The window was resized (SIGWINCH).
    Resized,
    /// A stop of this process is requested (SIGTSTP).
    Suspend,
    /// The process continues after a stop (SIGCONT); the terminal may have another mode and size.
    Continued,
}

impl TerminalEvents {
    /// Starts listening for the signals.
    ///
    /// # Errors
    /// Fails if the handlers cannot be installed.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self(imp::TerminalEvents::listen()?))
    }

    /// Waits for the next event.
    pub(crate) async fn next(&mut self) -> TerminalEvent {
        self.0.next().await
    }
}

/// Stops this process until it is continued.
pub(crate) fn stop_self() {
    imp::stop_self();
}

/// Stops the whole job until it is continued, as Ctrl-Z in the terminal would: a script that waits for this process
/// must stop too, or the shell does not get the terminal back.
pub(crate) fn stop_job() {
    imp::stop_job();
}

/// Whether no shell with job control on this terminal waits for this process (`tmux new-window 'ec2ssh web'`): once
/// stopped, nothing could continue it. The kernel protects such processes from the terminal's stop signal, but not from
/// SIGSTOP.
pub(crate) fn is_orphan() -> bool {
    imp::is_orphan()
}

#[cfg(unix)]
mod imp {
    use std::io;

    use nix::unistd::{getpgrp, getppid, getsid};
    use rustix::process::{Signal as Number, getpid, kill_current_process_group, kill_process};
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::TerminalEvent;

    #[derive(Debug)]
    pub(super) struct TerminationSignals {
        interrupt: Signal,
        terminate: Signal,
        hangup: Signal,
        handle_hangup: bool,
    }

    impl TerminationSignals {
        pub(super) fn install(handle_hangup: bool) -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
                handle_hangup,
            })
        }

        pub(super) async fn wait(&mut self) -> u8 {
            tokio::select! {
                _ = self.interrupt.recv() => 2,
                _ = self.terminate.recv() => 15,
                _ = self.hangup.recv(), if self.handle_hangup => 1,
            }
        }
    }

    #[derive(Debug)]
    pub(super) struct TerminalEvents {
        resized: Signal,
        suspend: Signal,
        continued: Signal,
    }

    impl TerminalEvents {
        pub(super) fn listen() -> io::Result<Self> {
            Ok(Self {
                resized: signal(SignalKind::window_change())?,
                suspend: signal(SignalKind::from_raw(Number::TSTP.as_raw()))?,
                continued: signal(SignalKind::from_raw(Number::CONT.as_raw()))?,
            })
        }

        pub(super) async fn next(&mut self) -> TerminalEvent {
            tokio::select! {
                _ = self.resized.recv() => TerminalEvent::Resized,
                _ = self.suspend.recv() => TerminalEvent::Suspend,
                _ = self.continued.recv() => TerminalEvent::Continued,
            }
        }
    }

    pub(super) fn stop_self() {
        // SIGSTOP is sent because SIGTSTP has a handler here. The call returns once the process is continued.
        let _ = kill_process(getpid(), Number::STOP);
    }

    pub(super) fn is_orphan() -> bool {
        // Parent and session are both 0 if they are outside this PID namespace (`docker exec`): such a parent is not a
        // shell of this session.
        let parent = getppid();
        let Ok(session) = getsid(None) else { return true };
        let is_alone = parent.as_raw() == 0 || getsid(Some(parent)) != Ok(session);
        // A session leader with this process in its own group is a shell without job control, which would be stopped as
        // well.
        is_alone || session == getpgrp()
    }

    pub(super) fn stop_job() {
        let _ = kill_current_process_group(Number::STOP);
    }
}

#[cfg(not(unix))]
mod imp {
    use std::future::pending;
    use std::io;

    use super::TerminalEvent;

    #[derive(Debug)]
    pub struct TerminationSignals;

    impl TerminationSignals {
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
    pub struct TerminalEvents;

    impl TerminalEvents {
        pub fn listen() -> io::Result<Self> {
            Ok(Self)
        }

        pub async fn next(&mut self) -> TerminalEvent {
            pending().await
        }
    }

    pub fn stop_self() {}

    pub fn stop_job() {}

    pub fn is_orphan() -> bool {
        true
    }
}
