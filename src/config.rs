//! The config file, and [`Options`]: the settings that both the file and the command line accept.
//!
//! `ec2ssh/config.toml` in the user's config folder has a `[defaults]` table and `[[host]]` tables, each with a `match`
//! pattern for what was typed, and for the Name tag and the id of the instance that was found. The command line takes precedence over the first matching host table that
//! sets the key, and that over the defaults. An unknown key is an error that names its line.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use crate::target::check_user;

/// The kind of address that a direct connection uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AddressKind {
    /// Public DNS name or IPv4 address, then IPv6; the private address only if there is neither
    #[default]
    Auto,
    /// The public DNS name, else the public IPv4 address
    Public,
    /// The private IPv4 address (VPN, peering, inside the VPC)
    Private,
    /// The instance's IPv6 address
    Ipv6,
}

/// The policy for trusting an instance's host key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HostKeyPolicy {
    /// Accept a key that is known, verified by the console output or known to ssh, else ask
    #[default]
    Auto,
    /// Accept only known or verified keys
    Strict,
    /// Accept a new key with a notice, unless the console output contradicts it
    AcceptNew,
}

/// The route that `--via` requests; `auto` lets the routes race.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Via {
    /// Last working route first, then direct, EICE and SSM; the first that answers wins
    #[default]
    Auto,
    /// TCP to an address of the instance
    Direct,
    /// An EC2 Instance Connect Endpoint (EICE)
    Eice,
    /// AWS Systems Manager Session Manager (SSM)
    Ssm,
}

/// The keys of a table in the config file, and the options of the same names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each field is the option of the same name")]
pub(crate) struct Options {
    /// The pattern of a `[[host]]` table, which is taken out of it when the file is read.
    pub r#match: Option<String>,
    pub profile: Option<String>,
    pub region: Option<String>,
    #[serde(default, deserialize_with = "user")]
    pub user: Option<String>,
    #[serde(default, deserialize_with = "port")]
    pub port: Option<u16>,
    pub identity: Option<PathBuf>,
    pub address: Option<AddressKind>,
    pub host_keys: Option<HostKeyPolicy>,
    pub via: Option<Via>,
    #[serde(default, deserialize_with = "endpoint_id")]
    pub eice_id: Option<String>,
    #[serde(default, deserialize_with = "tunnel_duration")]
    pub max_tunnel_duration: Option<u32>,
    pub compress: Option<bool>,
    pub share_key: Option<bool>,
    pub send_env: Option<Vec<String>>,
    #[serde(default, deserialize_with = "term")]
    pub term: Option<String>,
    /// The service that `ec2ssh doctor` asks for the caller's address; empty for none.
    #[serde(default, deserialize_with = "url")]
    pub checkip_url: Option<String>,
}

/// Parses the ID of an EC2 Instance Connect Endpoint.
///
/// # Errors
/// Fails if the text has another form than `eice-` and hexadecimal digits.
pub(crate) fn parse_endpoint_id(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("eice-").unwrap_or_default();
    let is_id = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { Ok(text.to_owned()) } else { Err("an endpoint's id looks like this: eice-0123456789abcdef0".to_owned()) }
}

fn endpoint_id<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    parse_endpoint_id(&String::deserialize(from)?).map(Some).map_err(serde::de::Error::custom)
}

fn tunnel_duration<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    number(from, 1..=3600, "a tunnel lasts from 1 to 3600 seconds")
}

fn port<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    number(from, 1..=65535, "a port is a number from 1 to 65535")
}

/// Reads a number within the limits; one in quotes is taken as well.
fn number<'de, D, T>(from: D, limits: RangeInclusive<i64>, problem: &str) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: TryFrom<i64>,
{
    let number = match toml::Value::deserialize(from)? {
        toml::Value::Integer(number) => Some(number),
        toml::Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.filter(|number| limits.contains(number)).and_then(|number| T::try_from(number).ok());
    number.map(Some).ok_or_else(|| serde::de::Error::custom(problem))
}

fn term<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let term = String::deserialize(from)?;
    let is_name = !term.is_empty() && term.chars().all(|c| c.is_ascii_alphanumeric() || "-+._".contains(c));
    let problem = "a terminal's type looks like this: xterm-256color";
    if is_name { Ok(Some(term)) } else { Err(serde::de::Error::custom(problem)) }
}

fn url<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let url = String::deserialize(from)?;
    let is_url = url.is_empty() || url.starts_with("https://") || url.starts_with("http://");
    let problem = "the service's URL looks like this: https://checkip.amazonaws.com; \"\" asks none";
    if is_url { Ok(Some(url)) } else { Err(serde::de::Error::custom(problem)) }
}

fn user<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    check_user(&String::deserialize(from)?).map(Some).map_err(serde::de::Error::custom)
}

impl Options {
    /// Returns these options, with unset ones taken from `other`.
    pub(crate) fn or(self, other: &Self) -> Self {
        Self {
            r#match: None,
            profile: self.profile.or_else(|| other.profile.clone()),
            region: self.region.or_else(|| other.region.clone()),
            user: self.user.or_else(|| other.user.clone()),
            port: self.port.or(other.port),
            identity: self.identity.or_else(|| other.identity.clone()),
            address: self.address.or(other.address),
            host_keys: self.host_keys.or(other.host_keys),
            via: self.via.or(other.via),
            eice_id: self.eice_id.or_else(|| other.eice_id.clone()),
            max_tunnel_duration: self.max_tunnel_duration.or(other.max_tunnel_duration),
            compress: self.compress.or(other.compress),
            share_key: self.share_key.or(other.share_key),
            send_env: self.send_env.or_else(|| other.send_env.clone()),
            term: self.term.or_else(|| other.term.clone()),
            checkip_url: self.checkip_url.or_else(|| other.checkip_url.clone()),
        }
    }
}

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

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Public => "public",
            Self::Private => "private",
            Self::Ipv6 => "ipv6",
        })
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Direct => "direct",
            Self::Eice => "eice",
            Self::Ssm => "ssm",
        })
    }
}

impl fmt::Display for HostKeyPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Strict => "strict",
            Self::AcceptNew => "accept-new",
        })
    }
}

#[cfg(test)]
mod tests;
