//! The script, run by each shell of this machine, and decoded.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::ssm::command::decoder::{Decoded, Decoder};

/// The shells that `sh` is on common images: dash, bash as sh, busybox.
fn shells() -> Vec<Vec<&'static str>> {
    let all = [vec!["/bin/dash"], vec!["/bin/bash", "--posix"], vec!["/bin/busybox", "sh"]];
    all.into_iter().filter(|words| Path::new(words[0]).exists()).collect()
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Ran {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    status: Option<u32>,
    ended: bool,
}

impl Ran {
    fn take(&mut self, decoded: Vec<Decoded>) {
        for part in decoded {
            match part {
                Decoded::Begun => {}
                Decoded::Stdout(bytes) => self.stdout.extend(bytes),
                Decoded::Stderr(bytes) => self.stderr.extend(bytes),
                Decoded::Status(status) => self.status = Some(status),
                Decoded::End => self.ended = true,
                Decoded::Damaged => panic!("a damaged line"),
            }
        }
    }
}

fn run(shell: &[&str], script: &str, stdin: &[u8]) -> (Ran, Option<i32>) {
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg("-c").arg(script);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    let output = child.wait_with_output().unwrap();
    let mut ran = Ran::default();
    ran.take(Decoder::behind("m-1").feed(&output.stdout));
    ran.take(Decoder::unmarked().feed(&output.stderr));
    (ran, output.status.code())
}

fn ran(stdout: &[u8], stderr: &[u8], status: u32) -> Ran {
    Ran { stdout: stdout.to_vec(), stderr: stderr.to_vec(), status: Some(status), ended: true }
}

#[test]
fn streams_and_status_come_apart() {
    let table: [(&str, Ran); 7] = [
        ("echo out; echo err >&2; exit 7", ran(b"out\n", b"err\n", 7)),
        ("printf '\\377\\000\\357\\277\\275x'", ran(b"\xff\0\xef\xbf\xbdx", b"", 0)),
        ("printf %s \"it's {{.Names}}\" | tr a-z A-Z && false", ran(b"IT'S {{.NAMES}}", b"", 1)),
        ("kill -9 $$", ran(b"", b"", 137)),
        ("exec 3>&1 4>&2 5>&1; echo three >&3; echo four >&4", ran(b"three\n", b"four\n", 0)),
        ("head -c 100000 /dev/zero", ran(&[0; 100_000], b"", 0)),
        ("", ran(b"", b"", 0)),
    ];
    for shell in shells() {
        for (command, expected) in &table {
            let (ran, status) = run(&shell, &without_terminal(command, "m-1"), b"");
            assert_eq!(&ran, expected, "{shell:?}: {command}");
            assert_eq!(status, expected.status.map(|status| status as i32), "{shell:?}: {command}");
        }
    }
}

#[test]
fn syntax_error_is_the_command_s_own() {
    for shell in shells() {
        let (ran, _) = run(&shell, &without_terminal("if", "m-1"), b"");
        assert_eq!(ran.status, Some(2), "{shell:?}");
        assert!(!ran.stderr.is_empty() && ran.ended);
    }
}

#[test]
fn input_reaches_the_command() {
    let input = "YWJj\nAP8=\n.\n";
    for shell in shells() {
        let script = in_terminal("cat; echo end >&2; exit 3", "m-1").join("\n");
        let (ran, _) = run(&shell, &script, input.as_bytes());
        assert_eq!(ran, self::ran(b"abc\0\xff", b"end\n", 3), "{shell:?}");
    }
}

/// The reader of the input goes on until its end; the command's status comes before.
#[test]
fn command_may_leave_its_input() {
    for shell in shells() {
        let script = in_terminal("head -c 1; exit 4", "m-1").join("\n");
        let (ran, _) = run(&shell, &script, "YWJj\n".repeat(500).as_bytes());
        assert_eq!(ran, self::ran(b"a", b"", 4), "{shell:?}");
    }
}

/// Two encoders write to one terminal: their lines do not mix, whatever the shell.
#[test]
fn streams_do_not_mix_in_a_terminal() {
    use portable_pty::{CommandBuilder, PtySize, native_pty_system};

    let command = "(head -c 300000 /dev/zero) & head -c 300000 /dev/zero | tr '\\0' 'x' >&2; wait; exit 5";
    for shell in shells() {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let mut program = CommandBuilder::new(shell[0]);
        program.args(&shell[1..]);
        program.args(["-c", &in_terminal(command, "m-1").join("\n")]);
        let mut child = pair.slave.spawn_command(program).unwrap();
        drop(pair.slave);
        let (mut from, mut to) = (pair.master.try_clone_reader().unwrap(), pair.master.take_writer().unwrap());
        let (mut ran, mut decoder, mut chunk) = (Ran::default(), Decoder::behind("m-1"), [0; 4096]);
        while let Ok(count @ 1..) = std::io::Read::read(&mut from, &mut chunk) {
            let decoded = decoder.feed(&chunk[..count]);
            if decoded.contains(&Decoded::Status(5)) {
                to.write_all(b".\n").unwrap();
            }
            ran.take(decoded);
        }
        child.wait().unwrap();
        assert!(
            ran == self::ran(&[0; 300_000], &[b'x'; 300_000], 5),
            "{shell:?}: {:?} {}",
            ran.status,
            decoder.noise()
        );
    }
}

/// The missing tool is named in place of the mark.
#[test]
fn lacking_tools_are_named() {
    for shell in shells() {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg("-c").arg(without_terminal("true", "m-1")).env("PATH", "/nowhere");
        let output = command.output().unwrap();
        let mut decoder = Decoder::behind("m-1");
        decoder.feed(&output.stdout);
        assert!(!decoder.has_begun() && decoder.noise().ends_with("not found"), "{shell:?}: {}", decoder.noise());
        assert_eq!(output.status.code(), Some(127));
    }
}

#[test]
fn lines_fit_into_a_terminal_s() {
    let command = format!("echo {}\n\t\x03", "é'\"{{".repeat(5_000));
    let lines = in_terminal(&command, "ec2ssh-0123456789abcdef");
    assert!(
        lines.iter().all(|line| line.len() < 4_000 && !line.contains(char::is_control) && !line.contains("{{'")),
        "{lines:#?}"
    );
    let echo = lines.join("\n");
    assert!(!echo.contains("ec2ssh-0123456789abcdef"), "what a shell echoes does not begin the streams");
}
