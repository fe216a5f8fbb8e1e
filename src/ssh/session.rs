//! One session channel: a shell or a command, with or without a pty. It moves bytes between the channel and whatever it
//! is given as input and output; the terminal is not known here.
//!
//! Input, output and error are apart and binary-clean; the end of one is not the end of the others. Output is written
//! before the next message is taken, so a slow reader makes the far side wait instead of filling memory.
//!
//! A limit of russh 0.65: while a reader takes nothing, its loop waits with it and answers no keepalive of the server's.
//! A server with ClientAliveInterval ends such a session in the end; OpenSSH's client would keep it.

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

const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
/// Output is gathered up to so many bytes where more of it is there than was written.
const BATCH: usize = 256 * 1024;

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// The login shell.
    Shell,
    /// A command line for it.
    Command(String),
    /// Nothing: the connection is held open.
    Nothing,
}

/// A pseudo-terminal to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PtyRequest {
    /// The TERM variable.
    pub term: String,
    /// Its size.
    pub size: WindowSize,
    /// Modes as RFC 4254 section 8 numbers them.
    pub modes: Vec<(u8, u32)>,
}

/// A window's size in characters and pixels (0 where not known).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct WindowSize {
    pub columns: u32,
    pub rows: u32,
    pub width: u32,
    pub height: u32,
}

/// What comes from this side.
#[derive(Debug)]
pub enum Input {
    /// Bytes for the program.
    Bytes(Vec<u8>),
    /// No more of them.
    Eof,
    /// The window has another size.
    Resized(WindowSize),
}

/// How the program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Status(u32),
    /// By a signal, named without `SIG`; untrusted.
    Signal(String),
    /// The server closed the channel and said neither.
    Unknown,
    /// Nobody reads our output any more.
    OutputClosed,
}

impl Exit {
    /// The exit status for our own process: the program's, 128+n for a signal, 255 when none was given.
    pub fn code(&self) -> u8 {
        match self {
            Self::Status(status) => u8::try_from(status & 0xff).unwrap_or(u8::MAX),
            Self::Signal(name) => signal_number(name).map_or(255, |number| 128 + number),
            Self::Unknown => 255,
            Self::OutputClosed => 128 + 13,
        }
    }
}

/// The signals of RFC 4254 section 6.10 by their common numbers.
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

/// A session whose program runs.
pub struct Session {
    reader: ChannelReadHalf,
    writer: ChannelWriteHalf<Msg>,
}

impl Connection {
    /// Opens a session and starts the program in it.
    ///
    /// # Errors
    /// When the server refuses the channel, the pty or the program, or the connection ends.
    pub async fn open_session(&self, program: &Program, pty: Option<&PtyRequest>) -> Result<Session, Error> {
        let opened = self.handle.channel_open_session().await;
        let channel = opened.map_err(|error| match error {
            russh::Error::ChannelOpenFailure(_) => Error::Refused("open a session"),
            other => self.reason(other),
        })?;
        let mut session = Session::new(channel);
        session.start(program, pty).await.map_err(|error| self.better(error))?;
        Ok(session)
    }

    /// Runs the session to its end.
    ///
    /// # Errors
    /// When the connection ends before the program has, or our own output fails.
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
            // The connection went, and the channel with it.
            (Exit::Unknown, _) => match self.shared.take_reason() {
                Some(reason) => Err(reason),
                None if self.handle.is_closed() => Err(Error::Lost("the server closed it".to_owned())),
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
        self.shared.take_reason().unwrap_or_else(|| Error::Lost("the server closed it".to_owned()))
    }

    fn reason(&self, error: russh::Error) -> Error {
        self.shared.take_reason().unwrap_or_else(|| Error::from_protocol(error))
    }

    fn better(&self, error: Error) -> Error {
        match error {
            Error::Lost(_) => self.shared.take_reason().unwrap_or(error),
            other => other,
        }
    }
}

/// Where the program's output goes.
#[derive(Debug)]
pub struct Outputs<O, E> {
    /// Its standard output.
    pub stdout: O,
    /// Its standard error.
    pub stderr: E,
    /// Called when the program's output has ended, which may be long before the program has.
    pub close_stdout: fn(),
}

impl Session {
    fn new(channel: Channel<Msg>) -> Self {
        let (reader, writer) = channel.split();
        Self { reader, writer }
    }

    /// Asks for the pty and the program in one go, then waits for both answers: one round trip, not two.
    async fn start(&mut self, program: &Program, pty: Option<&PtyRequest>) -> Result<(), Error> {
        let mut asked = Vec::new();
        if let Some(pty) = pty {
            self.request_pty(pty).await?;
            asked.push("give a terminal");
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

    /// The server's yes or no to a request; RFC 4254 section 5.4 has it answer before it sends the program's output.
    async fn confirmed(&mut self, what: &'static str) -> Result<(), Error> {
        loop {
            match self.reader.wait().await {
                Some(ChannelMsg::Success) => return Ok(()),
                Some(ChannelMsg::Failure) => return Err(Error::Refused(what)),
                Some(ChannelMsg::Close) | None => return Err(Error::Lost(format!("the server did not {what}"))),
                // The opening's confirmation and window adjustments come in between.
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
            // The program is told, if it can be; the connection may hang.
            let _ = timeout(CLOSE_PATIENCE, writer.close()).await;
        }
        result
    }
}

/// Sends what this side has; returns when there is nothing more to come, or nobody to take it.
async fn send(mut input: mpsc::Receiver<Input>, writer: &ChannelWriteHalf<Msg>) {
    while let Some(next) = input.recv().await {
        let sent = match next {
            Input::Bytes(bytes) => writer.data_bytes(bytes).await,
            Input::Eof => writer.eof().await,
            Input::Resized(WindowSize { columns, rows, width, height }) => {
                writer.window_change(columns, rows, width, height).await
            }
        };
        // The channel has ended; the receiving side will say how.
        if sent.is_err() {
            return;
        }
    }
}

/// Writes what the program says until the channel is closed. It owns the reader: what is left in it when nobody reads our
/// output any more is dropped with it, and russh's loop, which may be waiting for room in it, goes on.
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

/// Output that has come, to be written at once: to write to a standard stream is to wait for a thread, which is not worth
/// its while for each message.
#[derive(Default)]
struct Batch {
    /// The first message; mostly it is the only one.
    first: Bytes,
    /// All of them, where there are more.
    all: Vec<u8>,
}

impl Batch {
    /// Takes this message and those behind it that are there already; returns the first that is no output.
    fn fill(&mut self, first: Bytes, reader: &mut ChannelReadHalf) -> Option<ChannelMsg> {
        self.first = first;
        self.all.clear();
        while self.all.len() < BATCH {
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
