//! Tests of the answer to the agent's request, and of its version.

use serde_json::{Value, json};

use super::{CLIENT_VERSION, Version, answer, open_data_channel};
use crate::ssm::Error;

/// The versions of the agent lie on either side of the change.
#[test]
fn agent_versions_are_compared_by_number() {
    let version = |text: &str| text.parse::<Version>().unwrap();
    assert!(version("2.3.723.0").supports_terminate() && !version("2.3.722.0").supports_terminate());
    assert!("3.x".parse::<Version>().is_err() && "1.2.3.4.5".parse::<Version>().is_err());
}

#[test]
fn unsupported_actions_are_declined() {
    let ask = |actions: Value| {
        answer(json!({ "AgentVersion": "3.1", "RequestedClientActions": actions }).to_string().as_bytes())
    };
    let shell = json!([{ "ActionType": "SessionType", "ActionParameters": { "SessionType": "Standard_Stream" } }]);
    let declined = ask(shell).unwrap();
    assert!(declined.declined.unwrap().contains("Standard_Stream"));
    let kms = json!([{ "ActionType": "KMSEncryption", "ActionParameters": { "KMSKeyId": "k" } }]);
    let declined = ask(kms).unwrap();
    let response: Value = serde_json::from_str(&declined.response).unwrap();
    assert_eq!(response["ProcessedClientActions"][0]["ActionStatus"], 3);
    assert_eq!(declined.declined.as_deref(), Some("'KMSEncryption'"));
    assert!(matches!(answer(b"no json"), Err(Error::Malformed(_))));
    assert!(matches!(answer(b"{}"), Err(Error::Malformed(_))));
    let hello: Value = serde_json::from_str(&open_data_channel("tok\"en", "a", "b")).unwrap();
    assert_eq!((&hello["TokenValue"], &hello["ClientVersion"]), (&json!("tok\"en"), &json!(CLIENT_VERSION)));
}
