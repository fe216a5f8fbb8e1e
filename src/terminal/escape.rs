//! The escape filter: interprets `~` at the start of a line. A pure state machine over the typed bytes.
//!
//! As in ssh(1), "ESCAPE CHARACTERS", an escape is recognized only after Enter and at the very start.

/// A part of the typed input, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// Bytes for the remote side.
    Bytes(Vec<u8>),
    /// The escape `~.`: end the session.
    Disconnect,
    /// The escape `~?`: list the escapes.
    Help,
    /// The escape `~^Z`: suspend ec2ssh.
    Suspend,
}

/// The position in a typed line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Position {
    #[default]
    LineStart,
    AfterTilde,
    InLine,
}

/// The escape filter's state between reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct EscapeFilter {
    position: Position,
}

/// The help text for `~?`.
pub(crate) const HELP: &str = "Supported escapes, after Enter:\n\
    \x20 ~.   end the session\n\
    \x20 ~^Z  suspend ec2ssh\n\
    \x20 ~?   this list\n\
    \x20 ~~   send the escape character by typing it twice";

const TILDE: u8 = b'~';
const CTRL_Z: u8 = 0x1a;

impl EscapeFilter {
    /// Interprets input that was read from the terminal. Ignores everything after a `~.`.
    pub(crate) fn feed(&mut self, input: &[u8]) -> Vec<Typed> {
        let mut found = Vec::new();
        let mut bytes = Vec::with_capacity(input.len() + 1);
        for &byte in input {
            let action = match (self.position, byte) {
                (Position::AfterTilde, b'.') => Some(Typed::Disconnect),
                (Position::AfterTilde, b'?') => Some(Typed::Help),
                (Position::AfterTilde, CTRL_Z) => Some(Typed::Suspend),
                _ => None,
            };
            if let Some(action) = action {
                if !bytes.is_empty() {
                    found.push(Typed::Bytes(std::mem::take(&mut bytes)));
                }
                let last = action == Typed::Disconnect;
                found.push(action);
                self.position = Position::LineStart;
                if last {
                    return found;
                }
                continue;
            }
            self.position = self.step(byte, &mut bytes);
        }
        if !bytes.is_empty() {
            found.push(Typed::Bytes(bytes));
        }
        found
    }

    /// Processes a byte that completes no escape: appends its output and returns the new position.
    fn step(&self, byte: u8, out: &mut Vec<u8>) -> Position {
        match (self.position, byte) {
            (Position::LineStart, TILDE) => return Position::AfterTilde,
            // The escape `~~` sends one tilde.
            (Position::AfterTilde, TILDE) => {}
            // This is not an escape, so the tilde that was held back is sent first.
            (Position::AfterTilde, _) => out.push(TILDE),
            _ => {}
        }
        out.push(byte);
        if matches!(byte, b'\r' | b'\n') { Position::LineStart } else { Position::InLine }
    }
}

#[cfg(test)]
mod tests;
