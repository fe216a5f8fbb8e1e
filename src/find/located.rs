//! [`Located`]: an instance together with where it was found.

use crate::aws::model::{Account, Instance};

/// An instance, and the account and region that it was found in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    /// The account and region.
    pub account: Account,
    /// The instance as DescribeInstances showed it.
    pub instance: Instance,
    /// Set when this run has started the instance: it is still booting.
    pub just_started: bool,
}
