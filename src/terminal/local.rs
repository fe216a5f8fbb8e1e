//! [`LocalTerminal`]: the local end of a remote program. It owns standard input, raw mode, escapes, resize and suspend,
//! outlives the session it feeds, and can be pointed at another one.

use std::io;
use std::sync::{Mutex, PoisonError};

use tokio::io::AsyncReadExt;
use tokio::sync::{mpsc, watch};

use super::escape::{EscapeFilter, Extra, Typed};
use super::raw::{self, RawMode};
use super::signals::{TerminalEvent, TerminalEvents, is_orphan, stop_job, stop_self};
use crate::program::{Input, PtyRequest, WindowSize};

/// The maximum size of one read from standard input.
const READ_SIZE: usize = 32 * 1024;
/// The number of chunks queued for a session. A longer queue would only use more memory.
const QUEUE_LENGTH: usize = 2;

/// The door to the user for the local terminal's own messages.
pub(crate) trait TerminalUi {
    /// Says whether the terminal is in raw mode, where a line feed alone does not return the carriage.
    fn set_raw(&self, raw: bool);
    /// Shows one line to the user.
    fn notice(&self, text: &str);
    /// Shows several lines to the user.
    fn lines(&self, text: &str);
    /// Lists the forwarded connections for the user.
    fn connections(&self) -> String;
}

/// The local end of a remote program.
pub(crate) struct LocalTerminal<U: TerminalUi> {
    ui: U,
    /// Raw mode, while it is active. `None` without a pty or without a local terminal.
    raw: Mutex<Option<RawMode>>,
    is_terminal: bool,
    reads_stdin: bool,
    escape: Option<u8>,
    extra: Extra,
    /// The session that is fed.
    sink: watch::Sender<Option<mpsc::Sender<Input>>>,
}

impl<U: TerminalUi> Drop for LocalTerminal<U> {
    fn drop(&mut self) {
        self.set_raw(false);
    }
}

impl<U: TerminalUi> LocalTerminal<U> {
    /// Takes over the terminal: in raw mode if the remote program has a pty. Without `reads_stdin` no keys are read, and Ctrl-C
    /// keeps its usual meaning. `escape` is the escape character.
    pub(crate) fn begin(ui: U, has_pty: bool, reads_stdin: bool, escape: Option<u8>, extra: Extra) -> Self {
        let is_terminal = has_pty && reads_stdin && raw::stdin_is_terminal();
        let local =
            Self { ui, raw: Mutex::new(None), is_terminal, reads_stdin, escape, extra, sink: watch::Sender::new(None) };
        local.set_raw(is_terminal);
        local
    }

    /// Points the terminal at a session: its input arrives at the returned receiver from now on. Input that the previous session
    /// has not taken goes to this one.
    pub(crate) fn attach(&self) -> mpsc::Receiver<Input> {
        let (sender, input) = mpsc::channel(QUEUE_LENGTH);
        self.sink.send_replace(Some(sender));
        input
    }

    /// Feeds the attached session until `~.` ends it. The end of standard input does not.
    pub(crate) async fn serve(&self) {
        if !self.reads_stdin {
            self.deliver(Input::Eof).await;
            return std::future::pending().await;
        }
        if !self.is_terminal {
            self.forward_stdin().await;
            return std::future::pending().await;
        }
        // While the server takes nothing, keys must still be read: `~.` is the way out of a dead session. What is typed meanwhile
        // is queued; it is only as much as a person types.
        let (typed, queued) = mpsc::unbounded_channel();
        tokio::select! {
            () = self.forward_keyboard(&typed) => {}
            () = self.forward_events(&typed) => {}
            () = self.deliver_queued(queued) => {}
        }
    }

    /// Hands the input to the attached session; waits for the next one where it has ended.
    async fn deliver(&self, mut input: Input) {
        let mut sinks = self.sink.subscribe();
        loop {
            let sink = sinks.borrow_and_update().clone();
            if let Some(sink) = sink {
                match sink.send(input).await {
                    Ok(()) => return,
                    Err(returned) => input = returned.0,
                }
            }
            if sinks.changed().await.is_err() {
                return;
            }
        }
    }

    async fn deliver_queued(&self, mut queued: mpsc::UnboundedReceiver<Input>) {
        while let Some(input) = queued.recv().await {
            self.deliver(input).await;
        }
        std::future::pending().await
    }

    /// Forwards the keyboard until `~.`.
    async fn forward_keyboard(&self, to: &mpsc::UnboundedSender<Input>) {
        let mut filter = EscapeFilter::new(self.escape, self.extra);
        let mut stdin = tokio::io::stdin();
        let mut chunk = vec![0; READ_SIZE];
        loop {
            let count = match stdin.read(&mut chunk).await {
                Ok(0) | Err(_) => {
                    let _ = to.send(Input::Eof);
                    return std::future::pending().await;
                }
                Ok(count) => count,
            };
            for typed in filter.feed(&chunk[..count]) {
                match typed {
                    Typed::Bytes(bytes) => drop(to.send(Input::Bytes(bytes))),
                    Typed::Disconnect => return,
                    Typed::Help => self.ui.lines(&filter.help()),
                    Typed::Connections => self.ui.lines(&self.ui.connections()),
                    Typed::Suspend if is_orphan() => {
                        self.ui.notice("[ec2ssh not suspended: no shell could resume it]");
                    }
                    Typed::Suspend => self.suspend(to, stop_job),
                }
            }
        }
    }

