//! Forwards as they are written: the specifications of ssh's `-L`, `-R`, `-D` and `-W`, of ssh_config, and of `ec2ssh forward`. Pure.
//!
//! Host and port are kept apart, and never joined to one text: an IPv6 address has colons of its own.

use std::fmt;
use std::path::PathBuf;

/// The addresses that a listener binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bind {
    /// Both loopback addresses; all addresses with `-g`.
    Default,
    /// All addresses: `*`, or an empty address.
    All,
    /// The address or name that was given.
    Address(String),
}

/// The place where connections are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// A TCP port; 0 is any free one.
    Tcp {
        /// The addresses to bind.
        bind: Bind,
        /// The port to listen on.
        port: u16,
    },
    /// A Unix socket at this path.
    Unix(String),
}

/// The place that connections are forwarded to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Destination {
    /// A TCP port of a host, whose name is resolved where the connection is made.
    Tcp {
        /// The name or address of the host.
        host: String,
        /// The port on that host.
        port: u16,
    },
    /// A Unix socket at this path.
    Unix(String),
    /// The place that the client of each connection names (SOCKS).
    Socks,
}

/// A forward: from where to where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forward {
    /// Where connections are accepted.
    pub listen: Listen,
    /// The place where they lead.
    pub to: Destination,
}

/// All forwards of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forwards {
    /// Forwards from this side: `-L` and `-D`.
    pub local: Vec<Forward>,
    /// Forwards from the far side: `-R`.
    pub remote: Vec<Forward>,
    /// Whether the caller's agent may be used on the far side (`-A`).
    pub agent: bool,
    /// Whether the session ends when one of them cannot be set up.
    pub exit_on_failure: bool,
    /// Whether listeners on this side take connections from other hosts.
    pub gateway: bool,
    /// Whether a Unix socket on this side that exists already is replaced.
    pub unlink: bool,
}

/// Why a specification is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub(crate) struct SpecError {
    problem: String,
}

/// The usual form of each option, for its errors.
const LOCAL_FORM: &str = "[ADDRESS:]PORT:HOST:PORT, PORT, :PORT, or paths of Unix sockets";
const REMOTE_FORM: &str = "[ADDRESS:]PORT:HOST:PORT, or paths of Unix sockets";
const DYNAMIC_FORM: &str = "[ADDRESS:]PORT";
const STDIO_FORM: &str = "HOST:PORT, or the path of a Unix socket";
const FORWARD_FORM: &str = "[LOCAL:]PORT[@HOST], or [LOCAL:]/PATH";

/// The host that a short form means: the far side itself.
const FAR_SIDE: &str = "localhost";

impl Destination {
    fn far_port(port: u16) -> Self {
        Self::Tcp { host: FAR_SIDE.to_owned(), port }
    }
}

impl Forward {
    /// Parses `-L`: ssh's forms, `PORT` for the same port on the far side, `LOCAL:PORT` for another one there, and `:PORT` for any
    /// free port here.
    ///
    /// # Errors
    /// The text has another form, or a port is none.
    pub(crate) fn local(spec: &str) -> Result<Self, SpecError> {
        let wrong = |problem: &str| error(problem, LOCAL_FORM);
        let fields = fields(spec).map_err(|problem| wrong(&problem))?;
        let port = |field: &Field| port(&field.text).map_err(|problem| wrong(&problem));
        match fields.as_slice() {
            [only] if !only.is_path => {
                let port = port(only)?;
                Ok(Self { listen: Listen::Tcp { bind: Bind::Default, port }, to: Destination::far_port(port) })
            }
            [first, second] if !first.is_path && !second.is_path => {
                let local = if first.text.is_empty() { 0 } else { port(first)? };
                let listen = Listen::Tcp { bind: Bind::Default, port: local };
                Ok(Self { listen, to: Destination::far_port(port(second)?) })
            }
            _ => Self::of_fields(&fields).map_err(|problem| wrong(&problem)),
        }
    }

    /// Parses `-R`: ssh's forms; without a destination the far side's clients name it (SOCKS).
    ///
    /// # Errors
    /// As for [`Self::local`].
    pub(crate) fn remote(spec: &str) -> Result<Self, SpecError> {
        let wrong = |problem: String| error(&problem, REMOTE_FORM);
        let fields = fields(spec).map_err(wrong)?;
        match fields.as_slice() {
            [_] | [_, Field { is_path: false, .. }] => {
                dynamic_listen(&fields).map(|listen| Self { listen, to: Destination::Socks }).map_err(wrong)
            }
            _ => Self::of_fields(&fields).map_err(wrong),
        }
    }

