//! Tests of the answer to the agent's request, and of its version.

use serde_json::{Value, json};

use super::{CLIENT_VERSION, Purpose, Request, Version, open_data_channel};
use crate::ssm::Error;

/// The versions of the agent lie on either side of the change.
#[test]
fn agent_versions_are_compared_by_number() {
    let version = |text: &str| text.parse::<Version>().unwrap();
    assert!(version("2.3.723.0").supports_terminate() && !version("2.3.722.0").supports_terminate());
    assert!("3.x".parse::<Version>().is_err() && "1.2.3.4.5".parse::<Version>().is_err());
}

fn request(actions: Value) -> Request {
    Request::read(json!({ "AgentVersion": "3.1", "RequestedClientActions": actions }).to_string().as_bytes()).unwrap()
}

fn session(kind: &str) -> Value {
    json!({ "ActionType": "SessionType", "ActionParameters": { "SessionType": kind, "Properties": null } })
}

fn encryption(parameters: Value) -> Value {
    json!({ "ActionType": "KMSEncryption", "ActionParameters": parameters })
}

/// The document decides what a session is for: an agent that has something else in mind is declined.
#[test]
fn session_type_has_to_fit_the_purpose() {
    let programs = ["Standard_Stream", "InteractiveCommands", "NonInteractiveCommands"];
    for (kind, purpose, fits) in [
        ("Port", Purpose::Port, true),
        ("Port", Purpose::Connection, true),
        ("Port", Purpose::Program, false),
        ("X", Purpose::Program, false),
        ("", Purpose::Port, false),
    ] {
        let (_, declined) = request(json!([session(kind)])).response(purpose, None);
        assert_eq!(declined.is_none(), fits, "{kind} {purpose:?}");
    }
    for kind in programs {
        assert_eq!(request(json!([session(kind)])).response(Purpose::Program, None).1, None);
        let declined = request(json!([session(kind)])).response(Purpose::Port, None).1;
        assert!(declined.unwrap().contains(kind));
    }
}

#[test]
fn unsupported_actions_are_declined() {
    let unknown = json!([session("Port"), { "ActionType": "Dance", "ActionParameters": {} }]);
    let (response, declined) = request(unknown).response(Purpose::Port, None);
    let response: Value = serde_json::from_str(&response).unwrap();
    let statuses =
        ["0", "1"].map(|at| response["ProcessedClientActions"][at.parse::<usize>().unwrap()]["ActionStatus"].clone());
    assert_eq!(statuses, [json!(1), json!(3)]);
    assert_eq!(declined.as_deref(), Some("'Dance'"));
    assert!(matches!(Request::read(b"no json"), Err(Error::Malformed(_))));
    assert!(matches!(Request::read(b"{}"), Err(Error::Malformed(_))));
    let hello: Value = serde_json::from_str(&open_data_channel("tok\"en", "a", "b")).unwrap();
    assert_eq!((&hello["TokenValue"], &hello["ClientVersion"]), (&json!("tok\"en"), &json!(CLIENT_VERSION)));
}

/// Ports are never encrypted by KMS: SSH is, or what the user runs over them.
#[test]
fn encryption_needs_a_data_key() {
    let asked = request(json!([session("Port"), encryption(json!({ "KMSKeyId": "k" }))]));
    let (_, declined) = asked.response(Purpose::Port, None);
    assert_eq!(declined.as_deref(), Some("'KMSEncryption'"));
    for (challenge, acknowledged) in [(None, Value::Null), (Some("Zm9v"), json!(true))] {
        let asked = request(json!([
            session("Standard_Stream"),
            encryption(json!({ "KMSKeyId": "k", "Challenge": challenge }))
        ]));
        let key = asked.key().unwrap();
        assert_eq!((key.key_id.as_str(), key.challenge.as_deref()), ("k", challenge));
        let (response, declined) = asked.response(Purpose::Program, Some(b"blob"));
        assert_eq!(declined, None);
        let response: Value = serde_json::from_str(&response).unwrap();
        let result = &response["ProcessedClientActions"][1]["ActionResult"];
        assert_eq!(
            (&result["KMSCipherTextKey"], &result["ChallengeAcknowledgement"]),
            (&json!("YmxvYg=="), &acknowledged)
        );
        assert_eq!(response["ProcessedClientActions"][0]["ActionResult"], Value::Null);
    }
}
