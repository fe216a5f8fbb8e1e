//! The documents by which a program is run, in the order in which they are tried.

use std::time::Duration;

use crate::aws::sessions::Document;
use crate::connect::{Node, SessionAttempt as Attempt};
use crate::ssm::channel::Sign;
use crate::ssm::command::end_mark::with_end_mark;
use crate::ssm::command::script::{in_terminal as script_lines, without_shell};

/// The document that runs a command without a terminal; it is missing in some regions.
const NON_INTERACTIVE: &str = "AWS-StartNonInteractiveCommand";
/// The document that runs a command in a terminal.
const INTERACTIVE: &str = "AWS-StartInteractiveCommand";
/// The time limit for a shell's prompt. The agent starts a shell after a second; a plugin of the login may take longer.
const SHELL_TIMEOUT: Duration = Duration::from_secs(30);
/// The time after which a program that is silent is taken to run. The agent starts one after a second.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit for the handshake that these documents begin with; the agent gives up after 15 s.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// How a command is run by an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The agent runs the script, without a terminal.
    Script,
    /// The agent runs the script in a terminal.
    ScriptInTerminal,
    /// The script is typed into a shell.
    TypedScript,
    /// PowerShell runs the command; nothing is encoded.
    Windows,
}

/// Returns the attempts for a shell.
pub(super) fn shell(document: Document) -> Vec<Attempt> {
    vec![Attempt { document, sign: Sign::Within(SHELL_TIMEOUT) }]
}

/// Returns the attempts for a document that the user names.
pub(super) fn own(document: Document) -> Vec<Attempt> {
    vec![Attempt { document, sign: Sign::Optional(SILENCE_TIMEOUT) }]
}

/// Returns the attempts for a command in a terminal of its own, which prints its status behind the mark.
pub(super) fn in_terminal(node: &Node, command: &str, mark: &str, reason: &Option<String>) -> Vec<Attempt> {
    let line = if node.is_windows { command.to_owned() } else { with_end_mark(command, mark) };
    let sign = if node.is_windows { Sign::Optional(SILENCE_TIMEOUT) } else { Sign::Within(SHELL_TIMEOUT) };
    vec![Attempt { document: document(INTERACTIVE, line, reason), sign }]
}

/// Returns the attempts for a command without a terminal. Only a terminal carries its standard input.
pub(super) fn piped(
    node: &Node,
    command: &str,
    mark: &str,
    has_input: bool,
    reason: &Option<String>,
) -> Vec<(Form, Attempt)> {
    let non_interactive = |line: String| {
        let mut document = document(NON_INTERACTIVE, line, reason);
        document.parameters.push(("separateOutputStream".to_owned(), vec!["true".to_owned()]));
        Attempt { document, sign: Sign::Within(HANDSHAKE_TIMEOUT) }
    };
    if node.is_windows {
        return vec![(Form::Windows, non_interactive(command.to_owned()))];
    }
    let script = document(INTERACTIVE, script_lines(command, mark).join("\n"), reason);
    let shell = Document { reason: reason.clone(), ..Document::default() };
    let mut attempts = vec![
        (Form::Script, non_interactive(without_shell(command, mark))),
        (Form::ScriptInTerminal, Attempt { document: script, sign: Sign::Within(SHELL_TIMEOUT) }),
        (Form::TypedScript, Attempt { document: shell, sign: Sign::Within(SHELL_TIMEOUT) }),
    ];
    if has_input {
        attempts.remove(0);
    }
    attempts
}

fn document(name: &str, command: String, reason: &Option<String>) -> Document {
    let parameters = vec![("command".to_owned(), vec![command])];
    Document { name: Some(name.to_owned()), parameters, reason: reason.clone() }
}
