//! A single session channel: a shell or a command, with or without a pty. The session moves bytes between the channel
//! and the given input and output; it does not know the terminal.
//!
//! Input, output and error are separate and binary-clean; the end of one is not the end of the others. Output is
//! written before the next message is taken, so a slow reader makes the server wait instead of filling memory.
//!
//! Limitation of russh 0.65: while a reader takes no data, russh's loop waits with it and does not answer the server's
//! keepalives. A server with ClientAliveInterval eventually ends such a session; OpenSSH's client would keep it.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Pty, Sig};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Error;
use super::client::Connection;

const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// The number of bytes after which gathered output is written, even if more has already arrived.
const MAX_BATCH_SIZE: usize = 256 * 1024;

/// The remote program to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// The login shell of the user.
    Shell,
    /// A command line for the login shell.
    Command(String),
    /// No program: the connection is only held open.
    Nothing,
}

/// A request for a pseudo-terminal (pty).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PtyRequest {
    /// The value of the TERM variable.
    pub term: String,
    /// The size of the terminal.
    pub size: WindowSize,
    /// The terminal modes, numbered as in RFC 4254 section 8.
    pub modes: Vec<(u8, u32)>,
}

/// The size of a terminal window in characters and pixels (0 if unknown).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are self-explanatory")]
pub struct WindowSize {
    pub columns: u32,
    pub rows: u32,
    pub width: u32,
    pub height: u32,
}

/// An input event from the local side.
#[derive(Debug)]
pub enum Input {
    /// Bytes for the remote program.
    Bytes(Vec<u8>),
    /// The end of the local input.
    Eof,
    /// The window has been resized to this size.
    Resized(WindowSize),
}

/// The way in which the remote program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The program exited with this status.
    Status(u32),
    /// The program was ended by a signal, named without `SIG`; untrusted.
    Signal(String),
    /// The server closed the channel without a status or a signal.
    Unknown,
    /// The reader of the local output has closed it.
    OutputClosed,
}

impl Exit {
    /// Returns the exit status for this process: the program's status, 128+n for signal n, 255 if the server sent
    /// neither.
    pub fn code(&self) -> u8 {
        match self {
            Self::Status(status) => u8::try_from(status & 0xff).unwrap_or(u8::MAX),
            Self::Signal(name) => signal_number(name).map_or(255, |number| 128 + number),
            Self::Unknown => 255,
            Self::OutputClosed => 128 + 13,
        }
    }
}

/// Returns the usual number of a signal from RFC 4254 section 6.10.
fn signal_number(name: &str) -> Option<u8> {
    Some(match name {
        "HUP" => 1,
        "INT" => 2,
        "QUIT" => 3,
        "ILL" => 4,
        "TRAP" => 5,
        "ABRT" => 6,
        "BUS" => 7,
        "FPE" => 8,
        "KILL" => 9,
        "USR1" => 10,
        "SEGV" => 11,
        "USR2" => 12,
        "PIPE" => 13,
        "ALRM" => 14,
        "TERM" => 15,
        _ => return None,
    })
}

/// An open session whose program is running.
pub struct Session {
    reader: ChannelReadHalf,
    writer: ChannelWriteHalf<Msg>,
}

impl Connection {
    /// Opens a session and starts the program in it.
    ///
    /// # Errors
    /// If the server refuses the channel, the pty or the program, or if the connection ends.
    pub async fn open_session(&self, program: &Program, pty: Option<&PtyRequest>) -> Result<Session, Error> {
        let opened = self.handle.channel_open_session().await;
        let channel = opened.map_err(|error| match error {
            russh::Error::ChannelOpenFailure(_) => Error::Refused("open a session"),
            other => self.reason(other),
        })?;
        let mut session = Session::new(channel);
        session.start(program, pty).await.map_err(|error| self.with_disconnect_reason(error))?;
        Ok(session)
    }

