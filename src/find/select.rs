//! Chooses among the instances that a look-up found. Pure, and never guesses: returns exactly one instance, or an
//! [`Error`] with what the user needs to decide.

use crate::aws::model::{Instance, State};
use crate::settings::Pick;
use crate::target::Selector;

/// The reason why no instance was chosen.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Error {
    /// No instance matches the selector.
    None,
    /// Several instances match the selector.
    Several(Vec<Instance>),
    /// The matching instance is not running.
    NotRunning(Box<Instance>),
}

/// Returns the chosen instance. Running instances take precedence over others; for a name, an exact match takes
/// precedence over a prefix or glob match, because the look-up also returns those. `whole_name` is the name with what was read as
/// a port; an instance that bears it is meant before all others.
///
/// # Errors
/// Fails unless exactly one instance matches or `pick` decides, and the instance is running.
pub(super) fn choose(
    selector: &Selector,
    whole_name: Option<&str>,
    found: Vec<Instance>,
    pick: Pick,
) -> Result<Instance, Error> {
    let matching = prefer_exact(selector, whole_name, found);
    let (running, others): (Vec<_>, Vec<_>) =
        matching.into_iter().partition(|instance| instance.state == State::Running);
    let is_running = !running.is_empty();
    let mut candidates = if is_running { running } else { others };
    candidates.sort_by(|a, b| (a.launched, &a.id).cmp(&(b.launched, &b.id)));
    let chosen = match (candidates.len(), pick) {
        (0, _) => return Err(Error::None),
        (1, _) | (_, Pick::Oldest) => candidates.swap_remove(0),
        (_, Pick::Newest) => candidates.pop().ok_or(Error::None)?,
        (_, Pick::Only) => return Err(Error::Several(candidates)),
    };
    if is_running { Ok(chosen) } else { Err(Error::NotRunning(Box::new(chosen))) }
}

/// Returns the instances with exactly this name if there are any, else all.
fn prefer_exact(selector: &Selector, whole_name: Option<&str>, found: Vec<Instance>) -> Vec<Instance> {
    let Selector::Name(name) = selector else { return found };
    let bears = |instance: &Instance, wanted: &str| instance.name.as_deref() == Some(wanted);
    let names = whole_name.into_iter().chain([name.as_str()]);
    let exact = names.into_iter().find(|name| found.iter().any(|instance| bears(instance, name)));
    match exact {
        Some(exact) => found.into_iter().filter(|instance| bears(instance, exact)).collect(),
        None => found,
    }
}

/// Returns up to `most` names similar to the one typed, closest first: different case, a part of the name, or a typing
/// error.
pub(super) fn near_misses(typed: &str, instances: &[Instance], most: usize) -> Vec<String> {
    let wanted = typed.to_lowercase();
    let mut near: Vec<(usize, &str)> = instances
        .iter()
        .filter_map(|instance| instance.name.as_deref())
        .filter_map(|name| Some((distance(&wanted, &name.to_lowercase())?, name)))
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(most).map(|(_, name)| name.to_owned()).collect()
}

/// Returns the distance of two names; `None` if they are not similar.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    if name.contains(wanted) || wanted.contains(name) && name.len() > 2 {
        return Some(0);
    }
    let slips = strsim::damerau_levenshtein(wanted, name);
    (slips <= 1 + wanted.chars().count() / 4).then_some(slips)
}

#[cfg(test)]
mod tests;
