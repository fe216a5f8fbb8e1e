//! The programs of sessions, as the agent runs them: by `sh` in a pty, or a command's words without a shell. What they write passes
//! through a filter of characters that loses bytes which are not UTF-8, as with the real agent.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::mpsc;

use super::Agent;
use super::target::{PAYLOAD, ToTarget};

type Output = mpsc::Sender<(u32, Vec<u8>)>;

/// The payload types of its output.
const OUTPUT: u32 = 1;
const STDERR: u32 = 11;
const EXIT_CODE: u32 = 12;

/// Runs a shell, or `sh -c` with a command, in a pty.
pub(super) async fn in_pty(
    command: Option<String>,
    home: Option<PathBuf>,
    mut input: mpsc::Receiver<ToTarget>,
    output: Output,
) {
    let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
    let Ok(pair) = native_pty_system().openpty(size) else { return };
    let mut program = CommandBuilder::new("/bin/sh");
    if let Some(command) = &command {
        program.args(["-c", command]);
    }
    for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("PS1", "$ ")] {
        program.env(name, value);
    }
    program.env_remove("ENV");
    if let Some(home) = home {
        let name = home.file_name().unwrap_or_default().to_string_lossy().into_owned();
        program.env("PS1", format!("[ssm-user@{name}]$ "));
        program.env("HOME", &home);
        program.cwd(home);
    }
    let Ok(mut child) = pair.slave.spawn_command(program) else { return };
    drop(pair.slave);
    let (Ok(mut from), Ok(mut to)) = (pair.master.try_clone_reader(), pair.master.take_writer()) else { return };
    let reading = tokio::task::spawn_blocking(move || {
        let (mut chunk, mut rest) = ([0; PAYLOAD], Vec::new());
        while let Ok(count @ 1..) = from.read(&mut chunk) {
            rest.extend(&chunk[..count]);
            let passed = text(&mut rest);
            if !passed.is_empty() && output.blocking_send((OUTPUT, passed)).is_err() {
                return;
            }
        }
    });
    let mut killer = child.clone_killer();
    let serving = tokio::task::spawn_blocking(move || {
        while let Some(message) = input.blocking_recv() {
            match message {
                ToTarget::Bytes(bytes) => drop(to.write_all(&bytes).and_then(|()| to.flush())),
                ToTarget::Size(columns, rows) => resize(pair.master.as_ref(), columns, rows),
                ToTarget::Disconnect => {}
            }
        }
        let _ = killer.kill();
    });
    let _ = reading.await;
    let _ = tokio::task::spawn_blocking(move || child.wait()).await;
    serving.abort();
}

fn resize(master: &dyn MasterPty, columns: u64, rows: u64) {
    let short = |value: u64| u16::try_from(value).unwrap_or(u16::MAX);
    let _ = master.resize(PtySize { rows: short(rows), cols: short(columns), pixel_width: 0, pixel_height: 0 });
}

/// Runs the words of a command without a shell, except on Windows, where a shell gets the line. There is no standard input.
pub(super) async fn piped(
    command: String,
    agent: Agent,
    separate: bool,
    mut input: mpsc::Receiver<ToTarget>,
    output: Output,
) {
    let separate = separate && agent.separates;
    let words = if agent.windows {
        vec!["/bin/sh".to_owned(), "-c".to_owned(), command]
    } else {
        split(&command).unwrap_or_default()
    };
    let Some((program, arguments)) = words.split_first() else { return };
    let mut program = Command::new(program);
    program.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    program.env("LANG", "C.UTF-8");
    if let Some(path) = &agent.path {
        program.env("PATH", path);
    }
    let Ok(mut child) = program.spawn() else {
        let _ = output.send((if separate { STDERR } else { OUTPUT }, b"executable file not found\n".to_vec())).await;
        return;
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let running = async {
        let error_type = if separate { STDERR } else { OUTPUT };
        tokio::join!(
            copy(stdout.expect("it is piped"), OUTPUT, output.clone()),
            copy(stderr.expect("it is piped"), error_type, output.clone())
        );
        let status = child.wait().await;
        if let (Ok(status), true) = (status, separate) {
            let code = status.signal().map_or(status.code().unwrap_or(-1), |_| -1);
            let _ = output.send((EXIT_CODE, format!("EXIT_CODE: {code}").into_bytes())).await;
        }
    };
    let drained = async { while input.recv().await.is_some() {} };
    tokio::select! {
        () = running => {}
        () = drained => {}
    }
}

/// Splits a line into words by the rules of a shell's quotes.
fn split(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().push(chars.next()?),
            (Some('"'), '\\') => word.get_or_insert_default().push(chars.next()?),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

async fn copy(mut from: impl AsyncRead + Unpin, kind: u32, output: Output) {
    let (mut chunk, mut rest) = (vec![0; PAYLOAD], Vec::new());
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        rest.extend(&chunk[..count]);
        let passed = text(&mut rest);
        if !passed.is_empty() && output.send((kind, passed)).await.is_err() {
            return;
        }
    }
}

/// Takes bytes as the agent's filter of characters passes them: U+FFFD loses two of its three bytes, and what is not UTF-8 within the
/// last three bytes waits for more, with all that follows it. At the end it is lost.
fn text(bytes: &mut Vec<u8>) -> Vec<u8> {
    let (mut passed, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let valid = rest.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        for c in valid.chars() {
            match c {
                '\u{fffd}' => passed.push(0xef),
                c => passed.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        let is_last = rest.len() - valid.len() <= 3;
        at += valid.len();
        if is_last {
            break;
        }
        passed.push(bytes[at]);
        at += 1;
    }
    bytes.drain(..at);
    passed
}