    /// Forwards resizes, and handles stops that arrive as signals.
    async fn forward_events(&self, to: &mpsc::UnboundedSender<Input>) {
        let Ok(mut events) = TerminalEvents::listen() else { return std::future::pending().await };
        loop {
            match events.next().await {
                TerminalEvent::Resized => drop(to.send(Input::Resized(window_size()))),
                TerminalEvent::Suspend => self.suspend(to, stop_self),
                TerminalEvent::Continued => self.resume(to),
            }
        }
    }

    /// Restores the terminal, stops, and takes the terminal over again once the process is continued.
    fn suspend(&self, to: &mpsc::UnboundedSender<Input>, stop: fn()) {
        self.ui.notice("[ec2ssh suspended; resume with: fg]");
        self.set_raw(false);
        stop();
        self.resume(to);
    }

    fn resume(&self, to: &mpsc::UnboundedSender<Input>) {
        self.set_raw(true);
        let _ = to.send(Input::Resized(window_size()));
    }

    fn set_raw(&self, on: bool) {
        let mut raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner);
        *raw = None;
        if on {
            // A terminal that refuses leaves line by line input: worse, but a session.
            *raw = RawMode::enter().ok();
        }
        self.ui.set_raw(raw.is_some());
    }

    /// Forwards standard input that is not a terminal: all of it, then its end.
    async fn forward_stdin(&self) {
        let mut stdin = tokio::io::stdin();
        loop {
            let mut chunk = vec![0; READ_SIZE];
            match stdin.read(&mut chunk).await {
                Ok(0) => break,
                Ok(count) => {
                    chunk.truncate(count);
                    self.deliver(Input::Bytes(chunk)).await;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.deliver(Input::Eof).await;
    }
}

/// Returns the pty to ask for: the local terminal's size and modes, and this type or the local one.
pub(crate) fn pty_request(term: Option<&str>) -> PtyRequest {
    let term = term.map(str::to_owned).unwrap_or_else(|| {
        let local = std::env::var("TERM").ok().filter(|term| !term.is_empty());
        known_term(local.as_deref().unwrap_or("xterm")).to_owned()
    });
    PtyRequest { term, size: window_size(), modes: raw::modes() }
}

/// Terminals whose descriptions most servers lack; all of them do what an xterm does.
const NEW_TERMINALS: [&str; 10] =
    ["xterm-kitty", "kitty", "xterm-ghostty", "ghostty", "alacritty", "foot", "wezterm", "contour", "rio", "warp"];

/// Returns the terminal's type as servers know it. A type that they do not know leaves `less` and `vim` without a screen.
fn known_term(term: &str) -> &str {
    let is_new = |new: &str| term.strip_prefix(new).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    if NEW_TERMINALS.into_iter().any(is_new) { "xterm-256color" } else { term }
}

fn window_size() -> WindowSize {
    let size = raw::size().unwrap_or_default();
    WindowSize {
        columns: size.columns.into(),
        rows: size.rows.into(),
        width: size.width.into(),
        height: size.height.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_terminals_arrive_as_an_xterm() {
        for term in ["xterm-kitty", "xterm-ghostty", "alacritty", "alacritty-direct", "foot", "foot-extra", "wezterm"] {
            assert_eq!(known_term(term), "xterm-256color");
        }
        for term in ["xterm", "xterm-256color", "tmux-256color", "screen", "vt100", "footnote", "dumb"] {
            assert_eq!(known_term(term), term);
        }
    }

    struct Silent;

    impl TerminalUi for Silent {
        fn set_raw(&self, _: bool) {}
        fn notice(&self, _: &str) {}
        fn lines(&self, _: &str) {}
        fn connections(&self) -> String {
            String::new()
        }
    }

    fn bytes(input: Option<Input>) -> Vec<u8> {
        match input {
            Some(Input::Bytes(bytes)) => bytes,
            other => panic!("{other:?}"),
        }
    }

    /// Input that the first session has not taken goes to the next one, in order.
    #[tokio::test]
    async fn input_follows_to_the_next_session() {
        let local = LocalTerminal::begin(Silent, false, true, None, Extra::Nothing);
        let mut first = local.attach();
        local.deliver(Input::Bytes(b"one".to_vec())).await;
        assert_eq!(bytes(first.recv().await), b"one");
        drop(first);
        let between = local.deliver(Input::Bytes(b"two".to_vec()));
        tokio::pin!(between);
        assert!(futures_util::FutureExt::now_or_never(between.as_mut()).is_none());
        let mut second = local.attach();
        between.await;
        local.deliver(Input::Eof).await;
        assert_eq!(bytes(second.recv().await), b"two");
        assert!(matches!(second.recv().await, Some(Input::Eof)));
    }
}
