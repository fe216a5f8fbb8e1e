//! The handshake with the agent: reads its request and builds our messages (amazon-ssm-agent,
//! `agent/session/contracts/model.go`). Does no I/O.

use std::str::FromStr;

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

/// The result of reading the agent's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HandshakeResult {
    /// The version of the agent.
    pub agent: Version,
    /// The response to send back.
    pub response: String,
    /// The first action that was declined; the session ends then.
    pub declined: Option<String>,
}

/// Limit for the actions of a request; the protocol has two kinds.
const MAX_ACTIONS: usize = 16;

/// Builds the response to the agent's handshake request.
///
/// # Errors
/// Fails if the request cannot be parsed or has too many actions.
pub(crate) fn answer(request: &[u8]) -> Result<HandshakeResult, Error> {
    let malformed = || Error::Malformed("an invalid handshake request".to_owned());
    let request: Value = serde_json::from_slice(request).map_err(|_| malformed())?;
    let actions = request["RequestedClientActions"].as_array().ok_or_else(malformed)?;
    if actions.len() > MAX_ACTIONS {
        return Err(malformed());
    }
    let mut declined = None;
    let mut processed = Vec::new();
    for action in actions {
        let kind = action["ActionType"].as_str().unwrap_or_default();
        let session = action["ActionParameters"]["SessionType"].as_str().unwrap_or_default();
        let what = match kind {
            "SessionType" if session == "Port" => None,
            "SessionType" => Some(format!("the session type '{session}'")),
            other => Some(format!("'{other}'")),
        };
        processed.push(match &what {
            None => json!({ "ActionType": kind, "ActionStatus": 1, "ActionResult": null, "Error": "" }),
            Some(what) => json!({ "ActionType": kind, "ActionStatus": 3, "Error": format!("not supported: {what}") }),
        });
        declined = declined.or(what);
    }
    let errors: Vec<String> = declined.iter().map(|what| format!("not supported: {what}")).collect();
    let response =
        json!({ "ClientVersion": client_version(), "ProcessedClientActions": processed, "Errors": errors }).to_string();
    // A version that cannot be parsed is treated as an old one.
    let agent = request["AgentVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
    Ok(HandshakeResult { agent, response, declined })
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
