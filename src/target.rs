//! The target that was typed: `[USER@]TARGET[:PORT]`, and the kinds of selectors that TARGET may be. Pure: decides
//! by the form of the text alone.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A parsed target: `[USER@]TARGET[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The login user, if one was typed.
    pub user: Option<String>,
    /// The selector of the instance.
    pub selector: Selector,
    /// The SSH port, if one was typed.
    pub port: Option<u16>,
}

/// A selector: the part of a target that picks instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    /// An instance id: `i-` and 8 to 17 hexadecimal digits.
    Id(String),
    /// A public, private or IPv6 address.
    Address(IpAddr),
    /// A public DNS name, `ec2-….amazonaws.com`.
    PublicDns(String),
    /// A private DNS name, `ip-10-0-0-1.ec2.internal` or its first label alone.
    PrivateDns(String),
    /// Instances with a tag: `tag:KEY=VALUE`.
    Tag {
        /// Key of the tag.
        key: String,
        /// Value of the tag; `*` and `?` are wildcards.
        value: String,
    },
    /// The instances of an Auto Scaling group: `asg:NAME`.
    AutoScalingGroup(String),
    /// A Name tag: exact, else a prefix, else a glob.
    Name(String),
}

/// The reason why a text is not a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The selector is empty, with or without a user or port.
    #[error("the target is empty")]
    Empty,
    /// The user before the `@` is empty.
    #[error("the user before '@' is empty")]
    EmptyUser,
    /// A port outside 1 to 65535.
    #[error("'{0}' is not a port (1 to 65535)")]
    Port(String),
    /// A tag selector without `KEY=VALUE` after `tag:`.
    #[error("a tag selector must have the form tag:KEY=VALUE")]
    Tag,
    /// A managed node of Systems Manager, which is no EC2 instance.
    #[error("{0} is a managed node outside EC2")]
    ManagedNode(String),
    /// A login user that no system would accept, or that could be parsed as an option.
    #[error("'{0}' is not a valid login user")]
    User(String),
}

impl Target {
    /// Returns the whole name that was typed, if what was read as a port may be a part of it: `redis:6379`.
    pub(crate) fn whole_name(&self) -> Option<String> {
        match (&self.selector, self.port) {
            (Selector::Name(name), Some(port)) => Some(format!("{name}:{port}")),
            _ => None,
        }
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(typed: &str) -> Result<Self, Error> {
        let (user, rest) = match split_user(typed) {
            Some(("", _)) => return Err(Error::EmptyUser),
            Some((user, rest)) => (Some(check_user(user)?), rest),
            None => (None, typed),
        };
        let (selector, port) = split_port(rest)?;
        Ok(Self { user, selector: selector.parse()?, port })
    }
}

/// Whether the text is a tag or a group, whose value is everything behind the key.
fn is_keyed(text: &str) -> bool {
    text.starts_with("tag:") || text.starts_with("asg:")
}

/// Splits `USER@` off. A tag's value may contain an `@` of its own.
fn split_user(typed: &str) -> Option<(&str, &str)> {
    if is_keyed(typed) {
        return None;
    }
    typed.split_once('@').filter(|(_, rest)| is_keyed(rest)).or_else(|| typed.rsplit_once('@'))
}

/// Splits off the port behind a tag or a group. OpenSSH expands `%r@%h:%p` to a text that always has a port; where a user types,
/// it would be a part of the value.
pub(crate) fn split_keyed_port(typed: &str) -> (&str, Option<u16>) {
    let keyed = split_user(typed).map_or(typed, |(_, rest)| rest);
    match typed.rsplit_once(':') {
        Some((before, port)) if is_keyed(keyed) && keyed.matches(':').count() > 1 => match port.parse() {
            Ok(port @ 1..) => (before, Some(port)),
            _ => (typed, None),
        },
        _ => (typed, None),
    }
}

/// Puts an IPv6 address that a port follows into brackets. OpenSSH expands `%r@%h:%p` to a text that always has a port,
/// and an abbreviated IPv6 address would otherwise absorb it (`2600:1f10::1:22`). An IPv6 address without a port must
/// be typed in brackets there.
pub(crate) fn bracket_ipv6(typed: &str) -> String {
    let (user, rest) = split_user(typed).map_or(("", typed), |(user, rest)| (&typed[..=user.len()], rest));
    match rest.rsplit_once(':') {
        Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => format!("{user}[{address}]:{port}"),
        _ => typed.to_owned(),
    }
}

/// Returns the user if it is valid: 1 to 32 characters, each an ASCII letter, a digit or one of `@._-$+\`, and no
/// leading dash.
///
/// # Errors
/// [`Error::User`] otherwise.
pub(crate) fn check_user(user: &str) -> Result<String, Error> {
    let fits = (1..=32).contains(&user.len());
    let plain = user.chars().all(|c| c.is_ascii_alphanumeric() || "@._-$+\\".contains(c));
    if fits && plain && !user.starts_with('-') { Ok(user.to_owned()) } else { Err(Error::User(user.to_owned())) }
}

/// Splits a trailing `:PORT` off. An IPv6 address keeps its colons unless it is in brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), Error> {
    if let Some(inner) = text.strip_prefix('[')
        && let Some((address, after)) = inner.split_once(']')
    {
        return match after.strip_prefix(':') {
            Some(port) => Ok((address, Some(parse_port(port)?))),
            None => Ok((address, None)),
        };
    }
    if is_keyed(text) || text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text, None));
    }
    match text.rsplit_once(':') {
        Some((before, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            Ok((before, Some(parse_port(port)?)))
        }
        _ => Ok((text, None)),
    }
}

