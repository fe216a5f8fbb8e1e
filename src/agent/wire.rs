//! The messages of the agent protocol (draft-ietf-sshm-ssh-agent) that are needed for one key, and the login request
//! that ssh has signed (RFC 4252, section 7). Pure; all input is untrusted.

/// The largest message accepted, in bytes. The largest valid one is a sign request of a few hundred bytes.
pub(crate) const MAX_MESSAGE_LEN: usize = 64 * 1024;
/// The extension by which ssh's KnownHostsCommand requests an instance's host keys.
const HOST_KEYS: &str = "host-keys@ec2ssh";
/// The extension by which an ec2ssh agent passes a client on to the agent that it belongs to. It has no response.
const ON_BEHALF: &str = "on-behalf@ec2ssh";
/// The extension by which ssh names the host that a connection is for (OpenSSH's PROTOCOL.agent, section 1).
const SESSION_BIND: &str = "session-bind@openssh.com";

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const EXTENSION: u8 = 27;
const EXTENSION_FAILURE: u8 = 28;
const EXTENSION_RESPONSE: u8 = 29;
/// The message number of SSH_MSG_USERAUTH_REQUEST (RFC 4252, section 6).
const USERAUTH_REQUEST: u8 = 50;

/// A request from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Requests the list of keys.
    Identities,
    /// Requests a signature over data.
    Sign {
        /// The public key to sign with, in SSH's encoding.
        key: Vec<u8>,
        /// The data to be signed.
        data: Vec<u8>,
    },
    /// Requests an instance's host keys.
    HostKeys(HostKeysRequest),
    /// Announces that the following requests come from the process with this PID.
    OnBehalf(u32),
    /// Announces that the following requests come from the remote side of a session, by agent forwarding.
    Forwarded,
    /// Any other or malformed message.
    Other,
}

/// A request from ssh's KnownHostsCommand (ssh_config(5), TOKENS).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HostKeysRequest {
    /// The reason, `%I`: `ORDER`, `HOSTNAME` or `ADDRESS`.
    pub reason: String,
    /// The name or address that is looked up, `%H`, with the port if it is not 22.
    pub name: String,
    /// The presented key, `%K`, in base64; `NONE` for `ORDER`.
    pub key: String,
}

/// A response to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// Refuses or cannot answer the request.
    Failure,
    /// The keys: public key and comment of each.
    Identities(Vec<(Vec<u8>, String)>),
    /// The signature that was requested.
    Signature(Vec<u8>),
    /// The known_hosts lines, or a refusal of the server's host key.
    HostKeys(Result<String, Refused>),
}

/// The refusal of the server's host key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

impl Request {
    /// Decodes a message, without its length prefix.
    pub(crate) fn decode(message: &[u8]) -> Self {
        Self::read(message).unwrap_or(Self::Other)
    }

    fn read(message: &[u8]) -> Option<Self> {
        let mut rest = Reader(message);
        match rest.byte()? {
            REQUEST_IDENTITIES => Some(Self::Identities),
            SIGN_REQUEST => Some(Self::Sign { key: rest.string()?.to_vec(), data: rest.string()?.to_vec() }),
            EXTENSION => Self::read_extension(&rest.text()?, rest),
            _ => None,
        }
    }

    fn read_extension(name: &str, mut rest: Reader<'_>) -> Option<Self> {
        match name {
            HOST_KEYS => {
                Some(Self::HostKeys(HostKeysRequest { reason: rest.text()?, name: rest.text()?, key: rest.text()? }))
            }
            ON_BEHALF => Some(Self::OnBehalf(rest.text()?.parse().ok()?)),
            // One that cannot be read may come from anywhere.
            SESSION_BIND => (read_forwarding(rest) != Some(0)).then_some(Self::Forwarded),
            _ => None,
        }
    }