    /// Runs the session to its end.
    ///
    /// # Errors
    /// If the connection ends before the program does, or if local output fails.
    pub async fn run<O, E>(
        &self,
        session: Session,
        input: mpsc::Receiver<Input>,
        io: Outputs<O, E>,
    ) -> Result<Exit, Error>
    where
        O: AsyncWrite + Unpin,
        E: AsyncWrite + Unpin,
    {
        let exit = session.run(input, io).await?;
        match (exit, self.handle.is_closed()) {
            // The channel may have ended because the connection was lost.
            (Exit::Unknown, _) => match self.shared.take_reason() {
                Some(reason) => Err(reason),
                None if self.handle.is_closed() => Err(Error::Lost("closed by remote host".to_owned())),
                None => Ok(Exit::Unknown),
            },
            (exit, _) => Ok(exit),
        }
    }

    /// Holds the connection open until it ends.
    pub async fn hold(&self) -> Error {
        while !self.handle.is_closed() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.shared.take_reason().unwrap_or_else(|| Error::Lost("closed by remote host".to_owned()))
    }

    fn reason(&self, error: russh::Error) -> Error {
        self.shared.take_reason().unwrap_or_else(|| Error::from_protocol(error))
    }

    fn with_disconnect_reason(&self, error: Error) -> Error {
        match error {
            Error::Lost(_) => self.shared.take_reason().unwrap_or(error),
            other => other,
        }
    }
}

/// The local destinations of the program's output.
#[derive(Debug)]
pub struct Outputs<O, E> {
    /// The destination of its standard output.
    pub stdout: O,
    /// The destination of its standard error.
    pub stderr: E,
    /// Called at the end of the program's output, which may be long before the program exits.
    pub close_stdout: fn(),
}

impl Session {
    fn new(channel: Channel<Msg>) -> Self {
        let (reader, writer) = channel.split();
        Self { reader, writer }
    }

    /// Sends the requests for the pty and the program together, then waits for both answers: one round trip instead of
    /// two.
    async fn start(&mut self, program: &Program, pty: Option<&PtyRequest>) -> Result<(), Error> {
        let mut asked = Vec::new();
        if let Some(pty) = pty {
            self.request_pty(pty).await?;
            asked.push("allocate a terminal");
        }
        let sent = match program {
            Program::Nothing => Ok(()),
            Program::Shell => {
                asked.push("start a shell");
                self.writer.request_shell(true).await
            }
            Program::Command(line) => {
                asked.push("run the command");
                self.writer.exec(true, line.as_bytes()).await
            }
        };
        sent.map_err(Error::from_protocol)?;
        for what in asked {
            self.confirmed(what).await?;
        }
        Ok(())
    }

    async fn request_pty(&self, pty: &PtyRequest) -> Result<(), Error> {
        let modes: Vec<(Pty, u32)> =
            pty.modes.iter().filter_map(|(number, value)| Some((Pty::from_u8(*number)?, *value))).collect();
        let WindowSize { columns, rows, width, height } = pty.size;
        let sent = self.writer.request_pty(true, &pty.term, columns, rows, width, height, &modes).await;
        sent.map_err(Error::from_protocol)
    }

    /// Waits for the server's answer to a request; by RFC 4254 section 5.4 it comes before the program's output.
    async fn confirmed(&mut self, what: &'static str) -> Result<(), Error> {
        loop {
            match self.reader.wait().await {
                Some(ChannelMsg::Success) => return Ok(()),
                Some(ChannelMsg::Failure) => return Err(Error::Refused(what)),
                Some(ChannelMsg::Close) | None => {
                    return Err(Error::Lost(format!(
                        "the channel was closed before the server answered the request to {what}"
                    )));
                }
                // The channel's open confirmation and window adjustments may arrive first.
                Some(_) => {}
            }
        }
    }

