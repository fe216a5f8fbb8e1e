//! The options of ssh_config(5): which of them are honored, which change nothing here, and which are lacking. Pure.

use std::path::PathBuf;

use crate::config::{Escape, HostKeyPolicy, Options, RequestTty};
use crate::forward_spec::{Forward, Listen};
use crate::target::check_user;

/// The options of ssh_config, in our terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The options that the config file has as well.
    pub options: Options,
    /// The host to connect to, in place of the one that was typed (HostName).
    pub host_name: Option<String>,
    /// The key files, in order (IdentityFile).
    pub identities: Vec<String>,
    /// Nothing is forwarded by listeners (ClearAllForwardings).
    pub clear_forwards: Option<bool>,
    /// No question is asked (BatchMode).
    pub batch: Option<bool>,
    /// Only IPv4, or only IPv6 (AddressFamily).
    pub ipv4: Option<bool>,
    /// The amount of output (LogLevel).
    pub log: Option<Log>,
    /// Run no command (SessionType none).
    pub no_command: Option<bool>,
    /// The command names a subsystem (SessionType subsystem).
    pub subsystem: Option<bool>,
    /// Do not read standard input (StdinNull).
    pub no_stdin: Option<bool>,
    /// The options that would change something and that ec2ssh lacks.
    pub lacking: Vec<String>,
    /// The lines of ssh's answer that cannot be used, and why.
    pub unusable: Vec<String>,
}

/// The amount of output, of ssh's eight levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    /// Only errors are shown.
    Quiet,
    /// The usual lines are shown.
    Usual,
    /// The steps are shown as well.
    Verbose,
}

/// Why an `-o` is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OptionError {
    /// ssh has no such option.
    #[error("ssh has no option {0:?}")]
    Unknown(String),
    /// There is no value.
    #[error("{0:?} has no value; it looks like this: OPTION=VALUE")]
    NoValue(String),
    /// The value is invalid.
    #[error("invalid value {value:?} for {keyword}: {problem}")]
    Value {
        /// The name of the option, as typed.
        keyword: String,
        /// The value that was given.
        value: String,
        /// The problem with the value.
        problem: String,
    },
}

/// Options that change nothing here: they are about connections that are shared, kinds of logins that ec2ssh does not do, ssh's own files
/// of host keys and its agent, or the way something is shown.
const WITHOUT_EFFECT: &str = "addkeystoagent addressfamily batchmode canonicaldomains canonicalizefallbacklocal canonicalizehostname \
    canonicalizemaxdots canonicalizepermittedcnames checkhostip connectionattempts controlmaster controlpath \
    controlpersist enableescapecommandline enablesshkeysign fingerprinthash forwardx11timeout forwardx11trusted \
    globalknownhostsfile gssapiauthentication gssapiclientidentity gssapidelegatecredentials gssapikexalgorithms \
    gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hashknownhosts host hostbasedacceptedalgorithms \
    hostbasedauthentication hostkeyalias identitiesonly ignoreunknown include ipqos kbdinteractiveauthentication \
    kbdinteractivedevices knownhostscommand logverbose nohostauthenticationforlocalhost numberofpasswordprompts \
    obscurekeystroketiming passwordauthentication permitlocalcommand preferredauthentications protocol \
    proxyusefdpass pubkeyauthentication securitykeyprovider syslogfacility \
    tag tcpkeepalive tunneldevice updatehostkeys usekeychain userknownhostsfile usesystemdsupport verifyhostkeydns versionaddendum \
    visualhostkey warnweakcrypto xauthlocation challengeresponseauthentication rsaauthentication useprivilegedport cipher \
    compressionlevel fallbacktorsh globalknownhostsfile2 userknownhostsfile2 keepalive dsaauthentication useroaming \
    identityagent securitykeyprovider rekeylimit";

/// Options that would change something, with their names as ssh_config(5) writes them.
const LACKING: &[(&str, &str)] = &[
    ("bindaddress", "BindAddress"),
    ("bindinterface", "BindInterface"),
    ("channeltimeout", "ChannelTimeout"),
    ("casignaturealgorithms", "CASignatureAlgorithms"),
    ("certificatefile", "CertificateFile"),
    ("ciphers", "Ciphers"),
    ("forkafterauthentication", "ForkAfterAuthentication (but -f)"),
    ("forwardx11", "ForwardX11"),
    ("hostkeyalgorithms", "HostKeyAlgorithms"),
    ("kexalgorithms", "KexAlgorithms"),
    ("localcommand", "LocalCommand"),
    ("macs", "MACs"),
    ("permitremoteopen", "PermitRemoteOpen"),
    ("pkcs11provider", "PKCS11Provider"),
    ("proxycommand", "ProxyCommand"),
    ("pubkeyacceptedalgorithms", "PubkeyAcceptedAlgorithms"),
    ("pubkeyacceptedkeytypes", "PubkeyAcceptedAlgorithms"),
    ("refuseconnection", "RefuseConnection"),
    ("requiredrsasize", "RequiredRSASize"),
    ("revokedhostkeys", "RevokedHostKeys"),
    ("smartcarddevice", "PKCS11Provider"),
    ("streamlocalbindmask", "StreamLocalBindMask"),
    ("tunnel", "Tunnel"),
];