    /// Encodes the message with its length prefix. Requests that this program never sends are empty.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Identities => framed(&[REQUEST_IDENTITIES], &[]),
            Self::Sign { key, data } => {
                let mut message = framed(&[SIGN_REQUEST], &[key, data]);
                message.extend([0; 4]);
                with_length(message)
            }
            Self::HostKeys(HostKeysRequest { reason, name, key }) => {
                framed(&[EXTENSION], &[HOST_KEYS.as_bytes(), reason.as_bytes(), name.as_bytes(), key.as_bytes()])
            }
            Self::OnBehalf(process) => framed(&[EXTENSION], &[ON_BEHALF.as_bytes(), process.to_string().as_bytes()]),
            Self::Forwarded | Self::Other => Vec::new(),
        }
    }
}

impl Response {
    /// Encodes the message with its length prefix.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Failure => framed(&[FAILURE], &[]),
            Self::Identities(keys) => {
                let count = u32::try_from(keys.len()).unwrap_or(0).to_be_bytes();
                let head = [&[IDENTITIES_ANSWER], &count[..]].concat();
                let strings: Vec<&[u8]> =
                    keys.iter().flat_map(|(key, comment)| [key.as_slice(), comment.as_bytes()]).collect();
                framed(&head, &strings)
            }
            Self::Signature(signature) => framed(&[SIGN_RESPONSE], &[signature]),
            Self::HostKeys(Ok(lines)) => framed(&[EXTENSION_RESPONSE], &[HOST_KEYS.as_bytes(), lines.as_bytes()]),
            Self::HostKeys(Err(Refused)) => framed(&[EXTENSION_FAILURE], &[]),
        }
    }

    /// Decodes the response to [`Request::HostKeys`], without its length prefix. `None` means a refusal or an invalid
    /// response.
    pub(crate) fn host_keys(message: &[u8]) -> Option<String> {
        let mut rest = Reader(message);
        let is_ours = rest.byte()? == EXTENSION_RESPONSE && rest.text()? == HOST_KEYS;
        if is_ours { rest.text() } else { None }
    }
}

/// Returns the last field of a session-bind: 0 if the connection is not forwarded.
fn read_forwarding(mut rest: Reader<'_>) -> Option<u8> {
    let (_host_key, _session, _signature) = (rest.string()?, rest.string()?, rest.string()?);
    let is_forwarding = rest.byte()?;
    rest.0.is_empty().then_some(is_forwarding)
}

/// Returns the algorithm of the signature if `data` is a request to log in as `user` with this public key, and nothing else (RFC
/// 4252, section 7; with the host key bound to it, OpenSSH's PROTOCOL, section 3.7). The key signs nothing but such requests.
pub(crate) fn login_algorithm<'a>(data: &'a [u8], user: &str, key: &[u8]) -> Option<&'a str> {
    let (for_user, algorithm, with_key) = read_login(data)?;
    let is_ours = for_user == user.as_bytes() && with_key == key;
    std::str::from_utf8(algorithm).ok().filter(|_| is_ours)
}

/// Returns the user, the signature's algorithm and the public key of a login request; `None` if the data is anything else.
fn read_login(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut rest = Reader(data);
    let _session = rest.string()?;
    let is_request = rest.byte()? == USERAUTH_REQUEST;
    let user = rest.string()?;
    let is_connection = rest.string()? == b"ssh-connection";
    let method = rest.string()?;
    let with_signature = rest.byte()? == 1;
    let algorithm = rest.string()?;
    let key = rest.string()?;
    match method {
        b"publickey" => {}
        b"publickey-hostbound-v00@openssh.com" => drop(rest.string()?),
        _ => return None,
    }
    (is_request && is_connection && with_signature && rest.0.is_empty()).then_some((user, algorithm, key))
}

fn framed(head: &[u8], strings: &[&[u8]]) -> Vec<u8> {
    let mut message = vec![0; 4];
    message.extend(head);
    for string in strings {
        message.extend(u32::try_from(string.len()).unwrap_or(0).to_be_bytes());
        message.extend(*string);
    }
    with_length(message)
}

fn with_length(mut message: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(message.len() - 4).unwrap_or(0);
    message[..4].copy_from_slice(&length.to_be_bytes());
    message
}

/// A reader of SSH's data types (RFC 4251, section 5).
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let (string, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        self.0 = rest;
        Some(string)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.string()?.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests;
