//! Which of the instances that a look-up found is meant. Pure, and it never guesses: exactly one, or an [`Error`] that
//! holds what a person needs to decide.

use crate::aws::model::{Instance, State};
use crate::target::Spec;

/// How to choose among several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// Do not.
    #[default]
    Only,
    /// The one launched last.
    Newest,
    /// The one launched first.
    Oldest,
}

/// Why no instance was chosen.
#[derive(Debug, PartialEq, Eq)]
pub enum Error {
    /// Nothing matches.
    None,
    /// Several match.
    Several(Vec<Instance>),
    /// The one that matches is not running.
    NotRunning(Box<Instance>),
}

/// Chooses. Running instances go before others; among names an exact one goes before a prefix, and a prefix before a
/// glob (the look-up asks for the widest of them).
///
/// # Errors
/// When it is not exactly one and running.
pub fn choose(spec: &Spec, found: Vec<Instance>, pick: Pick) -> Result<Instance, Error> {
    let matching = nearest(spec, found);
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

/// Those with exactly this name where there are any.
fn nearest(spec: &Spec, found: Vec<Instance>) -> Vec<Instance> {
    let Spec::Name(name) = spec else { return found };
    let (exact, wider): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|instance| instance.name.as_deref() == Some(name));
    if exact.is_empty() { wider } else { exact }
}

/// Up to `most` names that are near to the one typed, nearest first: another case, a part of it, a slip of the hand.
pub fn near_misses(typed: &str, instances: &[Instance], most: usize) -> Vec<String> {
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

/// How far apart two names are, or `None` when one would not take the one for the other.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    if name.contains(wanted) || wanted.contains(name) && name.len() > 2 {
        return Some(0);
    }
    let slips = strsim::damerau_levenshtein(wanted, name);
    (slips <= 1 + wanted.chars().count() / 4).then_some(slips)
}
