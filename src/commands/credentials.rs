//! How the user is asked while credentials are loaded, and the offer to renew a login that has expired.

use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;

use super::prompts::spawn_prompt;
use crate::aws::{CredentialEvent, Interaction};
use crate::error::CommandError;
use crate::terminal::raw;
use crate::text::shell_word;
use crate::ui::Ui;

/// Returns the interaction that reports and asks on this [`Ui`].
pub(crate) fn interaction(ui: &Ui) -> Interaction {
    let ui = ui.clone();
    let events = move |event| match event {
        CredentialEvent::Waiting(text) => ui.progress(&text),
        // A question of the helper is shown also with -q, and no spinner turns where it is answered.
        CredentialEvent::Output(text) => {
            ui.clear_progress();
            ui.lines(&text);
        }
        CredentialEvent::MfaCode { serial, reply } => {
            let text = format!("MFA code for {serial}: ");
            spawn_prompt(&ui, reply, move |ui| ui.ask_secret(&text));
        }
    };
    Interaction { events: Arc::new(events), terminal: raw::open_foreground }
}

/// Returns the interaction that reports nothing and asks nothing.
pub(crate) fn silent() -> Interaction {
    Interaction::silent()
}

/// Offers to run the command that renews an expired login, where the error has one and the user can be asked. Returns whether it
/// was run with success.
pub(crate) async fn offer_login(ui: &Ui, error: &CommandError) -> bool {
    let Some(words) = error.login_command.as_ref().map(|command| &command.0) else { return false };
    let Some((program, arguments)) = words.split_first() else { return false };
    if !ui.can_ask() {
        return false;
    }
    let command = words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ");
    let (asking, question) = (ui.clone(), format!("{}. Run '{command}' now?", error.message));
    let answer = tokio::task::spawn_blocking(move || asking.confirm(&question)).await;
    if answer.ok().flatten() != Some(true) {
        return false;
    }
    let terminal = raw::open_foreground().map_or_else(Stdio::null, Stdio::from);
    // Standard output carries the session's data.
    let mut login = Command::new(program);
    login.args(arguments).stdin(terminal).stdout(std::io::stderr()).kill_on_drop(true);
    match login.status().await {
        Ok(status) if status.success() => true,
        Ok(status) => {
            ui.notice(&format!("'{command}' ended with {status}"));
            false
        }
        Err(failed) => {
            ui.notice(&format!("cannot start {program}: {failed}"));
            false
        }
    }
}
