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
//! It needs base64 and dd, which coreutils and busybox have. A line is short enough to be written at once, also by a shell with a buffer
//! of 4,096 bytes: two encoders write to one terminal.

use super::quote::quote;

/// The bytes of one read; they are encoded as one line of 4,000 characters.
const BLOCK: usize = 3_000;
/// The bytes of standard input in one line.
pub(crate) const INPUT_BLOCK: usize = 720;
/// The line that ends standard input.
pub(crate) const END_OF_INPUT: &str = ".";

/// The encoder: one line per read, so that output arrives as it is written.
fn encoder() -> String {
    format!(
        "e() {{ while b=$(dd bs={BLOCK} count=1 2>/dev/null | base64); [ -n \"$b\" ]; do \
         printf '%s:%s\\n' \"$1\" \"$(printf %s $b)\"; done; }}"
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
    "for t in base64 dd; do command -v \"$t\" >/dev/null || { echo \"sh: $t: not found\"; exit 127; }; done";

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

/// Returns the lines for a shell in a terminal. Standard input arrives as base64 lines; the terminal neither echoes nor translates.
pub(crate) fn in_terminal(command: &str, mark: &str) -> Vec<String> {
    let (begin, end) = mark.split_at(mark.len() / 2);
    let mut lines = vec![CHECK.to_owned(), encoder(), input_decoder(), "c=".to_owned()];
    lines.extend(pieces(command).map(|piece| format!("c=$c{}", quote(piece))));
    let run = "{ (exec 2>&4 3>&- 4>&-; exec sh -c \"$c\"); printf 's:%s\\n' $? >&3; } 2>/dev/null";
    // The mark is put together here: an echo of this line does not contain it.
    lines.push(format!(
        "{{ stty -echo -opost -isig 2>/dev/null; exec 3>&1; printf '\\n%s%s\\n' {begin} {end}; \
         {{ i 4>&- 2>/dev/null | {run} | e 1 >&3 4>&-; }} 4>&1 | e 2 >&3; printf 'e\\n'; exit; }}"
    ));
    lines
}

/// Cuts a command into pieces that fit into lines, at the borders of characters.
fn pieces(command: &str) -> impl Iterator<Item = &str> {
    const LENGTH: usize = 500;
    let mut rest = command;
    std::iter::from_fn(move || {
        let cut = rest.char_indices().map(|(at, _)| at).find(|at| *at >= LENGTH).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(cut);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests;
