//! The local end of a relay: the pipe of a byte stream, or the input and output of a program.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

use super::item::Item;
use crate::program::Input;

/// Size of a read from the local stream, in bytes.
const CHUNK: usize = 16 * 1024;

/// Where the relay gets its input.
pub(super) enum LocalReader {
    Stream(ReadHalf<DuplexStream>, Vec<u8>),
    Program(mpsc::Receiver<Input>),
}

/// Where the relay delivers what the agent sends.
pub(super) enum LocalWriter {
    Stream(WriteHalf<DuplexStream>),
    Program(mpsc::Sender<Item>),
}

/// Makes the two halves of a byte stream's pipe.
pub(super) fn stream(pipe: DuplexStream) -> (LocalReader, LocalWriter) {
    let (reader, writer) = tokio::io::split(pipe);
    (LocalReader::Stream(reader, vec![0; CHUNK]), LocalWriter::Stream(writer))
}

impl LocalReader {
    /// Waits for the next input. Cancel-safe.
    pub(super) async fn next(&mut self) -> Input {
        match self {
            Self::Stream(reader, chunk) => match reader.read(chunk).await {
                Ok(0) | Err(_) => Input::Eof,
                Ok(count) => Input::Bytes(chunk[..count].to_vec()),
            },
            Self::Program(input) => input.recv().await.unwrap_or(Input::Eof),
        }
    }
}

impl LocalWriter {
    /// Delivers the item, or a part of it, and leaves the rest. Cancel-safe.
    ///
    /// # Errors
    /// The local side has gone.
    pub(super) async fn write(&mut self, waiting: &mut Option<Item>) -> io::Result<()> {
        match (self, waiting.as_mut()) {
            (Self::Stream(writer), Some(Item::Stdout(bytes))) => {
                let count = writer.write(bytes).await?;
                drop(bytes.split_to(count));
                if bytes.is_empty() {
                    *waiting = None;
                }
            }
            (Self::Program(output), Some(_)) => {
                let permit = output.reserve().await.map_err(|_| io::ErrorKind::BrokenPipe)?;
                if let Some(item) = waiting.take() {
                    permit.send(item);
                }
            }
            // A byte stream has nothing else.
            (Self::Stream(_), _) | (_, None) => *waiting = None,
        }
        Ok(())
    }

    /// Tells the local side that nothing follows.
    pub(super) async fn shutdown(self) {
        if let Self::Stream(mut writer) = self {
            let _ = writer.shutdown().await;
        }
    }
}
