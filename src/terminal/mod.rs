//! The local terminal: raw mode, escapes, signals, window size. Knows nothing of SSH or AWS. Code for Unix only is
//! here, in `store`, `agent`, `openssh` and `ssh::key_file`.

pub(crate) mod escape;
pub(crate) mod local;
pub(crate) mod raw;
pub(crate) mod signals;
