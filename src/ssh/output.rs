//! A program's output on its way to the local streams. What arrives is taken at once and kept here, so that russh's loop never waits
//! for a reader; when it is too much, the gate is shut until the reader has taken half of it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use russh::{ChannelMsg, ChannelReadHalf, Sig};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

use super::error::Error;
use super::gate::Gate;
use crate::program::{Exit, Outputs};

/// Output that has arrived is written together, up to this many bytes: a write to a standard stream waits for a thread, which is too
/// slow for each message.
const MAX_BATCH_SIZE: usize = 256 * 1024;
/// The memory of a message beside its data, about, in bytes.
const MESSAGE_OVERHEAD: usize = 256;

/// Writes the program's output until the channel is closed, and returns how the program ended. At most `limit` bytes, and what russh
/// holds, are kept for a slow reader.
///
/// The function takes the channel's reader by value, so that unread messages are dropped when the local output is closed.
pub(super) async fn write_output<O, E>(
    mut reader: ChannelReadHalf,
    io: &mut Outputs<O, E>,
    gate: &Gate,
    limit: usize,
) -> Result<Exit, Error>
where
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    let backlog = Backlog::new(gate.clone(), limit);
    let taking = async {
        while let Some(message) = reader.wait().await {
            backlog.push(message);
        }
        backlog.end();
        std::future::pending().await
    };
    tokio::select! {
        biased;
        exit = write(&backlog, io) => exit,
        () = taking => Ok(Exit::Unknown),
    }
}

async fn write<O, E>(backlog: &Backlog, io: &mut Outputs<O, E>) -> Result<Exit, Error>
where
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    let mut exit = Exit::Unknown;
    let mut has_stderr = true;
    while let Some(next) = backlog.next().await {
        let written = match next {
            Next::Output(data) => flushed(&mut io.stdout, &data).await.map_err(|error| ("standard output", error)),
            Next::Other(ChannelMsg::ExtendedData { data, ext: 1 }) if has_stderr => {
                match flushed(&mut io.stderr, &data).await {
                    // Nobody reads the errors any more; the output goes on.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                        has_stderr = false;
                        Ok(())
                    }
                    other => other.map_err(|error| ("standard error", error)),
                }
            }
            Next::Other(ChannelMsg::Eof) => {
                (io.close_stdout)();
                Ok(())
            }
            Next::Other(ChannelMsg::ExitStatus { exit_status }) => {
                exit = Exit::Status(exit_status);
                Ok(())
            }
            Next::Other(ChannelMsg::ExitSignal { signal_name, .. }) => {
                exit = Exit::Signal(name(&signal_name));
                Ok(())
            }
            Next::Other(ChannelMsg::Close) => break,
            Next::Other(_) => Ok(()),
        };
        match written {
            Ok(()) => {}
            Err((_, error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::OutputClosed),
            Err((stream, source)) => return Err(Error::Local { stream, source: Arc::new(source) }),
        }
    }
    Ok(exit)
}

async fn flushed(to: &mut (impl AsyncWrite + Unpin), data: &[u8]) -> io::Result<()> {
    to.write_all(data).await?;
    to.flush().await
}

fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}

/// The messages that have arrived and are not written yet, in their order.
struct Backlog {
    gate: Gate,
    limit: usize,
    kept: Mutex<Kept>,
    arrived: Notify,
}

#[derive(Default)]
struct Kept {
    messages: VecDeque<ChannelMsg>,
    size: usize,
    ended: bool,
    /// Whether this channel has shut the gate.
    shuts: bool,
}

/// The next thing to write or to do.
enum Next {
    /// Output of one message, or of several together.
    Output(Bytes),
    /// A message of another kind.
    Other(ChannelMsg),
}

