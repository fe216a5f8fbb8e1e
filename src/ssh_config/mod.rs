//! The options of ssh_config(5) and `-o` for a connection. ssh itself reads the files (`run`), because nobody else reads them as it
//! `keywords` says which options are honored here, which change nothing here, and which are lacking.

mod keywords;
mod run;

use std::path::PathBuf;

pub(crate) use keywords::{Found, Log, OptionError};
pub(crate) use run::{Host, Outcome, read};

/// The files that are read, as ssh's `-F` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Files {
    /// The user's and the system's.
    #[default]
    Usual,
    /// No file is read.
    None,
    /// Only the file at this path is read.
    Only(PathBuf),
}

/// Reads what `-o` says; the first value of an option wins, as in ssh.
///
/// # Errors
/// ssh has no such option, or the value is invalid.
pub(crate) fn typed(options: &[String]) -> Result<Found, OptionError> {
    let mut found = Found::default();
    for option in options {
        let (keyword, value) = keywords::split(option)?;
        found.add(&keyword, &value)?;
    }
    Ok(found)
}