/// Splits `Keyword=value` or `Keyword value`.
///
/// # Errors
/// There is no value.
pub(super) fn split(option: &str) -> Result<(String, String), OptionError> {
    let option = option.trim();
    let end = option.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(option.len());
    let value = option[end..].trim_start().strip_prefix('=').unwrap_or(&option[end..]).trim();
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let keyword = option[..end].to_owned();
    if value.is_empty() {
        return Err(OptionError::NoValue(option.to_owned()));
    }
    Ok((keyword, value.to_owned()))
}

impl Found {
    /// Adds an option, unless an earlier one has set it already; lists grow.
    ///
    /// # Errors
    /// ssh has no such option, or the value is invalid.
    pub(super) fn add(&mut self, keyword: &str, value: &str) -> Result<(), OptionError> {
        let name = keyword.to_ascii_lowercase();
        let added = match name.as_str() {
            "localforward"
            | "remoteforward"
            | "dynamicforward"
            | "gatewayports"
            | "exitonforwardfailure"
            | "clearallforwardings"
            | "streamlocalbindunlink"
            | "forwardagent" => self.add_forwarding(&name, value),
            "requesttty" | "remotecommand" | "escapechar" | "sessiontype" | "stdinnull" | "sendenv" | "setenv" => {
                self.add_session(&name, value)
            }
            _ => self.add_connection(&name, value),
        };
        match added {
            Ok(true) => Ok(()),
            Ok(false) => self.add_other(keyword, &name, value),
            Err(problem) => Err(OptionError::Value { keyword: keyword.to_owned(), value: value.to_owned(), problem }),
        }
    }

    /// Adds a line of `ssh -G`, whose values have no quotes any more.
    pub(super) fn add_line(&mut self, keyword: &str, value: &str) -> Result<(), OptionError> {
        if keyword == "setenv" && value.contains('=') {
            push(&mut self.options.set_env, value.to_owned());
            return Ok(());
        }
        self.add(keyword, value)
    }

    fn add_other(&mut self, keyword: &str, name: &str, value: &str) -> Result<(), OptionError> {
        if let Some((_, shown)) = LACKING.iter().find(|(lacking, _)| *lacking == name) {
            let is_off = ["none", "no", "false"].contains(&value.to_ascii_lowercase().as_str());
            if !is_off && !self.lacking.iter().any(|lacking| lacking == shown) {
                self.lacking.push((*shown).to_owned());
            }
            return Ok(());
        }
        let is_known = WITHOUT_EFFECT.split_whitespace().any(|known| known == name);
        if is_known { Ok(()) } else { Err(OptionError::Unknown(keyword.to_owned())) }
    }

