//! Passes the events of the lower layers to the user, and the user's answers back.
//!
//! Each prompt runs on its own blocking thread, so that network work continues in the meantime.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::error::candidate_table;
use crate::event::{Event, Events, HostKeyQuestion};
use crate::secret::Secret;
use crate::ssh::auth::{Challenge, Question};
use crate::table::Table;
use crate::text::sanitize;
use crate::ui::Ui;

/// The number of times a prompt is shown before it is given up.
const MAX_PROMPTS: usize = 3;

/// Returns the handler of [`Events`] that shows them on this [`Ui`]. `yes` answers the prompt to start an instance.
pub(crate) fn prompter(ui: &Ui, yes: bool) -> Events {
    let ui = ui.clone();
    Arc::new(move |event| answer(&ui, yes, event))
}

fn answer(ui: &Ui, yes: bool, event: Event) {
    match event {
        Event::Step(text) => ui.step(&text),
        Event::Notice(text) | Event::Ending(text) => ui.notice(&text),
        Event::Route(text) => ui.remark(&text),
        Event::Progress(text) => ui.progress(&text),
        Event::Doing(text) => ui.doing(&text),
        Event::Banner(text) => ui.banner(text.trim_end()),
        Event::HostKey { question, reply } => {
            spawn_prompt(ui, reply, move |ui| host_key(ui, &question));
        }
        Event::Passphrase { path, retry, reply } => {
            let wrong = if retry { "Wrong passphrase. " } else { "" };
            let text = format!("{wrong}Passphrase for {}: ", path.display());
            spawn_prompt(ui, reply, move |ui| ui.ask_secret(&text));
        }
        Event::Challenge { challenge, reply } => spawn_prompt(ui, reply, move |ui| challenged(ui, &challenge)),
        Event::FixMode { problem, reply } => {
            let text = format!("{}.\nSet it to 0400 now?", capitalized(&problem));
            spawn_prompt(ui, reply, move |ui| ui.confirm(&text));
        }
        Event::Start { instance, reply } => {
            let text =
                format!("{} ({}) is {}. Start it?", sanitize(instance.label()), instance.id, instance.state.as_str());
            // --start where no prompt is possible counts as consent.
            spawn_prompt(ui, reply, move |ui| if yes || !ui.can_ask() { Some(true) } else { ui.confirm(&text) });
        }
        Event::LastSeen { reason, instance, place, age, reply } => {
            let text = format!(
                "AWS cannot be asked: {}.\nConnect to {} as it was {age} ago ({}, {}, host key known)?",
                sanitize(&reason),
                sanitize(instance.label()),
                instance.id,
                sanitize(&place)
            );
            spawn_prompt(ui, reply, move |ui| ui.confirm(&text));
        }
        Event::Choose { candidates, reply } => {
            let table = candidate_table(&candidates).numbered();
            let count = candidates.len();
            spawn_prompt(ui, reply, move |ui| choose(ui, &table, count));
        }
    }
}

/// Asks on a thread of its own; without an answer the reply is dropped.
pub(super) fn spawn_prompt<T: Send + 'static>(
    ui: &Ui,
    reply: oneshot::Sender<T>,
    ask: impl FnOnce(&Ui) -> Option<T> + Send + 'static,
) {
    // A prompt may turn the terminal's echo off, and the signal handler must be able to turn it on again.
    let _ = crate::terminal::raw::save_settings();
    let ui = ui.clone();
    tokio::task::spawn_blocking(move || {
        // Without an answer the sender is dropped, which the lower layer treats as a refusal.
        if let Some(answer) = ask(&ui) {
            let _ = reply.send(answer);
        }
    });
}

/// Shows what the server says and asks its questions, one after the other.
fn challenged(ui: &Ui, challenge: &Challenge) -> Option<Vec<Secret<String>>> {
    for text in [&challenge.name, &challenge.instruction] {
        if !text.trim().is_empty() {
            ui.banner(text.trim_end());
        }
    }
    let answer = |question: &Question| {
        let text = sanitize(&question.text);
        if question.echo { ui.ask(&text).map(Secret::new) } else { ui.ask_hidden(&text) }
    };
    challenge.questions.iter().map(answer).collect()
}

fn host_key(ui: &Ui, question: &HostKeyQuestion) -> Option<bool> {
    let HostKeyQuestion { what, label, instance_id, algorithm, fingerprint } = question;
    let name = if label == instance_id { String::new() } else { format!("{} ", sanitize(label)) };
    let (named, noun) = match *what {
        "host key" => (format!("{algorithm} key fingerprint"), "key"),
        _ => (algorithm.clone(), "certificate"),
    };
    let mut text = format!(
        "The {what} of {name}({instance_id}) is not known yet.\n{named} is {fingerprint}\n\
         Is this the {noun} of the instance? (yes/no/paste the fingerprint) "
    );
    for _ in 0..MAX_PROMPTS {
        match parse_host_key_answer(&ui.ask(&text)?, fingerprint) {
            Some(answer) => return Some(answer),
            None => text = "Please type 'yes' or 'no', or paste the fingerprint: ".to_owned(),
        }
    }
    Some(false)
}

/// Returns whether the answer accepts the host key, or `None` if it is neither yes, no nor a fingerprint. A different
/// fingerprint rejects the key.
pub(crate) fn parse_host_key_answer(answer: &str, fingerprint: &str) -> Option<bool> {
    let answer = answer.trim();
    match answer.to_ascii_lowercase().as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ if answer == fingerprint || Some(answer) == fingerprint.strip_prefix("SHA256:") => Some(true),
        _ if answer.starts_with("SHA256:") => Some(false),
        _ => None,
    }
}

/// Asks which candidate to use. Returns `None` if no prompt is possible, and `Some(None)` if the user chose none.
fn choose(ui: &Ui, table: &Table, count: usize) -> Option<Option<usize>> {
    if !ui.can_ask() {
        return None;
    }
    ui.table(table);
    let mut text = format!("Which one? (1-{count}, or Enter for none) ");
    for _ in 0..MAX_PROMPTS {
        match ui.ask(&text)?.trim() {
            "" => break,
            answer => match answer.parse::<usize>() {
                Ok(number) if (1..=count).contains(&number) => return Some(Some(number - 1)),
                _ => text = format!("Enter a number from 1 to {count}: "),
            },
        }
    }
    Some(None)
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
