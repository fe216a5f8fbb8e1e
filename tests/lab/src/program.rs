//! Runs the program of a session: a command with `/bin/sh -c` or a shell, in a pty if the client asked for one,
//! otherwise with separate pipes.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use russh::server::{Handle, Msg};
use russh::{Channel, ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, Command};
use tokio::sync::mpsc;

/// A machine of its own, as its sessions see it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The home folder of the sessions.
    pub home: PathBuf,
    /// The URL of its metadata service.
    pub metadata: Option<String>,
}

const CHUNK: usize = 32 * 1024;

/// Serves one session channel to its end.
pub(crate) async fn serve(channel: Channel<Msg>, handle: Handle, machine: Option<Machine>) {
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
            ChannelMsg::RequestSubsystem { .. } => match sftp_server() {
                Some(program) => Some(format!("exec {}", program.display())),
                None => continue,
            },
            ChannelMsg::Close => return,
            _ => continue,
        };
        match pty {
            Some((term, size)) => run_in_pty((command, machine), &term, size, reader, &writer, &handle).await,
            None => piped((command, machine), reader, &writer, &handle).await,
        }
        let _ = handle.close(id).await;
        return;
    }
}

fn size(columns: u32, rows: u32) -> PtySize {
    let short = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
    PtySize { rows: short(rows), cols: short(columns), pixel_width: 0, pixel_height: 0 }
}

/// Returns the program that serves SFTP, if OpenSSH's is installed.
pub(crate) fn sftp_server() -> Option<&'static Path> {
    const PLACES: [&str; 4] = [
        "/usr/lib/openssh/sftp-server",
        "/usr/libexec/openssh/sftp-server",
        "/usr/lib/ssh/sftp-server",
        "/usr/libexec/sftp-server",
    ];
    PLACES.into_iter().map(Path::new).find(|path| path.exists())
}

/// Returns the shell of a session. A machine of its own has bash where there is one: it edits lines.
fn shell(is_machine: bool) -> String {
    let is_there = |path: &&str| Path::new(path).exists();
    let bash = ["/bin/bash", "/usr/bin/bash"].into_iter().find(is_there).filter(|_| is_machine);
    let own = std::env::var("SHELL").ok().filter(|shell| !shell.is_empty());
    bash.map(str::to_owned).or(own).unwrap_or_else(|| "/bin/sh".to_owned())
}

/// Returns the environment of a machine, whose home folder has the instance's name.
fn environment(Machine { home, metadata }: &Machine) -> Vec<(&'static str, String)> {
    let name = home.file_name().unwrap_or_default().to_string_lossy();
    vec![
        ("HOME", home.display().to_string()),
        ("USER", "ec2-user".to_owned()),
        ("LOGNAME", "ec2-user".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.clone().unwrap_or_default()),
        ("PS1", format!("[ec2-user@{name} \\W]\\$ ")),
    ]
}

/// Runs the program with a separate pipe for each standard stream.
async fn piped(
    (command, machine): (Option<String>, Option<Machine>),
    reader: ChannelReadHalf,
    writer: &ChannelWriteHalf<Msg>,
    handle: &Handle,
) {
    let mut program = Command::new("/bin/sh");
    if let Some(command) = &command {
        program.arg("-c").arg(command);
    }
    if let Some(machine) = &machine {
        program.env_clear().envs(environment(machine)).current_dir(&machine.home);
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
        // EOF is sent as soon as the output ends: the program may continue without it.
        let _ = handle.eof(writer.id()).await;
        child.wait().await
    };
    tokio::select! {
        status = output => report(status.ok(), writer.id(), handle).await,
        () = forward_stdin(reader, stdin) => {}
    }
}

/// Passes the client's data to the program until the client closes the channel.
async fn forward_stdin(mut reader: ChannelReadHalf, mut stdin: Option<ChildStdin>) {
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

/// Runs the program in a pty of its own.
async fn run_in_pty(
    (command, machine): (Option<String>, Option<Machine>),
    term: &str,
    size: PtySize,
    reader: ChannelReadHalf,
    writer: &ChannelWriteHalf<Msg>,
    handle: &Handle,
) {
    let Ok(pair) = native_pty_system().openpty(size) else { return };
    let mut program =
        CommandBuilder::new(if command.is_some() { "/bin/sh".to_owned() } else { shell(machine.is_some()) });
    if let Some(machine) = &machine {
        program.env_clear();
        environment(machine).into_iter().for_each(|(name, value)| program.env(name, value));
        program.cwd(&machine.home);
    }
    if let Some(command) = &command {
        program.args(["-c", command]);
    }
    program.env("TERM", term);
    let Ok(mut child) = pair.slave.spawn_command(program) else { return };
    drop(pair.slave);
    let (Ok(mut from), Ok(to)) = (pair.master.try_clone_reader(), pair.master.take_writer()) else { return };
    let (sender, mut output) = mpsc::channel::<Vec<u8>>(4);
    // A pty supports only blocking reads.
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
        () = forward_terminal_input(reader, to, pair.master) => drop(killer.kill()),
    }
}

/// Passes the client's input and window size to the pty until the client closes the channel.
async fn forward_terminal_input(
    mut reader: ChannelReadHalf,
    mut to: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
) {
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
