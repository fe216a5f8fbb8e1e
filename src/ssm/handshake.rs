//! The handshake with the agent: reads its request and builds our messages (amazon-ssm-agent,
//! `agent/session/contracts/model.go`). Does no I/O.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::error::Error;

/// The version of the official plugin that we announce: the newest whose messages were compared with ours. The service refuses
/// clients older than a version that it raises now and then, last 1.2.764.0.
pub(crate) const CLIENT_VERSION: &str = "1.2.896.0";
/// The environment variable that announces another version, in case the service refuses this one.
const CLIENT_VERSION_VARIABLE: &str = "EC2SSH_SSM_CLIENT_VERSION";

/// Returns the version that is announced: the one in the environment if it is a version, else ours.
fn client_version() -> String {
    let is_version = |text: &String| text.parse::<Version>().is_ok();
    std::env::var(CLIENT_VERSION_VARIABLE).ok().filter(is_version).unwrap_or_else(|| CLIENT_VERSION.to_owned())
}

/// The version of an agent or a client: up to four numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version([u32; 4]);

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut numbers = [0; 4];
        for (index, part) in text.trim().split('.').enumerate() {
            *numbers.get_mut(index).ok_or(())? = part.parse().map_err(|_| ())?;
        }
        Ok(Self(numbers))
    }
}

impl Version {
    /// Whether the agent carries several connections over one session (newer than 3.0.196.0).
    pub(crate) fn supports_mux(self) -> bool {
        self > Self([3, 0, 196, 0])
    }

    /// Whether the agent ends a session without keepalives (up to 3.1.1511.0).
    pub(crate) fn wants_keepalives(self) -> bool {
        self <= Self([3, 1, 1511, 0])
    }

    /// Whether the agent can end a session on request (newer than 2.3.722.0).
    pub(crate) fn supports_terminate(self) -> bool {
        self > Self([2, 3, 722, 0])
    }
}

/// The purpose of a session, which its document decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A single connection to a port.
    Connection,
    /// A port, with as many connections as are opened.
    Port,
    /// A shell or a command.
    Program,
}

/// An action that the agent requests.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    /// A session of this type.
    Session(String),
    /// The encryption of the session.
    Encryption(KeyRequest),
    /// Something that this version does not know.
    Other(String),
}

/// The key that an encrypted session needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRequest {
    /// The id or ARN of the key in KMS.
    pub key_id: String,
    /// A random text for the encryption context, with agents from 3.3.808.0 on.
    pub challenge: Option<String>,
}

/// The agent's handshake request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The version of the agent.
    pub agent: Version,
    actions: Vec<Action>,
}

/// The types of sessions that run a program.
const PROGRAM_TYPES: [&str; 3] = ["Standard_Stream", "InteractiveCommands", "NonInteractiveCommands"];
/// Limit for the actions of a request; the protocol has two kinds.
const MAX_ACTIONS: usize = 16;

impl Request {
    /// Reads the agent's request.
    ///
    /// # Errors
    /// It cannot be parsed or has too many actions.
    pub(crate) fn read(request: &[u8]) -> Result<Self, Error> {
        let malformed = || Error::Malformed("an invalid handshake request".to_owned());
        let request: Value = serde_json::from_slice(request).map_err(|_| malformed())?;
        let actions = request["RequestedClientActions"].as_array().ok_or_else(malformed)?;
        if actions.len() > MAX_ACTIONS {
            return Err(malformed());
        }
        // A version that cannot be parsed is treated as an old one.
        let agent = request["AgentVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
        Ok(Self { agent, actions: actions.iter().map(Action::read).collect() })
    }

    /// Whether the program of the session has a terminal.
    pub(crate) fn is_interactive(&self) -> bool {
        !self.actions.contains(&Action::Session("NonInteractiveCommands".to_owned()))
    }

    /// Returns the key that is needed, if the session is to be encrypted.
    pub(crate) fn key(&self) -> Option<&KeyRequest> {
        self.actions.iter().find_map(|action| match action {
            Action::Encryption(key) => Some(key),
            _ => None,
        })
    }

    /// Builds the response, with the encrypted data key; returns the first action that is declined, too: the session ends then.
    pub(crate) fn response(&self, purpose: Purpose, key_blob: Option<&[u8]>) -> (String, Option<String>) {
        let mut declined = None;
        let mut processed = Vec::new();
        for action in &self.actions {
            let what = action.declined(purpose, key_blob.is_some());
            processed.push(match &what {
                None => {
                    json!({ "ActionType": action.kind(), "ActionStatus": 1, "ActionResult": action.result(key_blob),
                    "Error": "" })
                }
                Some(what) => {
                    json!({ "ActionType": action.kind(), "ActionStatus": 3, "Error": format!("not supported: {what}") })
                }
            });
            declined = declined.or(what);
        }
        let errors: Vec<String> = declined.iter().map(|what| format!("not supported: {what}")).collect();
        let response =
            json!({ "ClientVersion": client_version(), "ProcessedClientActions": processed, "Errors": errors });
        (response.to_string(), declined)
    }
}

impl Action {
    fn read(action: &Value) -> Self {
        let parameters = &action["ActionParameters"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match action["ActionType"].as_str().unwrap_or_default() {
            "SessionType" => Self::Session(text(&parameters["SessionType"])),
            "KMSEncryption" => Self::Encryption(KeyRequest {
                key_id: text(&parameters["KMSKeyId"]),
                challenge: parameters["Challenge"].as_str().filter(|text| !text.is_empty()).map(str::to_owned),
            }),
            other => Self::Other(other.to_owned()),
        }
    }

    fn kind(&self) -> &str {
        match self {
            Self::Session(_) => "SessionType",
            Self::Encryption(_) => "KMSEncryption",
            Self::Other(kind) => kind,
        }
    }

    /// Returns what is not supported in such a session.
    fn declined(&self, purpose: Purpose, has_key: bool) -> Option<String> {
        match self {
            Self::Session(kind) => {
                let fits = match purpose {
                    Purpose::Connection | Purpose::Port => kind == "Port",
                    Purpose::Program => PROGRAM_TYPES.contains(&kind.as_str()),
                };
                (!fits).then(|| format!("the session type '{kind}'"))
            }
            Self::Encryption(_) if has_key => None,
            other => Some(format!("'{}'", other.kind())),
        }
    }

    /// Returns the result of an action that was done.
    fn result(&self, key_blob: Option<&[u8]>) -> Value {
        match (self, key_blob) {
            (Self::Encryption(key), Some(blob)) => {
                let mut result = json!({ "KMSCipherTextKey": STANDARD.encode(blob), "KMSCipherTextHash": null });
                if key.challenge.is_some() {
                    result["ChallengeAcknowledgement"] = json!(true);
                }
                result
            }
            _ => Value::Null,
        }
    }
}

/// Returns the first message on a websocket, as text, which opens the data channel. Contains the token.
pub(crate) fn open_data_channel(token: &str, request_id: &str, client_id: &str) -> String {
    json!({
        "MessageSchemaVersion": "1.0",
        "RequestId": request_id,
        "TokenValue": token,
        "ClientId": client_id,
        "ClientVersion": client_version(),
    })
    .to_string()
}

#[cfg(test)]
mod tests;
