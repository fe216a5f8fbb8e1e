//! The local terminal: raw mode, escapes, signals, window size. Knows nothing of SSH or AWS. Code of one
//! platform is here, in `store`, in `ssh::key_file` and in one line of `ui`.

pub mod escape;
pub mod raw;
pub mod signals;
