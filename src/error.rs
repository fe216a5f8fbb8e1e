//! Turns each layer's error into a report: message, causes, hints and exit code. The only module that knows all layers'
//! errors.
//!
//! Each submodule explains the errors of one layer, by an exhaustive match or by a table.

mod aws;
mod booting;
mod cause;
mod connect;
mod denied;
mod find;
mod finding;
mod host_key;
mod keys;
mod password;
mod plain_ssh;
mod route;
mod session;
mod shortage;
mod ssh;
mod unreachable;
mod web;

use std::fmt;
use std::sync::Arc;

use crate::config;
use crate::diagnose::Finding;
use crate::ssm;
use crate::table::Table;
use crate::target;
use crate::text::shell_word;
use crate::web::websocket;

#[cfg(test)]
use aws::explain_code;
pub(crate) use cause::{Fix, Place, Remedy, words};
pub(crate) use find::candidate_table;
pub(crate) use password::no_password;

/// The kind of an error, which determines the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// An error in the command line or the config file.
    Usage,
    /// Any other error that prevented success.
    Failed,
    /// The number of the signal that ended the process. No error is printed.
    Interrupted(u8),
}

/// The kind of command, which determines the meaning of its exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandKind {
    /// `ssh`, `proxy` and the short form: the remote command's exit status, or 255 for ec2ssh's own errors.
    Session,
    /// All other commands: 0, 1 or 2.
    Tool,
}

/// An error as it is reported to the user.
#[derive(Clone)]
pub(crate) struct CommandError {
    /// The kind that determines the exit code.
    pub kind: ErrorKind,
    /// The operation that failed, with the name of the instance or call.
    pub message: String,
    /// The causes of the failure, outermost first.
    pub causes: Vec<String>,
    /// The judgement that the message and the causes render, where there is one.
    pub finding: Option<Box<Finding>>,
    /// Commands to type, or things to do.
    pub hints: Vec<String>,
    /// The command that renews an expired login, word by word.
    pub login_command: Option<Box<LoginCommand>>,
    /// A table that is shown above the message.
    pub table: Option<Box<Table>>,
    /// The error that is reported: for `-vv`, and for tests by type.
    pub source: Option<Source>,
}

/// The limit of a message or cause in characters: a service may say anything, and the hints have to stay on the screen.
const MAX_CHARS: usize = 2000;

fn shorten(text: String) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{} […]", &text[..end]),
        None => text,
    }
}

/// A command, word by word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoginCommand(pub Vec<String>);

/// The error of a layer, kept as it is.
pub(crate) type Source = Arc<dyn std::error::Error + Send + Sync>;

impl fmt::Debug for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CommandError");
        debug.field("kind", &self.kind).field("message", &self.message).field("causes", &self.causes);
        debug
            .field("finding", &self.finding)
            .field("hints", &self.hints)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl CommandError {
    /// Creates an error of this kind.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: shorten(message.into()),
            causes: Vec::new(),
            finding: None,
            hints: Vec::new(),
            login_command: None,
            table: None,
            source: None,
        }
    }

    /// Creates an error of kind [`ErrorKind::Failed`].
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// Adds a cause; an empty one is left out.
    #[must_use]
    pub(crate) fn cause(mut self, cause: impl Into<String>) -> Self {
        let cause = shorten(cause.into());
        if !cause.trim().is_empty() {
            self.causes.push(cause);
        }
        self
    }

    /// Keeps the judgement that is rendered.
    #[must_use]
    fn with_finding(self, finding: Finding) -> Self {
        Self { finding: Some(Box::new(finding)), ..self }
    }

    /// Keeps the error that is reported.
    #[must_use]
    pub(crate) fn with_source(self, source: Source) -> Self {
        Self { source: Some(source), ..self }
    }

    /// Has the hints that name a target say the whole command: a subcommand, and what follows the target.
    #[must_use]
    pub(crate) fn of_subcommand(mut self, name: &str, after: &str) -> Self {
        const BEFORE: [&str; 4] = [
            "did you mean: ec2ssh ",
            "by its id: ec2ssh ",
            "by launch time: ec2ssh ",
            "wait for it and connect: ec2ssh ",
        ];
        for hint in &mut self.hints {
            let found = BEFORE.iter().find_map(|before| Some((before, hint.split_once(before)?)));
            if let Some((before, (words, target))) = found {
                *hint = format!("{words}{before}{name} {target}{after}");
            }
        }
        self
    }

    /// Adds a hint for the user.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Returns the exit code, which depends on the kinds of error and command.
    pub(crate) fn exit_code(&self, kind: CommandKind) -> u8 {
        match (self.kind, kind) {
            (ErrorKind::Interrupted(signal), _) => 128 + signal,
            (ErrorKind::Usage | ErrorKind::Failed, CommandKind::Session) => 255,
            (ErrorKind::Usage, CommandKind::Tool) => 2,
            (ErrorKind::Failed, CommandKind::Tool) => 1,
        }
    }
}

impl From<config::Error> for CommandError {
    fn from(error: config::Error) -> Self {
        let hint = match &error {
            config::Error::Read { path, .. } | config::Error::Parse { path, .. } => {
                format!("fix it, or rename it: mv {0} {0}.off", shell_word(&path.display().to_string()))
            }
        };
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        Self::new(ErrorKind::Usage, format!("cannot use the config file: {error}")).cause(source).hint(hint)
    }
}

impl From<target::Error> for CommandError {
    fn from(error: target::Error) -> Self {
        let hint = match &error {
            target::Error::Empty | target::Error::EmptyUser | target::Error::User(_) => "ec2ssh [USER@]TARGET[:PORT]",
            target::Error::Port(_) => "ec2ssh -p 22 TARGET",
            target::Error::Tag => "ec2ssh tag:Env=prod",
            target::Error::ManagedNode(id) => {
                return Self::new(ErrorKind::Usage, error.to_string())
                    .cause("ec2ssh finds EC2 instances, and a managed node is known to Systems Manager alone")
                    .hint(format!("a shell there, through Session Manager: ec2ssh ssm {id}"));
            }
        };
        Self::new(ErrorKind::Usage, error.to_string()).hint(hint)
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        let is_tunnel = |inner: &(dyn std::error::Error + Send + Sync + 'static)| {
            inner.is::<websocket::Error>() || inner.is::<ssm::Error>()
        };
        if error.get_ref().is_some_and(is_tunnel) {
            return Self::failed("the tunnel to the instance has ended")
                .cause(error.to_string())
                .hint("run the same command again; see the steps: ec2ssh -v TARGET");
        }
        Self::failed("local I/O error").cause(error.to_string())
    }
}

#[cfg(test)]
mod tests;
