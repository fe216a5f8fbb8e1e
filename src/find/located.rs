//! [`Located`]: an instance together with where it was found.

use crate::aws::model::{Account, Instance};
use crate::boot::Booting;

/// An instance, and the account and region that it was found in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    /// The account and region.
    pub account: Account,
    /// The instance as DescribeInstances showed it.
    pub instance: Instance,
    /// The patience with the instance, if it may still be booting.
    pub booting: Option<Booting>,
}
