//! Findings: each states what is wrong, with its facts. [`crate::error`] turns a finding into text for the user; this module does
//! not.
//!
//! Each file judges one kind of failure, by a pure function of the facts at hand. For `ec2ssh doctor` all [`crate::facts`] are judged
//! by [`checks`] into [`Answer`].

mod admission;
mod answer;
mod cause;
mod check;
mod checks;
mod denied;
mod finding;
mod host_key;
mod unreachable;

pub(crate) use answer::{Answer, Checked, answer};
pub(crate) use cause::{BootFault, Cause};
pub(crate) use check::{Problem, Stage, Verdict};
pub(crate) use checks::caller_of_way;
pub(crate) use denied::{DenialReason, PermissionDenied, permission_denied};
pub(crate) use finding::Finding;
pub(crate) use host_key::{HostKeyChange, HostKeyChanged, host_key_changed};
pub(crate) use unreachable::{NoRoute, Unreachable, UnreachableReason, unreachable};