    async fn run<O, E>(self, input: mpsc::Receiver<Input>, mut io: Outputs<O, E>) -> Result<Exit, Error>
    where
        O: AsyncWrite + Unpin,
        E: AsyncWrite + Unpin,
    {
        let Self { reader, writer } = self;
        let receive = receive(reader, &mut io);
        tokio::pin!(receive);
        let result = tokio::select! {
            result = &mut receive => result,
            () = send(input, &writer) => receive.await,
        };
        if matches!(result, Ok(Exit::OutputClosed) | Err(_)) {
            // The server is told that the channel is closed, with a timeout because the connection may hang.
            let _ = timeout(CLOSE_TIMEOUT, writer.close()).await;
        }
        result
    }
}

/// Sends local input; returns at the end of the input, or when the channel no longer accepts data.
async fn send(mut input: mpsc::Receiver<Input>, writer: &ChannelWriteHalf<Msg>) {
    while let Some(next) = input.recv().await {
        let sent = match next {
            Input::Bytes(bytes) => writer.data_bytes(bytes).await,
            Input::Eof => writer.eof().await,
            Input::Resized(WindowSize { columns, rows, width, height }) => {
                writer.window_change(columns, rows, width, height).await
            }
        };
        // The channel has ended; the receiving side reports how.
        if sent.is_err() {
            return;
        }
    }
}

/// Writes the program's output until the channel is closed.
///
/// The function owns the reader: when the local output is closed, unread messages are dropped with the reader, and
/// russh's loop, which may be waiting for room in it, continues.
async fn receive<O, E>(mut reader: ChannelReadHalf, io: &mut Outputs<O, E>) -> Result<Exit, Error>
where
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    let mut exit = Exit::Unknown;
    let mut batch = Batch::default();
    let mut next = None;
    while let Some(message) = match next.take() {
        None => reader.wait().await,
        held => held,
    } {
        let written = match message {
            ChannelMsg::Data { data } => {
                next = batch.fill(data, &mut reader);
                batch.write(&mut io.stdout).await.map_err(|error| ("standard output", error))
            }
            ChannelMsg::ExtendedData { data, ext: 1 } => {
                write(&mut io.stderr, &data).await.map_err(|error| ("standard error", error))
            }
            ChannelMsg::Eof => {
                (io.close_stdout)();
                Ok(())
            }
            ChannelMsg::ExitStatus { exit_status } => {
                exit = Exit::Status(exit_status);
                Ok(())
            }
            ChannelMsg::ExitSignal { signal_name, .. } => {
                exit = Exit::Signal(name(&signal_name));
                Ok(())
            }
            ChannelMsg::Close => break,
            _ => Ok(()),
        };
        match written {
            Ok(()) => {}
            Err((_, error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::OutputClosed),
            Err((stream, source)) => return Err(Error::Local { stream, source }),
        }
    }
    Ok(exit)
}

/// Received output that is written at once: each write to a standard stream waits for a thread, which is too expensive
/// for every message.
#[derive(Default)]
struct Batch {
    /// The first message, which is usually the only one.
    first: Bytes,
    /// The content of all messages, if there are several.
    all: Vec<u8>,
}

impl Batch {
    /// Takes this message and the output messages after it that have already arrived; returns the first other message.
    fn fill(&mut self, first: Bytes, reader: &mut ChannelReadHalf) -> Option<ChannelMsg> {
        self.first = first;
        self.all.clear();
        while self.all.len() < MAX_BATCH_SIZE {
            match reader.wait().now_or_never()?? {
                ChannelMsg::Data { data } => {
                    if self.all.is_empty() {
                        self.all.extend_from_slice(&self.first);
                    }
                    self.all.extend_from_slice(&data);
                }
                ChannelMsg::WindowAdjusted { .. } => {}
                other => return Some(other),
            }
        }
        None
    }

    async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        write(to, if self.all.is_empty() { &self.first } else { &self.all }).await
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), data: &[u8]) -> io::Result<()> {
    to.write_all(data).await?;
    to.flush().await
}

fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}
