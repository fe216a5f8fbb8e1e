//! [`ProgramSession`]: a session that runs a shell or a command.

use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, oneshot};

use super::error::Error;
use super::item::Item;
use super::local::{LocalReader, LocalWriter};
use crate::program::Input;

/// The number of items that wait for the reader; each has about a kilobyte.
const QUEUE_LENGTH: usize = 64;

/// A program that the agent runs. Dropping it ends the session.
pub(crate) struct ProgramSession {
    /// Whether the program has a terminal.
    pub interactive: bool,
    /// Takes the program's input.
    pub input: mpsc::Sender<Input>,
    /// Yields the program's output, and then the end.
    pub output: ProgramOutput,
}

/// The output of a program. Dropping it ends the session.
pub(crate) struct ProgramOutput {
    items: mpsc::Receiver<Item>,
    /// The error that ended the session, if any.
    error: Arc<OnceLock<Error>>,
    _alive: oneshot::Sender<()>,
}

impl ProgramOutput {
    /// Returns the next part of the output, or `None` once the session has ended. Cancel-safe.
    ///
    /// # Errors
    /// The session ended with a reason, or its connection was lost.
    pub(crate) async fn next(&mut self) -> Result<Option<Item>, Error> {
        match self.items.recv().await {
            Some(item) => Ok(Some(item)),
            None => self.error.get().cloned().map_or(Ok(None), Err),
        }
    }
}

/// Makes the two ends: the session, and the relay's. The receiver resolves when the session is dropped.
pub(super) fn program_session(
    error: Arc<OnceLock<Error>>,
    interactive: bool,
) -> (ProgramSession, (LocalReader, LocalWriter), oneshot::Receiver<()>) {
    let (input, from_local) = mpsc::channel(1);
    let (to_local, items) = mpsc::channel(QUEUE_LENGTH);
    let (alive, dropped) = oneshot::channel();
    let session = ProgramSession { interactive, input, output: ProgramOutput { items, error, _alive: alive } };
    (session, (LocalReader::Program(from_local), LocalWriter::Program(to_local)), dropped)
}