fn parse_port(text: &str) -> Result<u16, Error> {
    text.parse().ok().filter(|port| *port != 0).ok_or_else(|| Error::Port(text.to_owned()))
}

impl FromStr for Selector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.trim().is_empty() {
            return Err(Error::Empty);
        }
        if let Some(tag) = text.strip_prefix("tag:") {
            let (key, value) = tag.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or(Error::Tag)?;
            return Ok(Self::Tag { key: key.to_owned(), value: value.to_owned() });
        }
        if let Some(group) = text.strip_prefix("asg:") {
            return if group.is_empty() { Err(Error::Empty) } else { Ok(Self::AutoScalingGroup(group.to_owned())) };
        }
        if is_managed_node(text) {
            return Err(Error::ManagedNode(text.to_owned()));
        }
        if is_instance_id(text) {
            return Ok(Self::Id(text.to_owned()));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        Ok(dns_name(text).unwrap_or_else(|| Self::Name(text.to_owned())))
    }
}

impl Selector {
    /// Whether the address is private, by RFC 1918, RFC 6598 (carrier-grade NAT) or the link-local range.
    pub(crate) fn is_private(address: Ipv4Addr) -> bool {
        let [a, b, ..] = address.octets();
        address.is_private() || address.is_link_local() || (a == 100 && (64..128).contains(&b))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(text) | Self::PublicDns(text) | Self::PrivateDns(text) | Self::Name(text) => f.write_str(text),
            Self::Address(address) => address.fmt(f),
            Self::Tag { key, value } => write!(f, "tag:{key}={value}"),
            Self::AutoScalingGroup(name) => write!(f, "asg:{name}"),
        }
    }
}

/// Whether the text is the id of a managed node: `mi-` and 8 to 17 hexadecimal digits.
pub(crate) fn is_managed_node(text: &str) -> bool {
    text.strip_prefix("mi-").is_some_and(is_id_number)
}

/// Whether the text is an instance ID: `i-` and 8 (old) to 17 (current) hexadecimal digits.
pub(crate) fn is_instance_id(text: &str) -> bool {
    text.strip_prefix("i-").is_some_and(is_id_number)
}

fn is_id_number(digits: &str) -> bool {
    (8..=17).contains(&digits.len()) && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Parses an EC2 host name (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/hostname-types.html>).
fn dns_name(text: &str) -> Option<Selector> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let (label, domain) = name.split_once('.').unwrap_or((&name, ""));
    let internal = domain == "ec2.internal" || domain.ends_with(".compute.internal");
    let public = domain.ends_with("amazonaws.com") || domain.ends_with("amazonaws.com.cn");
    if is_instance_id(label) && (internal || public) {
        // Resource-based host names contain the instance ID.
        return Some(Selector::Id(label.to_owned()));
    }
    if public && label.starts_with("ec2-") {
        return Some(Selector::PublicDns(name));
    }
    let bare = domain.is_empty() && label.strip_prefix("ip-").is_some_and(is_dashed_ipv4);
    (internal || bare).then_some(Selector::PrivateDns(name))
}

fn is_dashed_ipv4(text: &str) -> bool {
    text.replace('-', ".").parse::<Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests;
