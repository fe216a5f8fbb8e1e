//! A command without a terminal: its streams apart and unchanged, its exit status, its standard input.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::attempts::{Form, piped};
use super::stdin::{has_input, refuse_input};
use crate::connect::Node;
use crate::error::CommandError;
use crate::program::{Exit, Input};
use crate::ssm::command::decoder::{Decoded, Decoder};
use crate::ssm::command::random_mark;
use crate::ssm::command::script::{END_OF_INPUT, INPUT_BLOCK, in_terminal};
use crate::ssm::item::Item;
use crate::ssm::program::{ProgramOutput, ProgramSession};
use crate::terminal::raw;
use crate::text::sanitize;
use crate::ui::Ui;

/// The time for the agent to close the session behind the exit status, before it is closed here.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs the command and returns its exit status.
///
/// # Errors
/// No session can be started, the command cannot be started, or the session ends before it.
pub(super) async fn run(
    ui: &Ui,
    node: &Node,
    command: &str,
    no_stdin: bool,
    reason: &Option<String>,
) -> Result<u8, CommandError> {
    let has_input = has_input() && !no_stdin;
    if node.is_windows {
        refuse_input(no_stdin, node)?;
    }
    let mark = random_mark();
    let (forms, attempts): (Vec<Form>, Vec<_>) = piped(node, command, &mark, has_input, reason).into_iter().unzip();
    ui.doing(&format!("waiting for the SSM Agent of {}", node.id));
    let (index, session) = ui.watch(node.open(&attempts)).await?;
    let form = forms[index];
    if form == Form::TypedScript {
        type_lines(&session.input, &in_terminal(command, &mark)).await;
    }
    let ProgramSession { input, mut output, .. } = session;
    let (begun, began) = watch::channel(false);
    let mut running = Running::new(form, &mark, begun, input.clone());
    let exit = {
        let feeding = feed(input, began, form, has_input);
        let running = running.run(&mut output);
        tokio::pin!(running);
        tokio::select! {
            exit = &mut running => exit,
            () = feeding => running.await,
        }
    };
    match exit.map_err(|error| node.error(error))? {
        _ if running.damaged => {
            ui.notice("a part of the command's output was lost on its way through Session Manager");
            Ok(Exit::Unknown.code())
        }
        exit if exit != Exit::OutputClosed && !running.has_begun() => {
            let error = CommandError::failed(format!("the command could not be started on {}", node.id));
            Err(error.cause(sanitize(&running.noise())).hint(format!("look around there: ec2ssh ssm {}", node.id)))
        }
        Exit::Unknown => {
            ui.notice(
                "the command ended without an exit status: it was killed, or its session was; output may be missing",
            );
            Ok(Exit::Unknown.code())
        }
        exit => Ok(exit.code()),
    }
}

/// Types the script into a shell.
async fn type_lines(input: &mpsc::Sender<Input>, lines: &[String]) {
    for line in lines {
        let _ = input.send(Input::Bytes(format!("{line}\r").into_bytes())).await;
    }
}

/// Sends standard input, once the command runs: as lines of base64, and a dot at the end.
async fn feed(input: mpsc::Sender<Input>, mut began: watch::Receiver<bool>, form: Form, has_input: bool) {
    if matches!(form, Form::Script | Form::Windows) || began.wait_for(|begun| *begun).await.is_err() {
        return;
    }
    let mut stdin: Box<dyn AsyncRead + Unpin> =
        if has_input { Box::new(tokio::io::stdin()) } else { Box::new(tokio::io::empty()) };
    let mut chunk = [0; INPUT_BLOCK];
    while let Ok(count @ 1..) = stdin.read(&mut chunk).await {
        let line = STANDARD.encode(&chunk[..count]) + "\n";
        if input.send(Input::Bytes(line.into_bytes())).await.is_err() {
            return;
        }
    }
    let _ = input.send(end_of_input()).await;
}

fn end_of_input() -> Input {
    Input::Bytes(format!("{END_OF_INPUT}\n").into_bytes())
}