    /// Parses `-D`: a port whose clients name where they want to go (SOCKS).
    ///
    /// # Errors
    /// As for [`Self::local`].
    pub(crate) fn dynamic(spec: &str) -> Result<Self, SpecError> {
        let wrong = |problem: String| error(&problem, DYNAMIC_FORM);
        let listen = fields(spec).and_then(|fields| dynamic_listen(&fields)).map_err(wrong)?;
        Ok(Self { listen, to: Destination::Socks })
    }

    /// Parses the argument of `ec2ssh forward`: `5432`, `8080:80`, `:80`, `15432:5432@db.internal`, `/run/docker.sock`,
    /// `docker.sock:/run/docker.sock`.
    ///
    /// # Errors
    /// As for [`Self::local`].
    pub(crate) fn of_command(spec: &str) -> Result<Self, SpecError> {
        let wrong = |problem: &str| error(problem, FORWARD_FORM);
        if let Some((local, path)) = path_behind(spec) {
            // An address of the web looks like this, too.
            let is_local_end = |local: &str| local.is_empty() || local.contains(['/', '.']) || port(local).is_ok();
            if local.is_some_and(|local| !is_local_end(local)) || path.starts_with("//") {
                return Err(wrong("before the path stands a port, or the path of a socket here"));
            }
            let listen = match local {
                None => Listen::Unix(String::new()),
                Some(local) => local_end(local).map_err(|problem| wrong(&problem))?,
            };
            return Ok(Self { listen, to: Destination::Unix(path.to_owned()) });
        }
        let (ports, host) = match spec.split_once('@') {
            Some((ports, host)) => (ports, unbracketed(host)),
            None => (spec, FAR_SIDE),
        };
        if host.is_empty() || host.contains(['@', '/', ' ']) {
            return Err(wrong("the host behind the @ is missing, or is no host"));
        }
        let remote = ports.rsplit_once(':').map_or(ports, |(_, remote)| remote);
        let remote = port(remote)
            .and_then(|port| if port == 0 { Err("nothing listens on port 0".to_owned()) } else { Ok(port) });
        let remote = remote.map_err(|problem| wrong(&problem))?;
        let listen = match ports.rsplit_once(':') {
            None => Listen::Tcp { bind: Bind::Default, port: remote },
            Some(("", _)) => Listen::Tcp { bind: Bind::Default, port: 0 },
            Some((local, _)) => match local_end(local).map_err(|problem| wrong(&problem))? {
                Listen::Tcp { bind: Bind::Address(address), .. } if port(&address).is_ok() => {
                    return Err(wrong(&format!("{address:?} is no address to listen on")));
                }
                Listen::Unix(path) if !path.contains('/') => {
                    return Err(wrong(&format!(
                        "{path:?} is neither a port nor a path; a host stands behind: {remote}@{path}"
                    )));
                }
                listen => listen,
            },
        };
        Ok(Self { listen, to: Destination::Tcp { host: host.to_owned(), port: remote } })
    }

    /// Parses the two words of a forward in ssh_config, where the destination stands alone.
    ///
    /// # Errors
    /// As for [`Self::local`].
    pub(crate) fn of_words(listen: &str, to: &str) -> Result<Self, SpecError> {
        let wrong = |problem: String| error(&problem, REMOTE_FORM);
        let listen = fields(listen).and_then(|fields| listen_of(&fields)).map_err(wrong)?;
        // As `ssh -G` writes a destination that the clients name.
        let to = if to == "[socks]:0" { Destination::Socks } else { stdio(to)? };
        Ok(Self { listen, to })
    }

    fn of_fields(fields: &[Field]) -> Result<Self, String> {
        let (listen, to) = match fields {
            [listen, path] if path.is_path => (std::slice::from_ref(listen), Destination::Unix(path.text.clone())),
            [bind_and_port @ .., path] if path.is_path => (bind_and_port, Destination::Unix(path.text.clone())),
            [listen @ .., host, port] if !listen.is_empty() => (listen, tcp(host, port)?),
            _ => return Err("a part is missing".to_owned()),
        };
        Ok(Self { listen: listen_of(listen)?, to })
    }
}

/// Parses `-W`: where standard input and output lead.
///
/// # Errors
/// The text has another form, or the port is none.
pub(crate) fn stdio(spec: &str) -> Result<Destination, SpecError> {
    let wrong = |problem: String| error(&problem, STDIO_FORM);
    match fields(spec).map_err(wrong)?.as_slice() {
        [path] if path.is_path => Ok(Destination::Unix(path.text.clone())),
        [host, port] => tcp(host, port).map_err(wrong),
        _ => Err(wrong("a part is missing".to_owned())),
    }
}

