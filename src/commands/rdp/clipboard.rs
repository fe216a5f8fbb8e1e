//! Puts a password on the clipboard, by the standard input of the desktop's own program.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::error::CommandError;
use crate::secret::Secret;
use crate::ui::Ui;

/// The programs that fill the clipboard: macOS, Wayland, X11, Windows from WSL.
const PROGRAMS: &[&[&str]] = &[
    &["pbcopy"],
    &["wl-copy", "--sensitive"],
    &["wl-copy"],
    &["xclip", "-selection", "clipboard"],
    &["xsel", "--clipboard", "--input"],
    &["clip.exe"],
];

/// Puts the password on the clipboard.
///
/// # Errors
/// No program is there that could.
pub(super) async fn copy(ui: &Ui, password: &Secret<String>) -> Result<(), CommandError> {
    for words in PROGRAMS {
        if fill(words, password).await {
            ui.notice(&format!("The password is on the clipboard ({}); other programs can read it there.", words[0]));
            return Ok(());
        }
    }
    Err(CommandError::failed("cannot put the password on the clipboard")
        .cause("none of pbcopy, wl-copy, xclip, xsel and clip.exe works here")
        .hint("print it instead: --password"))
}

async fn fill(words: &[&str], password: &Secret<String>) -> bool {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return false };
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(password.expose().as_bytes()).await;
    }
    child.wait().await.is_ok_and(|status| status.success())
}
