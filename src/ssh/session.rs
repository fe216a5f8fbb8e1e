//! A session channel: a shell or a command, with or without a pty. It moves bytes between the channel and whatever it is given
//! as input and output; the terminal is not known here.
//!
//! Input, output and error are separate and binary-clean; the end of one is not the end of the others. Output is written before
//! the next message is taken, so a slow reader makes the server wait instead of filling memory.
//!
//! A limit of russh 0.65: while a reader takes nothing, its loop waits with it and answers no keepalive of the server's. A server
//! with ClientAliveInterval ends such a session in the end; OpenSSH's client would keep it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Pty, Sig};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::client::Connection;
use super::error::Error;
use crate::program::{Exit, Input, Outputs, Program, PtyRequest, WindowSize};

const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Output that is available beyond what was written is gathered up to this many bytes.
const MAX_BATCH_SIZE: usize = 256 * 1024;

/// A session whose program runs.
pub(crate) struct Session {
    reader: ChannelReadHalf,
    writer: ChannelWriteHalf<Msg>,
}

impl Connection {
    /// Opens a session and starts the program in it.
    ///
    /// # Errors
    /// The server refuses the channel, the pty or the program, or the connection ends.
    pub(crate) async fn open_session(&self, program: &Program, pty: Option<&PtyRequest>) -> Result<Session, Error> {
        let opened = self.handle.channel_open_session().await;
        let channel = opened.map_err(|error| self.open_error(error, "open a session"))?;
        let mut session = Session::new(channel);
        session.start(program, pty).await.map_err(|error| self.with_reason(error))?;
        Ok(session)
    }

    /// Runs the session to its end.
    ///
    /// # Errors
    /// The connection ends before the program does, or the local output fails.
    pub(crate) async fn run<O, E>(
        &self,
        session: Session,
        input: mpsc::Receiver<Input>,
        io: Outputs<O, E>,
    ) -> Result<Exit, Error>
    where
        O: AsyncWrite + Unpin,
        E: AsyncWrite + Unpin,
    {
        match session.run(input, io).await? {
            // The channel was closed without a status: by the program's end, or by the connection's.
            Exit::Unknown => match self.shared.reason() {
                Some(reason) => Err(reason),
                None if self.is_closed() => Err(self.reason()),
                None => Ok(Exit::Unknown),
            },
            exit => Ok(exit),
        }
    }
}

impl Session {
    fn new(channel: Channel<Msg>) -> Self {
        let (reader, writer) = channel.split();
        Self { reader, writer }
    }

    /// Asks for the pty and the program together, then waits for both answers: one round trip instead of two.
    async fn start(&mut self, program: &Program, pty: Option<&PtyRequest>) -> Result<(), Error> {
        let mut asked = Vec::new();
        if let Some(pty) = pty {
            self.request_pty(pty).await?;
            asked.push("allocate a pty");
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
            confirmed(async || self.reader.wait().await, what).await?;
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
            let _ = timeout(CLOSE_TIMEOUT, writer.close()).await;
        }
        result
    }
}

/// Waits for the server's answer to a request. RFC 4254, section 5.4, has it answer before it sends the program's output.
pub(super) async fn confirmed(
    mut next: impl AsyncFnMut() -> Option<ChannelMsg>,
    what: &'static str,
) -> Result<(), Error> {
    loop {
        match next().await {
            Some(ChannelMsg::Success) => return Ok(()),
            Some(ChannelMsg::Failure) => return Err(Error::Refused(what)),
            Some(ChannelMsg::Close) | None => return Err(Error::Lost(format!("the server did not {what}"))),
            // The confirmation of the channel and window adjustments come in between.
            Some(_) => {}
        }
    }
}

/// Sends the local input; returns when there is no more, or when the channel has ended.
async fn send(mut input: mpsc::Receiver<Input>, writer: &ChannelWriteHalf<Msg>) {
    while let Some(next) = input.recv().await {
        let sent = match next {
            Input::Bytes(bytes) => writer.data_bytes(bytes).await,
            Input::Eof => writer.eof().await,
            Input::Resized(WindowSize { columns, rows, width, height }) => {
                writer.window_change(columns, rows, width, height).await
            }
        };
        // The channel has ended; the receiving side will report how.
        if sent.is_err() {
            return;
        }
    }
}

/// Writes the program's output until the channel is closed. It owns the reader: if the local output is closed, what is left in the
/// reader is dropped with it, and russh's loop, which may be waiting for room in it, goes on.
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
            Err((stream, source)) => return Err(Error::Local { stream, source: Arc::new(source) }),
        }
    }
    Ok(exit)
}

/// Output that has arrived, written at once: a write to a standard stream waits for a thread, which is too slow for each message.
#[derive(Default)]
struct Batch {
    /// The first message; usually it is the only one.
    first: Bytes,
    /// All messages together, if there are more.
    all: Vec<u8>,
}

impl Batch {
    /// Takes this message and those behind it that have arrived already; returns the first that is not output.
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
