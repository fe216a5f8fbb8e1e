//! The report: the first cause on top, what it was concluded from, the command that mends it, and a picture of the way. Pure.

use anstyle::AnsiColor;
use serde_json::{Value, json};

use super::lookup::Unfound;
use super::picture::{BROKEN, picture};
use crate::aws::model::State;
use crate::diagnose::{Answer, Problem, Verdict, caller_of_way};
use crate::error::{CommandError, Fix, Place, Remedy, words};
use crate::facts::Facts;
use crate::plan::order::Route;
use crate::table::Layout;
use crate::text::{instance_word, sanitize, sanitize_lines};

/// The beginning of the report where all is well.
const NOTHING: &str = "Nothing is in the way";
/// The width at which text is wrapped where there is no terminal.
const WIDTH: usize = 100;

/// Something in the way, in words.
struct Found {
    code: &'static str,
    title: String,
    because: Vec<String>,
    fixes: Vec<Fix>,
}

/// The report on the way to an instance.
pub(super) struct Report<'a> {
    facts: &'a Facts,
    answer: &'a Answer,
    target: &'a str,
    found: Vec<Found>,
    /// The user that logged in, if the login was tried and succeeded.
    logged_in: Option<String>,
}

impl<'a> Report<'a> {
    /// Puts the answer into words. `login` is the result of a login, if it was tried.
    pub(super) fn new(
        facts: &'a Facts,
        answer: &'a Answer,
        target: &'a str,
        login: Option<Result<String, CommandError>>,
    ) -> Self {
        let place = place(facts, target);
        let in_words = |problem: &Problem| {
            let words = words(&problem.cause, &place);
            let because = problem.because.iter().map(|line| sanitize(line)).collect();
            let mut fixes = words.fixes;
            if !facts.caller.is_certain() {
                // The proxy's address may be many people's.
                let admits = |fix: &&mut Fix| matches!(fix.remedy, Some(Remedy::Admit { .. }));
                fixes.iter_mut().filter(admits).for_each(|fix| fix.remedy = None);
            }
            Found { code: problem.cause.code(), title: sanitize(&words.title), because, fixes }
        };
        let mut found: Vec<Found> = answer.findings.iter().map(in_words).collect();
        let logged_in = match login {
            // Whatever was suspected, the login works.
            Some(Ok(user)) => {
                found.clear();
                Some(user)
            }
            Some(Err(error)) => {
                found.push(of_error(error.finding.as_ref().map_or("login-failed", |finding| finding.code()), &error));
                None
            }
            None => None,
        };
        Self { facts, answer, target, found, logged_in }
    }

    /// Whether nothing is in the way.
    pub(super) fn is_well(&self) -> bool {
        self.found.is_empty() && !self.answer.open.is_empty()
    }

    /// Returns the ways to mend what is in the way.
    pub(super) fn fixes(&self) -> Vec<Fix> {
        self.found.iter().flat_map(|found| found.fixes.clone()).collect()
    }

    /// Returns the report for programs.
    pub(super) fn json(&self) -> Result<Value, std::io::Error> {
        let checks: Vec<Value> = self.answer.checks.iter().map(|checked| {
            let detail = detail(&checked.verdict);
            json!({ "code": checked.check.code, "title": checked.check.title, "verdict": checked.verdict.word(), "detail": detail })
        }).collect();
        let mut facts = serde_json::to_value(self.facts).map_err(std::io::Error::other)?;
        facts["instance"] = json!(self.facts.plan.instance);
        facts["region"] = json!(self.facts.plan.account.region);
        Ok(json!({
            "findings": self.found.iter().map(Found::json).collect::<Vec<_>>(),
            "open": self.answer.open,
            "checks": checks,
            "facts": facts,
        }))
    }

    /// Returns the report for people; `all` lists every check.
    pub(super) fn text(&self, all: bool, layout: Layout) -> String {
        let text = sanitize_lines(&self.plain_text(all, layout));
        if layout.colored { colored(&text) } else { text }
    }

