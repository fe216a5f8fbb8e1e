//! What runs in a session: a command by `/bin/sh -c` with its streams apart, or the user's shell in a pty.

use std::io::{Read, Write};
use std::process::Stdio;

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use russh::server::{Handle, Msg};
use russh::{Channel, ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, Command};
use tokio::sync::mpsc;

const CHUNK: usize = 32 * 1024;

/// Serves one session channel to its end.
pub async fn serve(channel: Channel<Msg>, handle: Handle) {
    let id = channel.id();
    let (mut reader, writer) = channel.split();
    let mut pty: Option<(String, PtySize)> = None;
    while let Some(message) = reader.wait().await {
        let command = match message {
            ChannelMsg::RequestPty { term, col_width, row_height, .. } => {
                pty = Some((term, size(col_width, row_height)));
                continue;
            }
            ChannelMsg::RequestShell { .. } => None,
            ChannelMsg::Exec { command, .. } => Some(String::from_utf8_lossy(&command).into_owned()),
            ChannelMsg::Close => return,
            _ => continue,
        };
        match pty {
            Some((term, size)) => in_a_pty(command, &term, size, reader, &writer, &handle).await,
            None => piped(command, reader, &writer, &handle).await,
        }
        let _ = handle.close(id).await;
        return;
    }
}

fn size(columns: u32, rows: u32) -> PtySize {
    let short = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
    PtySize { rows: short(rows), cols: short(columns), pixel_width: 0, pixel_height: 0 }
}

fn shell() -> String {
    std::env::var("SHELL").ok().filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".to_owned())
}

/// Standard streams by pipes, each apart.
async fn piped(command: Option<String>, reader: ChannelReadHalf, writer: &ChannelWriteHalf<Msg>, handle: &Handle) {
    let mut program = Command::new("/bin/sh");
    if let Some(command) = &command {
        program.arg("-c").arg(command);
    }
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let Ok(mut child) = program.spawn() else {
        let _ = handle.exit_status_request(writer.id(), 127).await;
        return;
    };
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let output = async {
        tokio::join!(
            copy(stdout.expect("it is piped"), writer, None),
            copy(stderr.expect("it is piped"), writer, Some(1))
        );
        // The end of the output is said when it is there; the program may go on without it.
        let _ = handle.eof(writer.id()).await;
        child.wait().await
    };
    tokio::select! {
        status = output => report(status.ok(), writer.id(), handle).await,
        () = feed(reader, stdin) => {}
    }
}

/// The client's bytes to the program, until the client has gone.
async fn feed(mut reader: ChannelReadHalf, mut stdin: Option<ChildStdin>) {
    while let Some(message) = reader.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                let failed = match &mut stdin {
                    Some(stdin) => stdin.write_all(&data).await.is_err(),
                    None => false,
                };
                if failed {
                    stdin = None;
                }
            }
            ChannelMsg::Eof => stdin = None,
            ChannelMsg::Close => return,
            _ => {}
        }
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, writer: &ChannelWriteHalf<Msg>, ext: Option<u32>) {
    loop {
        let mut chunk = vec![0; CHUNK];
        let count = from.read(&mut chunk).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        chunk.truncate(count);
        let sent = match ext {
            None => writer.data_bytes(chunk).await,
            Some(ext) => writer.extended_data_bytes(ext, chunk).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn report(status: Option<std::process::ExitStatus>, id: ChannelId, handle: &Handle) {
    use std::os::unix::process::ExitStatusExt;

    let Some(status) = status else { return };
    match (status.code(), status.signal()) {
        (Some(code), _) => {
            let _ = handle.exit_status_request(id, u32::try_from(code).unwrap_or(255)).await;
        }
        (None, Some(number)) => {
            let name = match number {
                9 => Sig::KILL,
                15 => Sig::TERM,
                2 => Sig::INT,
                other => Sig::Custom(other.to_string()),
            };
            let _ = handle.exit_signal_request(id, name, false, String::new(), String::new()).await;
        }
        (None, None) => {}
    }
}

/// A terminal of its own.
async fn in_a_pty(
    command: Option<String>,
    term: &str,
    size: PtySize,
    reader: ChannelReadHalf,
    writer: &ChannelWriteHalf<Msg>,
    handle: &Handle,
) {
    let Ok(pair) = native_pty_system().openpty(size) else { return };
    let mut program = CommandBuilder::new(if command.is_some() { "/bin/sh".to_owned() } else { shell() });
    if let Some(command) = &command {
        program.args(["-c", command]);
    }
    program.env("TERM", term);
    let Ok(mut child) = pair.slave.spawn_command(program) else { return };
    drop(pair.slave);
    let (Ok(mut from), Ok(to)) = (pair.master.try_clone_reader(), pair.master.take_writer()) else { return };
    let (sender, mut output) = mpsc::channel::<Vec<u8>>(4);
    // A pty knows blocking reads only.
    std::thread::spawn(move || {
        let mut chunk = vec![0; CHUNK];
        while let Ok(count @ 1..) = from.read(&mut chunk) {
            if sender.blocking_send(chunk[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let forward = async {
        while let Some(bytes) = output.recv().await {
            if writer.data_bytes(bytes).await.is_err() {
                return;
            }
        }
    };
    let mut killer = child.clone_killer();
    tokio::select! {
        () = forward => {
            let status = tokio::task::spawn_blocking(move || child.wait()).await;
            if let Ok(Ok(status)) = status {
                let _ = handle.exit_status_request(writer.id(), status.exit_code()).await;
            }
        }
        () = type_in(reader, to, pair.master) => drop(killer.kill()),
    }
}

/// What is typed, and the window's size, until the client has gone.
async fn type_in(mut reader: ChannelReadHalf, mut to: Box<dyn Write + Send>, master: Box<dyn MasterPty + Send>) {
    while let Some(message) = reader.wait().await {
        match message {
            ChannelMsg::Data { data } if to.write_all(&data).and_then(|()| to.flush()).is_err() => return,
            ChannelMsg::WindowChange { col_width, row_height, .. } => {
                let _ = master.resize(size(col_width, row_height));
            }
            ChannelMsg::Close => return,
            _ => {}
        }
    }
}
