//! What the agent asks for before bytes flow, and what we answer (amazon-ssm-agent, `agent/session/contracts/model.go`).
//! Pure.

use std::str::FromStr;

use serde_json::{Value, json};

use super::{CLIENT_VERSION, Error};

/// An agent's or a client's version: up to four numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u32; 4]);

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
    /// An agent newer than 2.3.722.0 ends a session when it is told to.
    pub fn knows_terminate(self) -> bool {
        self > Self([2, 3, 722, 0])
    }

    /// An agent newer than 3.0.196.0 has many connections in one port forwarding session ([`super::mux`]).
    pub fn knows_mux(self) -> bool {
        self > Self([3, 0, 196, 0])
    }
}

/// The agent's request, answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The agent's version.
    pub agent: Version,
    /// What to send back.
    pub response: String,
    /// What we had to decline; the session ends then.
    pub declined: Option<String>,
}

/// There are two kinds of actions.
const MOST: usize = 16;

/// Answers the agent's request.
///
/// # Errors
/// When it is none.
pub fn answer(request: &[u8]) -> Result<Answered, Error> {
    let malformed = || Error::Malformed("a handshake that cannot be read".to_owned());
    let request: Value = serde_json::from_slice(request).map_err(|_| malformed())?;
    let actions = request["RequestedClientActions"].as_array().ok_or_else(malformed)?;
    if actions.len() > MOST {
        return Err(malformed());
    }
    let mut declined = None;
    let mut processed = Vec::new();
    for action in actions {
        let kind = action["ActionType"].as_str().unwrap_or_default();
        let session = action["ActionParameters"]["SessionType"].as_str().unwrap_or_default();
        let what = match kind {
            "SessionType" if session == "Port" => None,
            "SessionType" => Some(format!("a session of the type '{session}'")),
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
        json!({ "ClientVersion": CLIENT_VERSION, "ProcessedClientActions": processed, "Errors": errors }).to_string();
    // A version that cannot be read is treated as an old one.
    let agent = request["AgentVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
    Ok(Answered { agent, response, declined })
}

/// The first message on a websocket, as text: what opens the data channel. It has the token in it.
pub fn open_data_channel(token: &str, request_id: &str, client_id: &str) -> String {
    json!({
        "MessageSchemaVersion": "1.0",
        "RequestId": request_id,
        "TokenValue": token,
        "ClientId": client_id,
        "ClientVersion": CLIENT_VERSION,
    })
    .to_string()
}
