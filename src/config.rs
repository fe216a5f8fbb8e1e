//! The config file, and [`Options`]: what may be set there and on the command line alike.
//!
//! `config.toml` in the user's config folder under `ec2ssh/` has a `[defaults]` table and `[[host]]` tables with a
//! `match` pattern over what is typed as INSTANCE. What is typed wins over the first matching host table that sets the
//! key, and that over the defaults. An unknown key is an error that names its line.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

/// Which address a direct connection uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressKind {
    /// The public DNS name and address, then IPv6; the private address when there is neither
    #[default]
    Auto,
    /// The public DNS name, else the public IPv4 address
    Public,
    /// The private IPv4 address (VPN, peering, inside the VPC)
    Private,
    /// The IPv6 address
    Ipv6,
}

/// How an instance's host key comes to be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeys {
    /// Known, else verified by the instance's console, else known to ssh, else ask
    #[default]
    Auto,
    /// Known or verified only
    Strict,
    /// Take a new one and say so, unless the console contradicts
    AcceptNew,
}

/// How an instance is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// What worked last, else directly, else by an endpoint, else by Session Manager: the first that answers
    #[default]
    Auto,
    /// TCP to an address of the instance
    Direct,
    /// An EC2 Instance Connect Endpoint
    Eice,
    /// Session Manager
    Ssm,
}

/// The keys of a table in the config file, and the options of the same names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each is the option of that name")]
pub struct Options {
    pub profile: Option<String>,
    pub region: Option<String>,
    pub user: Option<String>,
    pub port: Option<u16>,
    pub identity: Option<PathBuf>,
    pub address: Option<AddressKind>,
    pub host_keys: Option<HostKeys>,
    pub via: Option<Via>,
    #[serde(default, deserialize_with = "endpoint_id")]
    pub eice_id: Option<String>,
    #[serde(default, deserialize_with = "tunnel_duration")]
    pub max_tunnel_duration: Option<u32>,
}

/// An endpoint's id as it is typed.
///
/// # Errors
/// When it cannot be one.
pub fn parse_endpoint_id(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("eice-").unwrap_or_default();
    let is_id = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { Ok(text.to_owned()) } else { Err("an endpoint's id looks like this: eice-0123456789abcdef0".to_owned()) }
}

fn endpoint_id<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    parse_endpoint_id(&String::deserialize(from)?).map(Some).map_err(serde::de::Error::custom)
}

fn tunnel_duration<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(from)? {
        seconds @ 1..=3600 => Ok(Some(seconds)),
        _ => Err(serde::de::Error::custom("a tunnel lasts from 1 to 3600 seconds")),
    }
}

impl Options {
    /// These, and where they are silent the others.
    pub fn or(self, other: &Self) -> Self {
        Self {
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
        }
    }
}

/// The config file, read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    defaults: Options,
    #[serde(default, rename = "host")]
    hosts: Vec<Host>,
}

/// One `[[host]]` table. The options are spelled out again because serde cannot both flatten and refuse unknown keys.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    pattern: String,
    options: Options,
}

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        struct Raw {
            r#match: String,
            profile: Option<String>,
            region: Option<String>,
            user: Option<String>,
            port: Option<u16>,
            identity: Option<PathBuf>,
            address: Option<AddressKind>,
            host_keys: Option<HostKeys>,
            via: Option<Via>,
            #[serde(default, deserialize_with = "endpoint_id")]
            eice_id: Option<String>,
            #[serde(default, deserialize_with = "tunnel_duration")]
            max_tunnel_duration: Option<u32>,
        }
        let raw = Raw::deserialize(deserializer)?;
        let options = Options {
            profile: raw.profile,
            region: raw.region,
            user: raw.user,
            port: raw.port,
            identity: raw.identity,
            address: raw.address,
            host_keys: raw.host_keys,
            via: raw.via,
            eice_id: raw.eice_id,
            max_tunnel_duration: raw.max_tunnel_duration,
        };
        Ok(Self { pattern: raw.r#match, options })
    }
}

/// Why the config file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is there but cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not what it should be.
    #[error("{}:{line}: {message}", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
}

impl Config {
    /// Where the file is looked for: `ec2ssh/config.toml` in the user's config folder, if the system names one.
    pub fn path() -> Option<PathBuf> {
        Some(dirs::config_dir()?.join("ec2ssh").join("config.toml"))
    }

    /// Reads the file where it is looked for.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_default() -> Result<Self, Error> {
        Self::path().map_or_else(|| Ok(Self::default()), |path| Self::load(&path))
    }

    /// Reads the file; one that does not exist is an empty one.
    ///
    /// # Errors
    /// When it cannot be read, or says something that is not understood.
    pub fn load(path: &Path) -> Result<Self, Error> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(Error::Read { path: path.to_owned(), source }),
        }
    }

    /// Reads the text of a config file; the path is for the error only.
    ///
    /// # Errors
    /// When it is not TOML, or has an unknown key or a value that does not fit.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| Error::Parse {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count()),
            message: error.message().lines().next().unwrap_or("not valid TOML").to_owned(),
        })
    }

    /// What holds for an INSTANCE as typed.
    pub fn options_for(&self, instance: &str) -> Options {
        let matching = self.hosts.iter().filter(|host| WildMatch::new(&host.pattern).matches(instance));
        matching.fold(Options::default(), |found, host| found.or(&host.options)).or(&self.defaults)
    }
}

/// A path as typed, with a leading `~/` made the home folder (a config file is not read by a shell).
pub fn expand_home(path: &Path) -> PathBuf {
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

impl fmt::Display for HostKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Strict => "strict",
            Self::AcceptNew => "accept-new",
        })
    }
}
