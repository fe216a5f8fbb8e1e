//! Starts the RDP client and waits for its end; or only says where one can connect.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::error::CommandError;
use crate::forward::connections::Connections;
use crate::rdp::certificate::Certificate;
use crate::rdp::client::{Client, Desktop, Machine, choose};
use crate::secret::Secret;
use crate::ui::Ui;

/// The limit of a password on FreeRDP's standard input, in bytes.
const MAX_PASSWORD: usize = 500;
/// The time for which a client that was started by a launcher may have no connection after its last.
const LINGER: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The exit status from which on FreeRDP means a failure, and not how the session ended.
const FREERDP_FAILED: i32 = 128;

/// Runs a client for the tunnel. With `print` none is started, and the tunnel stays until it is interrupted.
pub(super) async fn run(
    ui: &Ui,
    print: bool,
    desktop: &Desktop<'_>,
    certificate: &Certificate,
    password: Option<Secret<String>>,
    connections: &Connections,
) -> Result<u8, CommandError> {
    let client = if print { None } else { find() };
    let Some(client) = client else {
        if !print {
            ui.notice(
                "No RDP client was found here: install FreeRDP (on Debian: apt install freerdp3-x11), or use one of your own.",
            );
        }
        let thumbprint = certificate.thumbprint();
        let (user, id) = (desktop.user, desktop.instance_id);
        ui.notice(&format!("Log in as {user}; the first password of Administrator: ec2ssh rdp --password {id}"));
        ui.notice(&format!(
            "Your client will warn that the certificate has another name; compare its SHA-1 thumbprint: {thumbprint}"
        ));
        ui.notice("The tunnel stays open until Ctrl-C. Connect a client to:");
        ui.out(&format!("127.0.0.1:{}\n", desktop.port))?;
        return std::future::pending().await;
    };
    if !client.is_freerdp() {
        let thumbprint = certificate.thumbprint();
        ui.notice(&format!("Compare the certificate that the client shows: SHA-1 {thumbprint}"));
        if password.is_some() {
            ui.notice(
                "The client asks for the password: it is in ec2ssh rdp --password, or on the clipboard with --copy",
            );
        }
    }
    let words = client.command(desktop);
    ui.step(&format!("starting {}", words.join(" ")));
    let status = start(&words, password.filter(|_| client.is_freerdp())).await?;
    if client.is_freerdp() {
        return freerdp_ended(&words[0], status);
    }
    if !status.success() {
        return Err(CommandError::failed(format!("{} failed: {status}", words[0])));
    }
    // What was started may be another process by now.
    linger(ui, connections).await;
    Ok(0)
}

fn find() -> Option<Client> {
    let has = |name: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
    };
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let kernel = std::fs::read_to_string("/proc/version").unwrap_or_default().to_lowercase();
    choose(&Machine {
        has: &has,
        display: is_set("DISPLAY") || is_set("WAYLAND_DISPLAY"),
        mac: cfg!(target_os = "macos"),
        wsl: kernel.contains("microsoft"),
    })
}

/// Starts the client, gives it the password, and waits for its end. It is killed with this process: its tunnel is gone then.
async fn start(words: &[String], password: Option<Secret<String>>) -> Result<std::process::ExitStatus, CommandError> {
    let failed = |error: std::io::Error| {
        CommandError::failed(format!("cannot start {}", words[0]))
            .cause(error.to_string())
            .hint("open the tunnel alone, for a client of your own: --print")
    };
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).kill_on_drop(true);
    let Some(password) = password else {
        return command.status().await.map_err(failed);
    };
    if password.expose().len() > MAX_PASSWORD {
        return Err(CommandError::failed("the password is too long for the client's standard input"));
    }
    let mut child = command.stdin(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        let line = zeroize::Zeroizing::new(format!("{}\n", password.expose()));
        // A client that has ended already says so by its status.
        let _ = stdin.write_all(line.as_bytes()).await;
    }
    child.wait().await.map_err(failed)
}

fn freerdp_ended(program: &str, status: std::process::ExitStatus) -> Result<u8, CommandError> {
    match status.code() {
        Some(code) if code < FREERDP_FAILED => Ok(0),
        _ => Err(CommandError::failed(format!("{program} ended with {status}"))
            .cause("the reason is above: the password may have been changed since the launch, or the server refused the session")
            .hint("log in with another password: -l USER, and the client asks for it")),
    }
}

/// Waits until the client has had a connection, and then none for a while. The first one may take as long as the user types.
async fn linger(ui: &Ui, connections: &Connections) {
    ui.notice("The tunnel stays open until the client has disconnected, or until Ctrl-C.");
    let mut last = None::<Instant>;
    while last.is_none_or(|last| last.elapsed() < LINGER) {
        sleep(POLL_INTERVAL).await;
        if connections.count() > 0 {
            connections.all_ended().await;
            last = Some(Instant::now());
        }
    }
}
