//! The script for sh by which a command runs with its streams encoded in base64: the agent passes on text, and not bytes. Each line that
//! it prints is one of
//!
//! ```text
//! MARK           the streams begin; what came before is the shell's
//! 1:BASE64       standard output
//! 2:BASE64       standard error
//! s:STATUS       the command's exit status, as the shell has it: 128 + n for a signal
//! e              all has been printed
//! ```
//!
//! It needs base64, dd and fold, which coreutils and busybox have. Two encoders write to one terminal, so a line has to be written at once:
//! bash writes to a terminal line by line, but no more than 1,024 bytes; dash writes all that one printf has.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::quote::quote;

/// The bytes of one read, and the characters of an encoded line.
const BLOCK: usize = 3_000;
const WIDTH: usize = 76;
/// The characters of the command in one line: a terminal takes 4,095 (n_tty).
const PIECE: usize = 500;
/// The bytes of standard input in one line.
pub(crate) const INPUT_BLOCK: usize = 720;
/// The line that ends standard input.
pub(crate) const END_OF_INPUT: &str = ".";

/// The encoder: lines for each read, so that output arrives as it is written.
fn encoder() -> String {
    format!(
        "e() {{ while b=$(dd bs={BLOCK} count=1 2>/dev/null | base64 | fold -w {WIDTH}); [ -n \"$b\" ]; do \
         printf \"$1:%s\\n\" $b; done; }}"
    )
}

/// The decoder of standard input: base64 lines, up to a line with a dot.
fn input_decoder() -> String {
    format!(
        "i() {{ while IFS= read -r l; do [ \"$l\" = {END_OF_INPUT} ] && break; printf '%s\\n' \"$l\" | base64 -d; done; }}"
    )
}

/// Refuses to begin where a tool is lacking.
const CHECK: &str =
    "for t in base64 dd fold; do command -v \"$t\" >/dev/null || { echo \"sh: $t: not found\"; exit 127; }; done";

/// Returns the script for a document without a terminal and without standard input: standard error has lines on a stream of its own, if
/// the agent separates the streams. Its exit status is the command's.
pub(crate) fn without_terminal(command: &str, mark: &str) -> String {
    // What the shell itself says of a command that was killed is not the command's.
    let run = format!("{{ (exec 2>&5 3>&- 4>&- 5>&- 6>&-; exec sh -c {}); echo $? >&6; }} 2>/dev/null", quote(command));
    // 3 and 4 are the script's own streams, 5 leads to the encoder of standard error, 6 to the status.
    let status = format!("s=$({{ {{ {run} | e 1 >&3 5>&- 6>&-; }} 5>&1 | e 2 >&4 6>&-; }} 6>&1)");
    let end = "printf 's:%s\\ne\\n' \"$s\"; exit \"$s\"".to_owned();
    [CHECK.to_owned(), encoder(), format!("exec 3>&1 4>&2; echo {mark}"), status, end].join("\n")
}

/// Returns the line of a document without a terminal, whose words are split as a shell does, and which runs no shell.
pub(crate) fn without_shell(command: &str, mark: &str) -> String {
    format!("sh -c {}", quote(&without_terminal(command, mark)))
}

/// Returns the lines for a shell in a terminal. Standard input arrives as base64 lines; the terminal neither echoes nor translates. The
/// command is typed in base64, too: a shell that edits lines would take its tabs for completion.
pub(crate) fn in_terminal(command: &str, mark: &str) -> Vec<String> {
    let (begin, end) = mark.split_at(mark.len() / 2);
    let mut lines = vec![CHECK.to_owned(), encoder(), input_decoder(), "c=".to_owned()];
    let encoded = STANDARD.encode(command);
    let pieces = encoded.as_bytes().chunks(PIECE).map(String::from_utf8_lossy);
    lines.extend(pieces.map(|piece| format!("c=${{c}}{piece}")));
    lines.push("c=$(printf %s \"$c\" | base64 -d)".to_owned());
    let run = "{ (exec 2>&4 3>&- 4>&-; exec sh -c \"$c\"); printf 's:%s\\n' $? >&3; } 2>/dev/null";
    // The mark is put together here: an echo of this line does not contain it.
    lines.push(format!(
        "{{ stty -echo -opost -isig 2>/dev/null; exec 3>&1; printf '\\n%s%s\\n' {begin} {end}; \
         {{ i 4>&- 2>/dev/null | {run} | e 1 >&3 4>&-; }} 4>&1 | e 2 >&3; printf 'e\\n'; exit; }}"
    ));
    lines
}

#[cfg(test)]
mod tests;