    fn plain_text(&self, all: bool, layout: Layout) -> String {
        let width = layout.width.unwrap_or(WIDTH).max(20);
        let instance = &self.facts.plan.instance;
        let name = match instance.name.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => format!("{name} ({})", instance.id),
            None => instance.id.clone(),
        };
        let mut lines = match &self.found[..] {
            [] if self.is_well() => vec![format!("{NOTHING} to {name}.")],
            [] => vec![format!("{name}: no way is known to be open, and what is in the way is not known")],
            found => found.iter().enumerate().flat_map(|(at, found)| found.lines(&name, at, width)).collect(),
        };
        if instance.is_windows() {
            let word = instance_word(self.target);
            lines.push(format!(
                "It runs Windows: its desktop is reached with ec2ssh rdp {word}; this is the way to an SSH server."
            ));
        }
        lines.push(String::new());
        lines.extend(wrap(&picture(self.facts, self.answer), "  ", "     ", width));
        lines.push(String::new());
        lines.extend(self.remarks().iter().flat_map(|remark| wrap(remark, "", "  ", width)));
        if all {
            lines.push(String::new());
            lines.extend(self.answer.checks.iter().flat_map(|checked| {
                let line =
                    format!("{:<10} {}: {}", checked.verdict.word(), checked.check.title, detail(&checked.verdict));
                wrap(&line, "", "           ", width)
            }));
        }
        lines.join("\n")
    }

    /// Returns the lines below the picture: the ways that are open, what is not known, and what was not tried.
    fn remarks(&self) -> Vec<String> {
        let word = instance_word(self.target);
        let mut remarks = Vec::new();
        for route in &self.answer.open {
            let (how, seen) = match route {
                Route::Direct => (format!("ec2ssh {word}"), "an SSH server answers"),
                Route::Eice => {
                    (format!("ec2ssh --via eice {word}"), "by what AWS says of it; a tunnel ends after an hour")
                }
                Route::Ssm => (format!("ec2ssh --via ssm {word}"), "by what AWS says of it"),
            };
            remarks.push(format!("Open: {route} ({seen}): {how}"));
        }
        let place = place(self.facts, self.target);
        let closed = self.answer.closed.iter();
        remarks
            .extend(closed.map(|(route, problem)| format!("Closed: {route}: {}", words(&problem.cause, &place).title)));
        let unknown = self.answer.checks.iter().filter_map(|checked| match &checked.verdict {
            Verdict::Unknown(why) => Some(format!("Not known: {}: {why}", checked.check.title)),
            _ => None,
        });
        remarks.extend(unknown);
        match &self.logged_in {
            Some(user) => remarks.push(format!("The login as {user} works.")),
            None if !self.answer.open.is_empty() && self.found.iter().all(|found| found.code != "login-failed") => {
                remarks.push(format!("The login itself was not tried: ec2ssh doctor --login {word}"));
            }
            None => {}
        }
        remarks.extend(self.without_ssh());
        remarks
    }

    /// Returns the commands that need no SSH, where it is of no use here: something is in the way, or it is Windows.
    fn without_ssh(&self) -> Option<String> {
        let (instance, word) = (&self.facts.plan.instance, instance_word(self.target));
        if self.found.is_empty() && !instance.is_windows() {
            return None;
        }
        let is_online =
            self.facts.agent.known().is_some_and(|agent| agent.as_ref().is_some_and(|a| a.ping == "Online"));
        let ways = [
            instance.is_windows().then(|| format!("ec2ssh rdp {word}")),
            is_online.then(|| format!("ec2ssh ssm {word}")),
            instance.may_have_serial_console().then(|| format!("ec2ssh serial {word}")),
        ];
        let ways: Vec<String> = ways.into_iter().flatten().collect();
        let is_running = instance.state == State::Running;
        (is_running && !ways.is_empty()).then(|| format!("Without SSH: {}", ways.join(", or ")))
    }
}

/// Returns the instance that commands are for, and the caller's address as far as the way has its family.
fn place<'a>(facts: &'a Facts, target: &'a str) -> Place<'a> {
    Place { plan: &facts.plan, target, caller: caller_of_way(facts) }
}

impl Found {
    fn json(&self) -> Value {
        let fixes: Vec<Value> =
            self.fixes.iter().map(|fix| json!({ "what": fix.what, "command": fix.command })).collect();
        json!({ "code": self.code, "title": self.title, "because": self.because, "fix": fixes })
    }

    fn lines(&self, name: &str, at: usize, width: usize) -> Vec<String> {
        let title = if at == 0 { format!("{name}: {}", self.title) } else { format!("Also: {}", self.title) };
        let mut lines = if at == 0 { Vec::new() } else { vec![String::new()] };
        lines.extend(wrap(&title, "", "", width));
        for (at, because) in self.because.iter().enumerate() {
            let label = if at == 0 { "  because  " } else { "           " };
            lines.extend(wrap(because, label, "           ", width));
        }
        for fix in &self.fixes {
            lines.extend(wrap(&format!("{}:", fix.what), "  to mend  ", "           ", width));
            // A command stays on one line, so that it can be copied.
            lines.push(format!("    {}", fix.command));
        }
        lines
    }
}

fn of_error(code: &'static str, error: &CommandError) -> Found {
    let fix = |hint: &String| match hint.split_once(": ") {
        Some((what, command)) => Fix { what: what.to_owned(), command: command.to_owned(), remedy: None },
        None => Fix { what: "see".to_owned(), command: hint.clone(), remedy: None },
    };
    Found {
        code,
        title: error.message.clone(),
        because: error.causes.clone(),
        fixes: error.hints.iter().map(fix).collect(),
    }
}

/// Returns the report in JSON where no instance was found.
pub(super) fn unfound(problem: &Unfound) -> Value {
    let found = of_error(problem.code, &problem.error);
    json!({ "findings": [found.json()], "open": [], "checks": [], "facts": {} })
}

fn detail(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed(text) | Verdict::Unknown(text) | Verdict::Irrelevant(text) => text.clone(),
        Verdict::Failed(problem) | Verdict::Suspect(problem) => problem.because.join("; "),
        Verdict::Skipped(code) => format!("{code} failed"),
    }
}

/// Paints the first line by whether something is in the way, and the broken link.
fn colored(text: &str) -> String {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let red = AnsiColor::Red.on_default().bold();
    let style = if first.starts_with(NOTHING) { AnsiColor::Green.on_default() } else { red };
    let rest = rest.replace(BROKEN, &format!("{red}{BROKEN}{red:#}"));
    format!("{style}{first}{style:#}\n{rest}")
}

/// Wraps the text at blanks; `first` and `rest` stand before the lines.
fn wrap(text: &str, first: &str, rest: &str, width: usize) -> Vec<String> {
    let mut lines = vec![first.to_owned()];
    let mut is_empty = true;
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is one line at least");
        if !is_empty && last.chars().count() + 1 + word.chars().count() > width {
            lines.push(format!("{rest}{word}"));
        } else {
            last.push_str(if is_empty { "" } else { " " });
            last.push_str(word);
        }
        is_empty = false;
    }
    lines
}
