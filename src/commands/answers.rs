//! Brings what the lower layers ask to the person, and the answer back.
//!
//! A question waits on a thread of its own, so that the network goes on meanwhile.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::connect::{Event, Events};
use crate::error::CommandError;
use crate::error::connect::candidate_table;
use crate::ssh::{self, Question};
use crate::text::neutralise;
use crate::ui::Ui;

/// How often an answer that is none is asked for again.
const TRIES: usize = 3;

/// The person behind this [`Ui`], as the layers below see them. `yes` answers the question whether to start.
pub fn person(ui: &Ui, yes: bool) -> Events {
    let ui = ui.clone();
    Arc::new(move |event| answer(&ui, yes, event))
}

fn answer(ui: &Ui, yes: bool, event: Event) {
    match event {
        Event::Step(text) => ui.step(&text),
        Event::Notice(text) => ui.notice(&text),
        Event::Route(text) => ui.remark(&text),
        Event::Progress(text) => ui.progress(&text),
        Event::Refused { error, ssh_has_gone: false } => {
            let error = CommandError::from(*error);
            ui.error(&error.message, &error.causes, &error.hints);
        }
        Event::Refused { error, ssh_has_gone: true } => after_ssh(ui, CommandError::from(*error)),
        Event::Ssh(ssh::Event::Step(text)) => ui.step(&text),
        Event::Ssh(ssh::Event::Notice(text)) => ui.notice(&text),
        Event::Ssh(ssh::Event::Banner(text)) => ui.banner(text.trim_end()),
        Event::Ssh(ssh::Event::HostKey(question, reply)) => {
            on_a_thread(ui, reply, move |ui| host_key(ui, &question));
        }
        Event::Passphrase { path, again, reply } => {
            let wrong = if again { "That does not open it. " } else { "" };
            let text = format!("{wrong}Passphrase for {}: ", path.display());
            on_a_thread(ui, reply, move |ui| ui.ask_secret(&text));
        }
        Event::FixMode { problem, reply } => {
            let text = format!("{}.\nSet it to 0400 now?", capitalised(&problem));
            on_a_thread(ui, reply, move |ui| ui.confirm(&text));
        }
        Event::Start { instance, reply } => {
            let text =
                format!("{} ({}) is {}. Start it?", neutralise(instance.label()), instance.id, instance.state.word());
            // Who typed --start where nobody can be asked meant it.
            on_a_thread(ui, reply, move |ui| if yes || !ui.can_ask() { Some(true) } else { ui.confirm(&text) });
        }
        Event::Choose { candidates, reply } => {
            let table =
                candidate_table(&candidates).render(crate::terminal::raw::size().map(|size| size.columns.into()));
            let count = candidates.len();
            on_a_thread(ui, reply, move |ui| choose(ui, &table, count));
        }
    }
}

/// ssh ended without using the key that was pushed. It may have been let in by other means, which we do not see.
fn after_ssh(ui: &Ui, error: CommandError) {
    ui.behind_prompt();
    ui.notice("The pushed key was not taken. If ssh was not let in, this is why:");
    ui.error(&error.message, &error.causes, &error.hints);
}

fn on_a_thread<T: Send + 'static>(
    ui: &Ui,
    reply: oneshot::Sender<T>,
    ask: impl FnOnce(&Ui) -> Option<T> + Send + 'static,
) {
    // A prompt may switch the echo off; a signal must be able to switch it on again.
    let _ = crate::terminal::raw::remember();
    let ui = ui.clone();
    tokio::task::spawn_blocking(move || {
        // Without an answer the reply is dropped, which the layer below takes for a no.
        if let Some(answer) = ask(&ui) {
            let _ = reply.send(answer);
        }
    });
}

fn host_key(ui: &Ui, question: &Question) -> Option<bool> {
    let Question { label, instance_id, algorithm, fingerprint } = question;
    let name = if label == instance_id { String::new() } else { format!("{} ", neutralise(label)) };
    let mut text = format!(
        "The host key of {name}({instance_id}) is not known yet.\n{algorithm} key fingerprint is {fingerprint}\n\
         Is it the instance's? (yes/no/paste the fingerprint) "
    );
    for _ in 0..TRIES {
        match judge_answer(&ui.ask(&text)?, fingerprint) {
            Some(answer) => return Some(answer),
            None => text = "Please type 'yes' or 'no', or paste the fingerprint: ".to_owned(),
        }
    }
    Some(false)
}

/// A yes, a no, or `None` for neither. A fingerprint that is another one is a no.
pub fn judge_answer(answer: &str, fingerprint: &str) -> Option<bool> {
    let answer = answer.trim();
    match answer.to_ascii_lowercase().as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ if answer == fingerprint || Some(answer) == fingerprint.strip_prefix("SHA256:") => Some(true),
        _ if answer.starts_with("SHA256:") => Some(false),
        _ => None,
    }
}

/// `None`: nobody to ask. `Some(None)`: none of them.
fn choose(ui: &Ui, table: &str, count: usize) -> Option<Option<usize>> {
    let numbered: Vec<String> = table
        .lines()
        .enumerate()
        .map(|(index, line)| if index == 0 { format!("    {line}") } else { format!("{index:>2}  {line}") })
        .collect();
    let mut text = format!("{}\nWhich one? (1-{count}, or Enter for none) ", numbered.join("\n"));
    for _ in 0..TRIES {
        match ui.ask(&text)?.trim() {
            "" => break,
            answer => match answer.parse::<usize>() {
                Ok(number) if (1..=count).contains(&number) => return Some(Some(number - 1)),
                _ => text = format!("A number from 1 to {count}: "),
            },
        }
    }
    Some(None)
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
