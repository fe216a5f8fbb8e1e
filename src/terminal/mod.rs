//! The local terminal: raw mode, escapes, signals, window size. Knows nothing of SSH or AWS. Most platform-specific
//! code is here, in `store` and in `ssh::key_file`.

pub mod escape;
pub mod raw;
pub mod signals;
