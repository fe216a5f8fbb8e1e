//! What is wrong, as data. A [`Finding`] is a judgement with its facts; how it is said is rendering, in [`crate::error`]. A failed
//! connection renders them, and so will every other command that diagnoses.
//!
//! Each file judges one kind of failure, by a pure function of the facts at hand.

mod denied;
mod host_key;
mod unreachable;

use std::sync::Arc;

pub(crate) use denied::{DenialReason, PermissionDenied, permission_denied};
pub(crate) use host_key::{HostKeyChange, HostKeyChanged, host_key_changed};
pub(crate) use unreachable::{NoRoute, Unreachable, UnreachableReason, no_route, unreachable};

/// A judgement with its facts.
#[derive(Clone, Debug)]
pub(crate) enum Finding {
    /// The instance denied the login.
    PermissionDenied(PermissionDenied),
    /// No address of the instance answers.
    Unreachable(Unreachable),
    /// No route leads to the instance.
    NoRoute(Arc<NoRoute>),
    /// The instance presents another host key than before.
    HostKeyChanged(HostKeyChanged),
}

impl Finding {
    /// Returns the stable code of the finding, for programs and logs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::PermissionDenied(_) => "permission-denied",
            Self::Unreachable(_) => "unreachable",
            Self::NoRoute(_) => "no-route",
            Self::HostKeyChanged(_) => "host-key-changed",
        }
    }
}
