//! The escape filter: what `~` means at the start of a line. A pure state machine over the bytes that are typed.
//!
//! As in ssh(1), "ESCAPE CHARACTERS": recognised after Enter and at the very start only.

/// What the filter found in what was typed, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Bytes for the far side.
    Bytes(Vec<u8>),
    /// `~.`: end the session.
    Disconnect,
    /// `~?`: list the escapes.
    Help,
    /// `~^Z`: suspend ec2ssh.
    Suspend,
}

/// Where in a line the typing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    LineStart,
    AfterTilde,
    InLine,
}

/// The filter's state between reads.
#[derive(Clone, Debug, Default)]
pub struct EscapeFilter {
    place: Place,
}

/// The text that `~?` shows.
pub const HELP: &str = "Supported escapes, after Enter:\n\
    \x20 ~.   end the session\n\
    \x20 ~^Z  suspend ec2ssh\n\
    \x20 ~?   this list\n\
    \x20 ~~   send the escape character by typing it twice";

const TILDE: u8 = b'~';
const CTRL_Z: u8 = 0x1a;

impl EscapeFilter {
    /// Takes what was read from the terminal and says what it means. Nothing after a `~.` is looked at.
    pub fn feed(&mut self, input: &[u8]) -> Vec<Typed> {
        let mut found = Vec::new();
        let mut bytes = Vec::with_capacity(input.len() + 1);
        for &byte in input {
            let action = match (self.place, byte) {
                (Place::AfterTilde, b'.') => Some(Typed::Disconnect),
                (Place::AfterTilde, b'?') => Some(Typed::Help),
                (Place::AfterTilde, CTRL_Z) => Some(Typed::Suspend),
                _ => None,
            };
            if let Some(action) = action {
                if !bytes.is_empty() {
                    found.push(Typed::Bytes(std::mem::take(&mut bytes)));
                }
                let last = action == Typed::Disconnect;
                found.push(action);
                self.place = Place::LineStart;
                if last {
                    return found;
                }
                continue;
            }
            self.place = self.step(byte, &mut bytes);
        }
        if !bytes.is_empty() {
            found.push(Typed::Bytes(bytes));
        }
        found
    }

    /// A byte that is no escape: where it leaves us, and what goes out.
    fn step(&self, byte: u8, out: &mut Vec<u8>) -> Place {
        match (self.place, byte) {
            (Place::LineStart, TILDE) => return Place::AfterTilde,
            // `~~` sends one.
            (Place::AfterTilde, TILDE) => {}
            // No escape after all: the tilde that was held back goes out first.
            (Place::AfterTilde, _) => out.push(TILDE),
            _ => {}
        }
        out.push(byte);
        if matches!(byte, b'\r' | b'\n') { Place::LineStart } else { Place::InLine }
    }
}
