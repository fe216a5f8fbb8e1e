//! From a layer's error to what a person reads and a program sees: message, causes, hints and exit code. The only place
//! that knows them all.
//!
//! Each room below has the words for one layer, by exhaustive match or by a table.

mod aws;
pub mod connect;
mod route;
mod ssh;
mod web;

pub use aws::words_for_code;

use crate::config;
use crate::target;

/// What went wrong, by what a program should do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line or the config file.
    Usage,
    /// Anything that stood in the way.
    Failed,
    /// A signal ended us: nothing is printed.
    Interrupted(u8),
}

/// What kind of command it was: its exit status means different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `ssh`, `proxy` and the short form: the remote command's status, or 255.
    Session,
    /// All others: 0, 1, 2.
    Tool,
}

/// An error as it is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError {
    /// What kind it is.
    pub kind: Kind,
    /// What failed; names the instance or call.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do: commands to type.
    pub hints: Vec<String>,
    /// A table to be shown above all.
    pub table: Option<Box<crate::ui::table::Table>>,
}

impl CommandError {
    /// One of this kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), hints: Vec::new(), table: None }
    }

    /// One that failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// With one more cause; an empty one is left out.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        let cause = cause.into();
        if !cause.trim().is_empty() {
            self.causes.push(cause);
        }
        self
    }

    /// With one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The exit status: the table of the command line's document.
    pub fn exit_code(&self, family: Family) -> u8 {
        match (self.kind, family) {
            (Kind::Interrupted(signal), _) => 128 + signal,
            (Kind::Usage | Kind::Failed, Family::Session) => 255,
            (Kind::Usage, Family::Tool) => 2,
            (Kind::Failed, Family::Tool) => 1,
        }
    }
}

impl From<config::Error> for CommandError {
    fn from(error: config::Error) -> Self {
        let hint = match &error {
            config::Error::Read { path, .. } | config::Error::Parse { path, .. } => {
                format!(
                    "mend it, or move it away: mv {0} {0}.off",
                    crate::text::shell_word(&path.display().to_string())
                )
            }
        };
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        Self::new(Kind::Usage, format!("the config file cannot be used: {error}")).cause(source).hint(hint)
    }
}

impl From<target::Error> for CommandError {
    fn from(error: target::Error) -> Self {
        let hint = match &error {
            target::Error::Empty | target::Error::EmptyUser | target::Error::User(_) => "ec2ssh [USER@]INSTANCE[:PORT]",
            target::Error::Port(_) => "ec2ssh -p 22 INSTANCE",
            target::Error::Tag => "ec2ssh tag:Env=prod",
        };
        Self::new(Kind::Usage, error.to_string()).hint(hint)
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        use crate::transport::{ssm, websocket};
        let is_tunnel = |inner: &(dyn std::error::Error + Send + Sync + 'static)| {
            inner.is::<websocket::Error>() || inner.is::<ssm::Error>()
        };
        if error.get_ref().is_some_and(is_tunnel) {
            return Self::failed("the tunnel to the instance has ended")
                .cause(error.to_string())
                .hint("run the same command again; see the steps: ec2ssh -v INSTANCE");
        }
        Self::failed("the local system refused").cause(error.to_string())
    }
}
