//! The local terminal: raw mode, escapes, signals, window size. Knows nothing of SSH or AWS. The only folder with code
//! of one platform beside `store` and `ssh::key_file`.

pub mod escape;
pub mod raw;
pub mod signals;
