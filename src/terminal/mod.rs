//! The local terminal: raw mode, escapes, signals, window size. Knows nothing of SSH or AWS. Most platform-specific
//! code is here, in `store` and in `ssh::key_file`.

pub(crate) mod escape;
pub(crate) mod local;
pub(crate) mod raw;
pub(crate) mod signals;
