//! The config file; its tables hold [`Options`], which the command line and ssh_config have as well.
//!
//! `ec2ssh/config.toml` in the user's config folder has a `[defaults]` table and `[[host]]` tables, each with a `match`
//! pattern for what was typed, and for the Name tag and the id of the instance that was found. The command line takes precedence over the first matching host table that
//! sets the key, and that over the defaults. An unknown key is an error that names its line.

mod options;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use wildmatch::WildMatch;

pub(crate) use options::{AddressKind, Escape, HostKeyPolicy, Options, RequestTty, Via, parse_endpoint_id};

/// The parsed config file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default, deserialize_with = "defaults")]
    defaults: Options,
    #[serde(default, rename = "host")]
    hosts: Vec<Host>,
}

/// A `[[host]]` table: a pattern and its options.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    pattern: String,
    options: Options,
}

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut options = Options::deserialize(from)?;
        let pattern = options.r#match.take();
        let pattern = pattern.ok_or_else(|| serde::de::Error::custom("a [[host]] table needs `match`"))?;
        Ok(Self { pattern, options })
    }
}

fn defaults<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Options, D::Error> {
    let options = Options::deserialize(from)?;
    match options.r#match {
        Some(_) => Err(serde::de::Error::custom("`match` is a key of [[host]] tables")),
        None => Ok(options),
    }
}

/// An error in reading the config file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file exists but cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// Path of the config file.
        path: PathBuf,
        /// Cause reported by the system.
        source: std::io::Error,
    },
    /// The file is not valid TOML, or has an unknown key or an invalid value.
    #[error("{}:{line}: {message}", .path.display())]
    Parse {
        /// Path of the config file.
        path: PathBuf,
        /// Line number, counted from 1.
        line: usize,
        /// Description of the problem in that line.
        message: String,
    },
}

impl Config {
    /// Returns the path of the config file, `ec2ssh/config.toml` in the user's config folder; `None` if there is no
    /// such folder.
    pub(crate) fn path() -> Option<PathBuf> {
        Some(dirs::config_dir()?.join("ec2ssh").join("config.toml"))
    }

    /// Reads the config file at its default path.
    ///
    /// # Errors
    /// Fails like [`Config::load`].
    pub(crate) fn load_default() -> Result<Self, Error> {
        Self::path().map_or_else(|| Ok(Self::default()), |path| Self::load(&path))
    }

    /// Reads a config file; a missing file counts as empty.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is not valid.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path),
            Err(error) if is_out_of_reach(path, &error) => Ok(Self::default()),
            Err(source) => Err(Error::Read { path: path.to_owned(), source }),
        }
    }

    /// Parses the text of a config file; the path is only used in errors.
    ///
    /// # Errors
    /// Fails if the text is not TOML, or has an unknown key or an invalid value.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| Error::Parse {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count()),
            message: error.message().lines().next().unwrap_or("not valid TOML").to_owned(),
        })
    }

    /// Returns the options for an instance that has these names: a table counts if it matches one of them. The first name is the one
    /// that was typed, whose tables take precedence.
    pub(crate) fn options_for(&self, names: &[&str]) -> Options {
        let matches = |host: &Host, name: &str| WildMatch::new(&host.pattern).matches(name);
        // What was typed goes first: a Name tag is anybody's who may set tags.
        let by_typed = |host: &&Host| names.first().is_some_and(|typed| matches(host, typed));
        let by_others = |host: &&Host| !by_typed(host) && names.iter().skip(1).any(|name| matches(host, name));
        let matching = self.hosts.iter().filter(by_typed).chain(self.hosts.iter().filter(by_others));
        matching.fold(Options::default(), |found, host| found.or(&host.options)).or(&self.defaults)
    }
}

/// Whether there is no such file, or it is in a folder that may not be entered: then it is not the caller's.
fn is_out_of_reach(path: &Path, error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    match error.kind() {
        NotFound | NotADirectory => true,
        PermissionDenied => path.metadata().is_err(),
        _ => false,
    }
}

/// Replaces a leading `~/` by the home folder, because no shell reads the config file.
pub(crate) fn expand_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), dirs::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests;
