//! Why an instance presents another host key than before, by what its console says of both. Pure.

use std::path::PathBuf;

use crate::trust::Refusal;
use crate::trust::console::ConsoleMatch;

/// The facts of a changed host key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostKeyChanged {
    /// The id of the instance.
    pub instance_id: String,
    /// The file that has the known key.
    pub file: PathBuf,
    /// The line in that file.
    pub line: usize,
    /// The fingerprint of the known key.
    pub known: String,
    /// The fingerprint of the presented key.
    pub presented: String,
    /// The algorithm of the presented key.
    pub algorithm: String,
    /// The likely reason of the change.
    pub change: HostKeyChange,
}

/// The likely reason of a changed host key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostKeyChange {
    /// The console prints the presented key: the instance's host keys were regenerated.
    Regenerated,
    /// The console prints the known key: another machine may be answering.
    Impostor,
    /// The console does not show which.
    Unknown,
}

/// Judges a refused host key; `None` if it has not changed.
pub(crate) fn host_key_changed(refusal: &Refusal) -> Option<HostKeyChanged> {
    let Refusal::Changed { instance_id, file, line, known, presented, algorithm, console } = refusal else {
        return None;
    };
    let change = match console {
        (ConsoleMatch::Printed, _) => HostKeyChange::Regenerated,
        (_, ConsoleMatch::Printed) => HostKeyChange::Impostor,
        _ => HostKeyChange::Unknown,
    };
    Some(HostKeyChanged {
        instance_id: instance_id.clone(),
        file: file.clone(),
        line: *line,
        known: known.clone(),
        presented: presented.clone(),
        algorithm: algorithm.clone(),
        change,
    })
}
