//! A session channel: a shell or a command, with or without a pty. It moves bytes between the channel and whatever it is given
//! as input and output; the terminal is not known here.
//!
//! Input, output and error are separate and binary-clean; the end of one is not the end of the others. A slow reader makes the
//! server wait instead of filling memory ([`super::output`]).

use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Pty};
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::client::Connection;
use super::error::Error;
use super::output::write_output;
use crate::program::{Exit, Input, Launch, Outputs, Program, PtyRequest, WindowSize};

const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

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
    pub(crate) async fn open_session(&self, launch: &Launch) -> Result<Session, Error> {
        let opened = self.handle().channel_open_session().await;
        let channel = opened.map_err(|error| self.open_error(error, "open a session"))?;
        let mut session = Session::new(channel);
        session.start(launch).await.map_err(|error| self.with_reason(error))?;
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
        mut io: Outputs<O, E>,
    ) -> Result<Exit, Error>
    where
        O: AsyncWrite + Unpin,
        E: AsyncWrite + Unpin,
    {
        let Session { reader, writer } = session;
        let output = write_output(reader, &mut io, &self.gate, self.backlog);
        match Session::run(&writer, input, output).await? {
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
    async fn start(&mut self, launch: &Launch) -> Result<(), Error> {
        let mut asked = Vec::new();
        if let Some(pty) = &launch.pty {
            self.request_pty(pty).await?;
            asked.push("allocate a pty");
        }
        // A server that does not accept a variable says nothing, as it is not asked to.
        for (name, value) in &launch.environment {
            self.writer.set_env(false, name.as_str(), value.as_str()).await.map_err(Error::from_protocol)?;
        }
        if launch.agent {
            self.writer.agent_forward(false).await.map_err(Error::from_protocol)?;
        }
        let sent = match &launch.program {
            Program::Nothing => Ok(()),
            Program::Shell => {
                asked.push("start a shell");
                self.writer.request_shell(true).await
            }
            Program::Command(line) => {
                asked.push("run the command");
                self.writer.exec(true, line.as_bytes()).await
            }
            Program::Subsystem(name) => {
                asked.push("start the subsystem");
                self.writer.request_subsystem(true, name.as_str()).await
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

    /// Sends the input while the output is written; `output` is the writing of what the reader receives.
    async fn run(
        writer: &ChannelWriteHalf<Msg>,
        input: mpsc::Receiver<Input>,
        output: impl Future<Output = Result<Exit, Error>>,
    ) -> Result<Exit, Error> {
        tokio::pin!(output);
        let result = tokio::select! {
            result = &mut output => result,
            () = send(input, writer) => output.await,
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
