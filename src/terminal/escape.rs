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
    /// The escape `~#`: list the forwarded connections.
    Connections,
}

/// The escapes that not every session has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    /// There is no other.
    Nothing,
    /// The escape `~#`: the session has forwarded connections.
    Connections,
}

/// The position in a typed line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Position {
    #[default]
    LineStart,
    AfterEscape,
    InLine,
}

/// The escape filter's state between reads.
#[derive(Clone, Debug)]
pub(crate) struct EscapeFilter {
    /// The escape character; without one all input is passed on.
    escape: Option<u8>,
    extra: Extra,
    position: Position,
}

const CTRL_Z: u8 = 0x1a;

impl EscapeFilter {
    /// Makes a filter for this escape character.
    pub(crate) fn new(escape: Option<u8>, extra: Extra) -> Self {
        Self { escape, extra, position: Position::default() }
    }

    /// Returns the help text for `~?`.
    pub(crate) fn help(&self) -> String {
        let escape = match self.escape.unwrap_or(b'~') {
            control @ ..0x20 => format!("^{}", char::from(control | 0x40)),
            other => char::from(other).to_string(),
        };
        let (extra, end) = match self.extra {
            Extra::Nothing => (String::new(), String::new()),
            Extra::Connections => (
                format!("  {escape}#   list forwarded connections\n"),
                format!("\nThere is no {escape}C: add forwards with another ec2ssh -N -L … or ec2ssh forward"),
            ),
        };
        format!(
            "Supported escapes, after Enter:\n  {escape}.   end the session\n  {escape}^Z  suspend ec2ssh\n{extra}  \
             {escape}?   this list\n  {escape}{escape}   send the escape character by typing it twice{end}"
        )
    }

    /// Interprets input that was read from the terminal. Ignores everything after a `~.`.
    pub(crate) fn feed(&mut self, input: &[u8]) -> Vec<Typed> {
        let mut found = Vec::new();
        let mut bytes = Vec::with_capacity(input.len() + 1);
        for &byte in input {
            let action = match (self.position, byte) {
                (Position::AfterEscape, b'.') => Some(Typed::Disconnect),
                (Position::AfterEscape, b'?') => Some(Typed::Help),
                (Position::AfterEscape, b'#') if self.extra == Extra::Connections => Some(Typed::Connections),
                (Position::AfterEscape, CTRL_Z) => Some(Typed::Suspend),
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
            (Position::LineStart, byte) if Some(byte) == self.escape => return Position::AfterEscape,
            // The escape `~~` sends one tilde.
            (Position::AfterEscape, byte) if Some(byte) == self.escape => {}
            // This is not an escape, so the character that was held back is sent first.
            (Position::AfterEscape, _) => out.extend(self.escape),
            _ => {}
        }
        out.push(byte);
        if matches!(byte, b'\r' | b'\n') { Position::LineStart } else { Position::InLine }
    }
}

#[cfg(test)]
mod tests;