    /// Adds an option of the connection; `false` if it is another one.
    fn add_connection(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let options = &mut self.options;
        match name {
            "user" => set(&mut options.user, check_user(value).map_err(|error| error.to_string())?),
            "port" => set(
                &mut options.port,
                value.parse().ok().filter(|port| *port > 0).ok_or("a port is a number from 1 to 65535")?,
            ),
            "hostname" => set(&mut self.host_name, value.to_owned()),
            "identityfile" => self.identities.push(value.to_owned()),
            "serveraliveinterval" => set(&mut options.server_alive_interval, seconds(value)?),
            "serveralivecountmax" => {
                set(&mut options.server_alive_count_max, value.parse().map_err(|_| "a number is wanted")?)
            }
            "connecttimeout" => {
                if value != "none" {
                    set(&mut options.connect_timeout, seconds(value)?);
                }
            }
            "compression" => set(&mut options.compress, boolean(value)?),
            "proxyjump" => set(&mut options.proxy_jump, value.to_owned()),
            "stricthostkeychecking" => set(&mut options.host_keys, policy(value)?),
            "batchmode" => set(&mut self.batch, boolean(value)?),
            "addressfamily" => match value.to_ascii_lowercase().as_str() {
                "inet" => set(&mut self.ipv4, true),
                "inet6" => set(&mut self.ipv4, false),
                "any" => {}
                _ => return Err("it is any, inet or inet6".to_owned()),
            },
            "loglevel" => set(&mut self.log, log(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn add_forwarding(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let options = &mut self.options;
        match name {
            "localforward" => push(&mut options.local_forward, forward(value, Forward::local)?),
            "remoteforward" => push(&mut options.remote_forward, forward(value, Forward::remote)?),
            "dynamicforward" => {
                push(&mut options.dynamic_forward, Forward::dynamic(value).map_err(|error| error.to_string())?)
            }
            "gatewayports" => set(&mut options.gateway_ports, boolean(value)?),
            "exitonforwardfailure" => set(&mut options.exit_on_forward_failure, boolean(value)?),
            "clearallforwardings" => set(&mut self.clear_forwards, boolean(value)?),
            "streamlocalbindunlink" => set(&mut options.stream_local_bind_unlink, boolean(value)?),
            "forwardagent" => match boolean(value) {
                Ok(yes) => set(&mut options.forward_agent, yes),
                // The path of another agent's socket.
                Err(_) => self.lacking.push(format!("ForwardAgent {value}")),
            },
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn add_session(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let options = &mut self.options;
        let words = || shell_words::split(value).map_err(|error| error.to_string());
        match name {
            "sendenv" => words()?.into_iter().for_each(|pattern| match pattern.strip_prefix('-') {
                // It takes patterns off again.
                Some(removed) => options.send_env.iter_mut().for_each(|all| all.retain(|other| other != removed)),
                None => push(&mut options.send_env, pattern),
            }),
            "setenv" => {
                for pair in words()? {
                    if !pair.contains('=') {
                        return Err("it looks like this: NAME=VALUE".to_owned());
                    }
                    push(&mut options.set_env, pair);
                }
            }
            "requesttty" => {
                set(&mut options.request_tty, RequestTty::parse(value).ok_or("it is no, yes, force or auto")?)
            }
            "remotecommand" => set(&mut options.remote_command, value.to_owned()),
            "escapechar" => set(&mut options.escape_char, Escape::parse(value)?),
            "sessiontype" => match value.to_ascii_lowercase().as_str() {
                "none" => set(&mut self.no_command, true),
                "subsystem" => set(&mut self.subsystem, true),
                "default" => {
                    set(&mut self.no_command, false);
                    set(&mut self.subsystem, false);
                }
                _ => return Err("it is none, subsystem or default".to_owned()),
            },
            "stdinnull" => set(&mut self.no_stdin, boolean(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Returns what this says, and where it says nothing what the other one does. The options of the config file are not merged: they
    /// have an order of their own.
    pub(crate) fn or(self, other: Self) -> Self {
        let Self { options, host_name, identities, clear_forwards, batch, ipv4, log, .. } = self;
        Self {
            options,
            host_name: host_name.or(other.host_name),
            identities,
            clear_forwards: clear_forwards.or(other.clear_forwards),
            batch: batch.or(other.batch),
            ipv4: ipv4.or(other.ipv4),
            log: log.or(other.log),
            no_command: self.no_command.or(other.no_command),
            subsystem: self.subsystem.or(other.subsystem),
            no_stdin: self.no_stdin.or(other.no_stdin),
            lacking: [self.lacking, other.lacking].concat(),
            unusable: [self.unusable, other.unusable].concat(),
        }
    }

    /// Returns the first key file that exists, with a leading `~/` replaced.
    pub(crate) fn identity(&self) -> Option<PathBuf> {
        let paths = self.identities.iter().filter(|path| *path != "none");
        paths.map(|path| Listen::local_path(path)).find(|path| path.exists())
    }
}

/// Sets what is not set yet: the first value counts.
fn set<T>(field: &mut Option<T>, value: T) {
    field.get_or_insert(value);
}

fn push<T>(field: &mut Option<Vec<T>>, value: T) {
    field.get_or_insert_with(Vec::new).push(value);
}

/// Parses a forward with its destination behind a blank, as in the files, or behind a colon, as on the command line.
fn forward(
    value: &str,
    of_spec: fn(&str) -> Result<Forward, crate::forward_spec::SpecError>,
) -> Result<Forward, String> {
    let parsed = match value.split_once(char::is_whitespace) {
        Some((listen, to)) => Forward::of_words(listen, to.trim()),
        None => of_spec(value),
    };
    parsed.map_err(|error| error.to_string())
}

fn boolean(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err("it is yes or no".to_owned()),
    }
}

/// Parses a time as in sshd_config(5), "TIME FORMATS": seconds, or numbers with a unit.
fn seconds(value: &str) -> Result<u32, String> {
    let wrong = || "a time looks like this: 15, 90s, 1h30m".to_owned();
    let (mut total, mut digits) = (0_u32, String::new());
    for c in value.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(wrong()),
        };
        let number: u32 = std::mem::take(&mut digits).parse().map_err(|_| wrong())?;
        total = number.checked_mul(unit).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
    }
    if digits.is_empty() && total > 0 {
        return Ok(total);
    }
    let rest: u32 = digits.parse().map_err(|_| wrong())?;
    total.checked_add(rest).ok_or_else(wrong)
}

/// Returns our policy. Where ssh would take a changed key as well, a new one is taken.
fn policy(value: &str) -> Result<HostKeyPolicy, String> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(HostKeyPolicy::Strict),
        "no" | "off" | "false" | "accept-new" => Ok(HostKeyPolicy::AcceptNew),
        "ask" => Ok(HostKeyPolicy::Auto),
        _ => Err("it is yes, no, ask or accept-new".to_owned()),
    }
}

fn log(value: &str) -> Result<Log, String> {
    match value.to_ascii_uppercase().as_str() {
        "QUIET" | "FATAL" | "ERROR" => Ok(Log::Quiet),
        "INFO" => Ok(Log::Usual),
        "VERBOSE" | "DEBUG" | "DEBUG1" | "DEBUG2" | "DEBUG3" => Ok(Log::Verbose),
        _ => Err("it is QUIET, FATAL, ERROR, INFO, VERBOSE, or DEBUG to DEBUG3".to_owned()),
    }
}

#[cfg(test)]
mod tests;
