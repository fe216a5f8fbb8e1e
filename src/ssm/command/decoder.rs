//! Decodes what the script prints ([`super::script`]).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The limit of a line in bytes; the script's are shorter.
const MAX_LINE: usize = 16 * 1024;
/// The limit in bytes of what the shell prints before the script begins.
const MAX_NOISE: usize = 4 * 1024;

/// A part of what the script prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// The command is about to run; its input may be sent.
    Begun,
    /// Bytes of the command's standard output.
    Stdout(Vec<u8>),
    /// Bytes of the command's standard error.
    Stderr(Vec<u8>),
    /// The command has ended, with this status. Output may follow.
    Status(u32),
    /// Everything has been printed.
    End,
    /// A line of the script has lost a part.
    Damaged,
}

/// The state of one stream.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// The line that begins the script's output, until it has come.
    mark: Option<String>,
    line: Vec<u8>,
    /// Lines that are not the script's: of the shell, or of the agent.
    noise: Vec<u8>,
}

impl Decoder {
    /// Makes the decoder of the stream that begins with this line.
    pub(crate) fn behind(mark: &str) -> Self {
        Self { mark: Some(mark.to_owned()), line: Vec::new(), noise: Vec::new() }
    }

    /// Makes the decoder of a stream that has no mark: standard error of its own.
    pub(crate) fn unmarked() -> Self {
        Self { mark: None, line: Vec::new(), noise: Vec::new() }
    }

    /// Decodes the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Decoded> {
        let mut found = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = MAX_LINE.saturating_sub(self.line.len());
            self.line.extend(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                found.extend(self.line(line.trim_ascii_end()));
            }
        }
        found
    }

    fn line(&mut self, line: &[u8]) -> Option<Decoded> {
        if self.mark.as_ref().is_some_and(|mark| mark.as_bytes() == line) {
            (self.mark, self.noise) = (None, Vec::new());
            return Some(Decoded::Begun);
        }
        let decoded = if self.mark.is_none() { decode(line) } else { None };
        if decoded.is_none() && self.noise.len() + line.len() < MAX_NOISE {
            self.noise.extend(line);
            self.noise.push(b'\n');
        }
        decoded
    }

    /// Returns the text that is not the script's; untrusted.
    pub(crate) fn noise(&self) -> String {
        let bytes = [&self.noise[..], &self.line].concat();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    /// Whether the script has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.mark.is_none()
    }
}

fn decode(line: &[u8]) -> Option<Decoded> {
    if line == b"e" {
        return Some(Decoded::End);
    }
    let (tag, rest) = line.split_first_chunk::<2>()?;
    match tag {
        b"1:" => Some(STANDARD.decode(rest).map_or(Decoded::Damaged, Decoded::Stdout)),
        b"2:" => Some(STANDARD.decode(rest).map_or(Decoded::Damaged, Decoded::Stderr)),
        b"s:" => std::str::from_utf8(rest).ok()?.parse().ok().map(Decoded::Status),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(decoder: &mut Decoder, text: &str, chunk: usize) -> Vec<Decoded> {
        text.as_bytes().chunks(chunk).flat_map(|chunk| decoder.feed(chunk)).collect()
    }

    #[test]
    fn streams_begin_behind_the_mark() {
        let text = "\x1b[?2004hsh-5.2$ 1:YWJj\r\nprintf m-1\r\n\r\nm-1\r\n1:YWJj\r\n2:/w==\n1:\ns:7\r\ne\r\n";
        let expected = [
            Decoded::Begun,
            Decoded::Stdout(b"abc".to_vec()),
            Decoded::Stderr(vec![0xff]),
            Decoded::Stdout(Vec::new()),
            Decoded::Status(7),
            Decoded::End,
        ];
        for chunk in [1, 2, 3, 7, 1000] {
            assert_eq!(all(&mut Decoder::behind("m-1"), text, chunk), expected);
        }
    }

    #[test]
    fn text_of_others_is_kept_apart() {
        let mut decoder = Decoder::behind("m-1");
        assert_eq!(decoder.feed(b"sh: base64: not found\n"), []);
        assert!(!decoder.has_begun());
        assert_eq!(decoder.noise(), "sh: base64: not found");
        let mut error = Decoder::unmarked();
        let text =
            b"Unable to start command: failed to start pty since RunAs user x does not exist\n2:YQ==\n1:%\ns:x\n";
        assert_eq!(error.feed(text), [Decoded::Stderr(b"a".to_vec()), Decoded::Damaged]);
        assert!(error.noise().starts_with("Unable to start command"));
    }

    #[test]
    fn lines_and_noise_have_a_limit() {
        let mut decoder = Decoder::behind("m-1");
        for _ in 0..100 {
            decoder.feed(&[b'x'; 100_000]);
            decoder.feed(b"short\nlines\n");
        }
        assert!(decoder.line.len() <= MAX_LINE && decoder.noise.len() <= MAX_NOISE);
    }

    proptest! {
        #[test]
        fn any_bytes_pass_in_any_chunks(
            bytes in proptest::collection::vec(any::<u8>(), 0..3000), chunk in 1_usize..500,
        ) {
            let text = format!("m-1\n1:{}\ne\n", STANDARD.encode(&bytes));
            let found = all(&mut Decoder::behind("m-1"), &text, chunk);
            prop_assert_eq!(found, [Decoded::Begun, Decoded::Stdout(bytes), Decoded::End]);
        }
    }
}
