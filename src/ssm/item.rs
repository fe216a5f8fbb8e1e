//! [`Item`]: a part of what the agent sends, in order.

use tokio_tungstenite::tungstenite::Bytes;

/// A part of what the agent sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// Bytes of the stream: of the port, the terminal, or the command's standard output.
    Stdout(Bytes),
    /// Bytes of the command's standard error.
    Stderr(Bytes),
    /// The command's exit status; negative if it has none.
    Exit(i32),
}

impl Item {
    /// Returns the number of bytes that wait for a reader.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Stdout(bytes) | Self::Stderr(bytes) => bytes.len(),
            Self::Exit(_) => 0,
        }
    }

    /// Reads the payload of an exit status, `EXIT_CODE: n`.
    pub(super) fn exit(payload: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(payload).ok()?;
        text.trim().strip_prefix("EXIT_CODE:")?.trim().parse().ok().map(Self::Exit)
    }
}

#[cfg(test)]
mod tests {
    use super::Item;

    #[test]
    fn exit_status_is_read() {
        for (text, expected) in [
            ("EXIT_CODE: 0", Some(0)),
            ("EXIT_CODE: 7\n", Some(7)),
            ("EXIT_CODE: -1", Some(-1)),
            ("EXIT_CODE:", None),
            ("EXIT_CODE: x", None),
            ("7", None),
            ("", None),
        ] {
            assert_eq!(Item::exit(text.as_bytes()), expected.map(Item::Exit), "{text}");
        }
    }
}
