//! From a selector to an instance: one look-up, the choice among several, the start of a stopped one.
//!
//! ```text
//! search            a connection's look-up: by AWS, or from the cache
//! lookup            DescribeInstances for a selector; asks the user which of several, and whether to start
//! select            which of several: pure
//! elsewhere         the account's other regions
//! start             StartInstances, then polling until the instance runs and has its address
//! lookup_cache      selector -> instance as of the last look-up, for the speculative start
//! remembered        what a target meant last, for when AWS cannot be asked
//! image_cache       image id -> image
//! completion_cache  profile and region -> names, for the shells' completions
//! ```

pub(crate) mod completion_cache;
mod elsewhere;
mod error;
mod image_cache;
mod located;
mod lookup;
mod lookup_cache;
mod remembered;
mod search;
mod select;
mod start;

pub(crate) use elsewhere::elsewhere;
pub(crate) use error::Error;
pub(crate) use image_cache::{cached_image, image};
pub(crate) use located::Located;
pub(crate) use lookup::single;
pub(crate) use remembered::{LastSeen, last_seen};
pub(crate) use search::Search;