/// The command's output, on its way to the standard streams.
struct Running {
    form: Form,
    stdout: Decoder,
    stderr: Decoder,
    begun: watch::Sender<bool>,
    input: mpsc::Sender<Input>,
    /// The status that the script printed.
    status: Option<u32>,
    /// The status that the agent sent.
    exit: Option<i32>,
    /// Whether the script has printed everything.
    ended: bool,
    /// Whether a part of the output was lost on the way.
    damaged: bool,
}

impl Running {
    fn new(form: Form, mark: &str, begun: watch::Sender<bool>, input: mpsc::Sender<Input>) -> Self {
        let (stdout, stderr) = (Decoder::behind(mark), Decoder::unmarked());
        Self { form, stdout, stderr, begun, input, status: None, exit: None, ended: false, damaged: false }
    }

    fn has_begun(&self) -> bool {
        self.form == Form::Windows || self.stdout.has_begun()
    }

    /// Returns what the shell or the agent said in place of the command.
    fn noise(&self) -> String {
        [self.stdout.noise(), self.stderr.noise()].join("\n").trim().to_owned()
    }

    async fn run(&mut self, output: &mut ProgramOutput) -> Result<Exit, crate::ssm::Error> {
        while !self.ended {
            let item = match (self.exit, output.next()) {
                (None, next) => next.await,
                // Everything has come before the status.
                (Some(_), next) => timeout(CLOSE_TIMEOUT, next).await.unwrap_or(Ok(None)),
            };
            let taken = match item {
                Ok(Some(item)) => self.take(item).await,
                Ok(None) => break,
                // The command has ended, whatever happened to its session afterwards.
                Err(_) if self.status.is_some() || self.exit.is_some() => break,
                Err(error) => return Err(error),
            };
            if taken.is_err() {
                return Ok(Exit::OutputClosed);
            }
        }
        Ok(match (self.status, self.exit) {
            (Some(status), _) => Exit::Status(status),
            (None, Some(status)) => u32::try_from(status).map_or(Exit::Unknown, Exit::Status),
            (None, None) => Exit::Unknown,
        })
    }

    async fn take(&mut self, item: Item) -> std::io::Result<()> {
        match item {
            Item::Exit(status) => self.exit = Some(status),
            Item::Stdout(bytes) if self.form == Form::Windows => stdout(&bytes).await?,
            Item::Stderr(bytes) if self.form == Form::Windows => stderr(&bytes).await?,
            Item::Stdout(bytes) => {
                for decoded in self.stdout.feed(&bytes) {
                    self.write(decoded).await?;
                }
            }
            Item::Stderr(bytes) => {
                for decoded in self.stderr.feed(&bytes) {
                    self.write(decoded).await?;
                }
            }
        }
        Ok(())
    }

    async fn write(&mut self, decoded: Decoded) -> std::io::Result<()> {
        match decoded {
            Decoded::Begun => drop(self.begun.send(true)),
            Decoded::Stdout(bytes) => stdout(&bytes).await?,
            Decoded::Stderr(bytes) => stderr(&bytes).await?,
            Decoded::Status(status) => {
                self.status = Some(status);
                if matches!(self.form, Form::ScriptInTerminal | Form::TypedScript) {
                    // The reader of the command's input still waits.
                    let _ = self.input.send(end_of_input()).await;
                }
            }
            Decoded::Damaged => self.damaged = true,
            // Without a terminal the agent's own status follows, and standard error may.
            Decoded::End => self.ended = self.form != Form::Script,
        }
        Ok(())
    }
}

async fn stdout(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = tokio::io::stdout();
    let written = out.write_all(bytes).await;
    let flushed = out.flush().await;
    if written.is_err() || flushed.is_err() {
        raw::close_stdout();
    }
    written.and(flushed)
}

async fn stderr(bytes: &[u8]) -> std::io::Result<()> {
    let mut err = tokio::io::stderr();
    err.write_all(bytes).await?;
    err.flush().await
}