impl Backlog {
    fn new(gate: Gate, limit: usize) -> Self {
        Self { gate, limit, kept: Mutex::default(), arrived: Notify::new() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, message: ChannelMsg) {
        let mut kept = self.kept();
        kept.size += size(&message);
        kept.messages.push_back(message);
        if kept.size > self.limit && !std::mem::replace(&mut kept.shuts, true) {
            self.gate.shut();
        }
        self.arrived.notify_one();
    }

    /// Says that nothing more will arrive.
    fn end(&self) {
        self.kept().ended = true;
        self.arrived.notify_one();
    }

    /// Waits for what is next; `None` at the end.
    async fn next(&self) -> Option<Next> {
        loop {
            {
                let mut kept = self.kept();
                if let Some(next) = kept.take() {
                    if kept.size <= self.limit / 2 && std::mem::take(&mut kept.shuts) {
                        self.gate.open();
                    }
                    return Some(next);
                }
                if kept.ended {
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }
}

impl Drop for Backlog {
    /// Other channels of the connection go on.
    fn drop(&mut self) {
        if self.kept().shuts {
            self.gate.open();
        }
    }
}

impl Kept {
    /// Takes the next message, and the output behind it if it is output.
    fn take(&mut self) -> Option<Next> {
        let first = match self.pop()? {
            ChannelMsg::Data { data } => data,
            other => return Some(Next::Other(other)),
        };
        let mut all = Vec::new();
        while all.len().max(first.len()) < MAX_BATCH_SIZE
            && let Some(ChannelMsg::Data { .. } | ChannelMsg::WindowAdjusted { .. }) = self.messages.front()
        {
            if let Some(ChannelMsg::Data { data }) = self.pop() {
                if all.is_empty() {
                    all.extend_from_slice(&first);
                }
                all.extend_from_slice(&data);
            }
        }
        Some(Next::Output(if all.is_empty() { first } else { all.into() }))
    }

    fn pop(&mut self) -> Option<ChannelMsg> {
        let message = self.messages.pop_front()?;
        self.size -= size(&message);
        Some(message)
    }
}

fn size(message: &ChannelMsg) -> usize {
    let data = match message {
        ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } => data.len(),
        _ => 0,
    };
    data + MESSAGE_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(size: usize) -> ChannelMsg {
        ChannelMsg::Data { data: vec![b'x'; size].into() }
    }

    #[tokio::test]
    async fn gate_is_shut_while_too_much_is_kept() {
        let gate = Gate::new();
        let backlog = Backlog::new(gate.clone(), 1_000_000);
        for _ in 0..3 {
            backlog.push(data(300_000));
            assert!(!gate.is_shut());
        }
        backlog.push(data(300_000));
        assert!(gate.is_shut());
        let taken = |next| match next {
            Some(Next::Output(data)) => data.len(),
            _ => 0,
        };
        assert_eq!(taken(backlog.next().await), 300_000);
        assert!(gate.is_shut(), "half of it has to be taken");
        assert_eq!(taken(backlog.next().await), 300_000);
        assert_eq!(taken(backlog.next().await), 300_000);
        assert!(!gate.is_shut());
        backlog.push(data(2_000_000));
        assert!(gate.is_shut());
        drop(backlog);
        assert!(!gate.is_shut(), "the session has ended");
    }

    /// A million empty messages take memory, too.
    #[test]
    fn messages_without_data_count() {
        let gate = Gate::new();
        let backlog = Backlog::new(gate.clone(), 100_000);
        (0..1000).for_each(|_| backlog.push(ChannelMsg::ExtendedData { data: Bytes::new(), ext: 1 }));
        assert!(gate.is_shut());
    }

    #[tokio::test]
    async fn output_is_written_together_and_in_order() {
        let backlog = Backlog::new(Gate::new(), 1_000_000);
        for message in [data(3), data(4), ChannelMsg::Eof, data(5)] {
            backlog.push(message);
        }
        backlog.end();
        let mut seen = Vec::new();
        while let Some(next) = backlog.next().await {
            seen.push(match next {
                Next::Output(data) => data.len(),
                Next::Other(_) => 0,
            });
        }
        assert_eq!(seen, [7, 0, 5]);
    }
}
