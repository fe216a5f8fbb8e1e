//! [`Options`]: the settings that the config file, the command line and ssh_config have in common.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::forward_spec::{Forward, SpecError};
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

/// Whether a session gets a pty (RequestTTY in ssh_config).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RequestTty {
    /// There is never a pty.
    No,
    /// For a command as well, if standard input is a terminal.
    Yes,
    /// Always, without a local terminal too.
    Force,
    /// For a shell, if standard input is a terminal.
    Auto,
}

impl RequestTty {
    /// Parses the value of ssh_config.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "no" | "false" => Self::No,
            "yes" | "true" => Self::Yes,
            "force" => Self::Force,
            "auto" => Self::Auto,
            _ => return None,
        })
    }
}

/// The escape character of a session with a pty (EscapeChar in ssh_config).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    /// The byte that begins an escape, behind Enter.
    Byte(u8),
    /// None: all input is passed on.
    None,
}

impl Default for Escape {
    fn default() -> Self {
        Self::Byte(b'~')
    }
}

impl Escape {
    /// Parses the value of `-e` and of ssh_config: a character, `^` and a letter, or `none`.
    ///
    /// # Errors
    /// The text has another form.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            _ if text.eq_ignore_ascii_case("none") => Ok(Self::None),
            [byte] if byte.is_ascii() => Ok(Self::Byte(*byte)),
            [b'^', letter] if letter.is_ascii() => Ok(Self::Byte(letter & 0x1f)),
            _ => Err(format!("an escape character is one character, ^ and a letter, or none, not {text:?}")),
        }
    }
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
    /// The options of ssh_config(5) with the same names.
    #[serde(default, deserialize_with = "local_forwards")]
    pub local_forward: Option<Vec<Forward>>,
    #[serde(default, deserialize_with = "remote_forwards")]
    pub remote_forward: Option<Vec<Forward>>,
    #[serde(default, deserialize_with = "dynamic_forwards")]
    pub dynamic_forward: Option<Vec<Forward>>,
    pub exit_on_forward_failure: Option<bool>,
    pub gateway_ports: Option<bool>,
    pub stream_local_bind_unlink: Option<bool>,
    pub forward_agent: Option<bool>,
    pub proxy_jump: Option<String>,
    pub set_env: Option<Vec<String>>,
    pub request_tty: Option<RequestTty>,
    pub remote_command: Option<String>,
    #[serde(default, deserialize_with = "escape")]
    pub escape_char: Option<Escape>,
    /// In seconds; 0 sends no keepalives.
    pub server_alive_interval: Option<u32>,
    pub server_alive_count_max: Option<u32>,
    /// The time limit in seconds.
    pub connect_timeout: Option<u32>,
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

fn escape<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Escape>, D::Error> {
    Escape::parse(&String::deserialize(from)?).map(Some).map_err(serde::de::Error::custom)
}

/// Reads one forward or a list of them.
fn forwards<'de, D: serde::Deserializer<'de>>(
    from: D,
    parse: fn(&str) -> Result<Forward, SpecError>,
) -> Result<Option<Vec<Forward>>, D::Error> {
    let specs = match toml::Value::deserialize(from)? {
        toml::Value::Array(specs) => specs,
        one => vec![one],
    };
    let read = |spec: toml::Value| match spec {
        toml::Value::String(spec) => parse(&spec),
        toml::Value::Integer(port) => parse(&port.to_string()),
        _ => parse(""),
    };
    specs.into_iter().map(read).collect::<Result<_, _>>().map(Some).map_err(serde::de::Error::custom)
}

fn local_forwards<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Vec<Forward>>, D::Error> {
    forwards(from, Forward::local)
}

fn remote_forwards<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Vec<Forward>>, D::Error> {
    forwards(from, Forward::remote)
}

fn dynamic_forwards<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Vec<Forward>>, D::Error> {
    forwards(from, Forward::dynamic)
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
            local_forward: self.local_forward.or_else(|| other.local_forward.clone()),
            remote_forward: self.remote_forward.or_else(|| other.remote_forward.clone()),
            dynamic_forward: self.dynamic_forward.or_else(|| other.dynamic_forward.clone()),
            exit_on_forward_failure: self.exit_on_forward_failure.or(other.exit_on_forward_failure),
            gateway_ports: self.gateway_ports.or(other.gateway_ports),
            stream_local_bind_unlink: self.stream_local_bind_unlink.or(other.stream_local_bind_unlink),
            forward_agent: self.forward_agent.or(other.forward_agent),
            proxy_jump: self.proxy_jump.or_else(|| other.proxy_jump.clone()),
            set_env: self.set_env.or_else(|| other.set_env.clone()),
            request_tty: self.request_tty.or(other.request_tty),
            remote_command: self.remote_command.or_else(|| other.remote_command.clone()),
            escape_char: self.escape_char.or(other.escape_char),
            server_alive_interval: self.server_alive_interval.or(other.server_alive_interval),
            server_alive_count_max: self.server_alive_count_max.or(other.server_alive_count_max),
            connect_timeout: self.connect_timeout.or(other.connect_timeout),
        }
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