/// A part between colons.
struct Field {
    text: String,
    is_path: bool,
}

/// Splits at colons, as ssh does: not within brackets, which are taken off, and not at an escaped colon.
fn fields(spec: &str) -> Result<Vec<Field>, String> {
    let mut found = Vec::new();
    let mut rest = spec.trim();
    loop {
        let is_path = rest.starts_with('/') || rest.starts_with('~');
        let (text, behind) = if let Some(inner) = rest.strip_prefix('[') {
            let (inner, behind) = inner.split_once(']').ok_or("a bracket is not closed")?;
            (inner.to_owned(), behind)
        } else {
            let end = unescaped_colon(rest).unwrap_or(rest.len());
            (rest[..end].replace("\\:", ":").replace("\\\\", "\\"), &rest[end..])
        };
        found.push(Field { text, is_path });
        match behind.strip_prefix(':') {
            Some(next) => rest = next,
            None if behind.is_empty() => break,
            None => return Err("there is something between a bracket and the colon".to_owned()),
        }
    }
    if found.len() > 4 { Err("it has too many parts (an IPv6 address needs brackets)".to_owned()) } else { Ok(found) }
}

fn unescaped_colon(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let is_end = byte == b':' && !escaped;
        escaped = byte == b'\\' && !escaped;
        is_end
    })
}

fn listen_of(fields: &[Field]) -> Result<Listen, String> {
    match fields {
        [path] if path.is_path => Ok(Listen::Unix(path.text.clone())),
        [only] => Ok(Listen::Tcp { bind: Bind::Default, port: port(&only.text)? }),
        [address, only] if !address.is_path => {
            let bind = match address.text.as_str() {
                "" | "*" => Bind::All,
                address => Bind::Address(address.to_owned()),
            };
            Ok(Listen::Tcp { bind, port: port(&only.text)? })
        }
        _ => Err("a part is missing, or one is too many".to_owned()),
    }
}

fn dynamic_listen(fields: &[Field]) -> Result<Listen, String> {
    if fields.len() > 2 { Err("it has too many parts".to_owned()) } else { listen_of(fields) }
}

fn tcp(host: &Field, to: &Field) -> Result<Destination, String> {
    if host.text.is_empty() || host.is_path {
        return Err("the host is missing".to_owned());
    }
    match port(&to.text)? {
        0 => Err("nothing listens on port 0".to_owned()),
        port => Ok(Destination::Tcp { host: host.text.clone(), port }),
    }
}

fn port(text: &str) -> Result<u16, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = if is_number { text.parse().ok() } else { None };
    port.ok_or_else(|| match text {
        "" => "a port is missing".to_owned(),
        _ => format!("{text:?} is no port (0 to 65535)"),
    })
}

/// Splits `[LOCAL:]/PATH` before the path of the far side.
fn path_behind(spec: &str) -> Option<(Option<&str>, &str)> {
    if spec.starts_with('/') && !spec.contains(":/") {
        return Some((None, spec));
    }
    let at = spec.find(":/")?;
    Some((Some(&spec[..at]), &spec[at + 1..]))
}

/// Parses the local side of an argument of `ec2ssh forward`.
fn local_end(text: &str) -> Result<Listen, String> {
    if text.is_empty() {
        return Ok(Listen::Tcp { bind: Bind::Default, port: 0 });
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Listen::Tcp { bind: Bind::Default, port: port(text)? });
    }
    match fields(text)?.as_slice() {
        [path] => Ok(Listen::Unix(path.text.clone())),
        both => listen_of(both),
    }
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn error(problem: &str, form: &str) -> SpecError {
    SpecError { problem: format!("{problem}; it looks like this: {form}") }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => f.write_str(path),
            Self::Socks => f.write_str("SOCKS"),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { bind: Bind::Default, port } => write!(f, "localhost:{port}"),
            Self::Tcp { bind: Bind::All, port } => write!(f, "*:{port}"),
            Self::Tcp { bind: Bind::Address(address), port } if address.contains(':') => {
                write!(f, "[{address}]:{port}")
            }
            Self::Tcp { bind: Bind::Address(address), port } => write!(f, "{address}:{port}"),
            Self::Unix(path) => f.write_str(path),
        }
    }
}

impl Listen {
    /// Returns the local path of a Unix socket, with a leading `~/` replaced.
    pub(crate) fn local_path(path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), dirs::home_dir()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        }
    }
}

#[cfg(test)]
mod tests;
