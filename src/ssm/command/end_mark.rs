//! A command in a pty, whose session has no exit status: it prints its status behind a random mark, and the mark is cut off.

use super::quote::quote;

/// The first output, by which the session is known to be open: no character.
const BEGIN: &str = "\\000";
/// The line that has the command begin.
pub(crate) const GO: &[u8] = b"\n";

/// Returns the command for a document that runs it by sh: it begins when a line has come, which follows the terminal's size, and prints its
/// status behind the mark. The mark is put together there: a list of processes does not contain it.
pub(crate) fn with_end_mark(command: &str, mark: &str) -> String {
    let (begin, end) = mark.split_at(mark.len() / 2);
    let wait = format!("stty -echo 2>/dev/null; printf '{BEGIN}'; IFS= read -r x; stty echo 2>/dev/null");
    // Ctrl-C is for the command: the shell around it goes on.
    format!("{wait}; trap : INT QUIT; sh -c {}; printf '%s%s:%s:' {begin} {end} $?", quote(command))
}

/// Finds the mark in a stream, and holds back what may be its beginning.
#[derive(Debug)]
pub(crate) struct EndMark {
    mark: Vec<u8>,
    held: Vec<u8>,
    /// The text behind the mark, once it has come.
    status: Option<Vec<u8>>,
    /// Whether the first output has come.
    begun: bool,
}

impl EndMark {
    /// Makes the filter for this mark.
    pub(crate) fn new(mark: &str) -> Self {
        Self { mark: format!("{mark}:").into_bytes(), held: Vec::new(), status: None, begun: false }
    }

    /// Returns the bytes that are the command's.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        if !std::mem::replace(&mut self.begun, true) {
            bytes = bytes.strip_prefix(&[0]).unwrap_or(bytes);
        }
        if let Some(status) = &mut self.status {
            status.extend(bytes.iter().take(16));
            return Vec::new();
        }
        self.held.extend(bytes);
        if let Some(at) = self.held.windows(self.mark.len()).position(|window| window == self.mark) {
            self.status = Some(self.held[at + self.mark.len()..].to_vec());
            self.held.truncate(at);
            return std::mem::take(&mut self.held);
        }
        let longest = self.held.len().min(self.mark.len() - 1);
        let kept = (0..=longest).rev().find(|length| self.held.ends_with(&self.mark[..*length])).unwrap_or_default();
        let rest = self.held.split_off(self.held.len() - kept);
        std::mem::replace(&mut self.held, rest)
    }

    /// Returns the status behind the mark, if it has come as a whole.
    pub(crate) fn status(&self) -> Option<u32> {
        let text = std::str::from_utf8(self.status.as_ref()?).ok()?;
        text.split_once(':')?.0.parse().ok()
    }

    /// Returns what was held back, for a stream that has ended without the mark.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn mark_is_cut_off_wherever_it_is_split() {
        let whole = b"ec2ssh-0 output\r\nec2ssh-ec2ssh-01:17:";
        for cut in 0..whole.len() {
            let mut filter = EndMark::new("ec2ssh-01");
            assert_eq!(filter.feed(b"\0"), b"", "the beginning is not the command's");
            let mut passed = filter.feed(&whole[..cut]);
            passed.extend(filter.feed(&whole[cut..]));
            assert_eq!(passed, b"ec2ssh-0 output\r\nec2ssh-", "{cut}");
            assert_eq!(filter.status(), Some(17));
            assert_eq!(filter.rest(), b"");
        }
    }

    #[test]
    fn missing_mark_has_no_status() {
        let mut filter = EndMark::new("ec2ssh-01");
        assert_eq!(filter.feed(b"cut at ec2ssh-0"), b"cut at ");
        assert_eq!(filter.status(), None);
        assert_eq!(filter.rest(), b"ec2ssh-0");
        let mut filter = EndMark::new("m");
        filter.feed(b"m:1");
        assert_eq!(filter.status(), None, "the status may go on");
    }

    #[test]
    fn shell_prints_the_status_behind_the_mark() {
        let table = [
            ("exit 7", 7),
            ("echo 'a b'; false", 1),
            ("kill -9 $$", 137),
            ("kill -2 $$", 130),
            ("cat /proc/$PPID/cmdline; exit 8", 8),
        ];
        for (command, status) in table {
            let line = with_end_mark(command, "ec2ssh-m-1");
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", &line]).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = shell.spawn().unwrap();
            child.stdin.take().unwrap().write_all(GO).unwrap();
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.stdout[0], 0, "the session opens at once");
            let mut filter = EndMark::new("ec2ssh-m-1");
            filter.feed(&output.stdout);
            assert_eq!(filter.status(), Some(status), "{command}");
        }
    }
}
