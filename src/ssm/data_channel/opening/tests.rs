//! Tests of a program's channel: with and without a handshake, encrypted and in the clear.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Bytes;
use zeroize::Zeroizing;

use crate::ssm::Error;
use crate::ssm::cipher::tests::pair;
use crate::ssm::cipher::{Cipher, DataKey};
use crate::ssm::data_channel::DataChannel;
use crate::ssm::data_channel::tests::{from_agent, now, sent};
use crate::ssm::frame::payload;
use crate::ssm::handshake::Purpose;
use crate::ssm::item::Item;

fn program() -> DataChannel {
    DataChannel::new(Purpose::Program, 1)
}

fn stdout(bytes: &[u8]) -> Option<Item> {
    Some(Item::Stdout(Bytes::copy_from_slice(bytes)))
}

fn request(session: &str, key: Option<&str>) -> String {
    let session = json!({ "ActionType": "SessionType", "ActionParameters": { "SessionType": session } });
    let key = key.map(|id| json!({ "ActionType": "KMSEncryption", "ActionParameters": { "KMSKeyId": id } }));
    let actions: Vec<Value> = std::iter::once(session).chain(key).collect();
    json!({ "AgentVersion": "3.3.3572.0", "RequestedClientActions": actions }).to_string()
}

/// The size and the keys must not be sent before: the agent would drop them.
#[test]
fn first_output_opens_a_shell() {
    let mut channel = program();
    assert!(!channel.can_send());
    channel.take(&from_agent(0, payload::OUTPUT, "$ "), now()).unwrap();
    assert!(channel.can_send());
    assert_eq!(channel.next_received(), stdout(b"$ "));
    channel.resize(132, 43, now());
    channel.send(b"ls\r", now()).unwrap();
    let frames: Vec<_> = sent(&mut channel).into_iter().filter(|frame| frame.payload_type != 0).collect();
    let size: Value = serde_json::from_slice(&frames[0].payload).unwrap();
    assert_eq!((frames[0].payload_type, size), (payload::SIZE, json!({ "cols": 132, "rows": 43 })));
    assert_eq!((frames[1].payload_type, &frames[1].payload[..]), (payload::OUTPUT, &b"ls\r"[..]));
    assert!(!channel.terminate(now()), "an agent's shell knows no flags");
}

/// A program may wait for input and print nothing; a handshake that has begun has to end.
#[test]
fn silent_program_is_taken_to_run() {
    let mut channel = program();
    assert!(channel.assume_open() && channel.can_send());
    channel.take(&from_agent(0, payload::OUTPUT, "late"), now()).unwrap();
    assert!(channel.has_received());
    let mut channel = program();
    channel.take(&from_agent(0, payload::HANDSHAKE_REQUEST, request("Standard_Stream", Some("k"))), now()).unwrap();
    assert!(!channel.assume_open() && !channel.can_send(), "the session is to be encrypted");
}

#[test]
fn streams_and_status_of_a_command_come_apart() {
    let mut channel = program();
    channel.take(&from_agent(0, payload::HANDSHAKE_REQUEST, request("NonInteractiveCommands", None)), now()).unwrap();
    let early = from_agent(1, payload::OUTPUT, "early");
    assert!(matches!(channel.take(&early, now()), Err(Error::Malformed(_))), "the handshake has begun");
    let mut channel = program();
    channel.take(&from_agent(0, payload::HANDSHAKE_REQUEST, request("NonInteractiveCommands", None)), now()).unwrap();
    channel.take(&from_agent(1, payload::HANDSHAKE_COMPLETE, "{}"), now()).unwrap();
    let table = [(payload::OUTPUT, "out"), (payload::STDERR, "err"), (payload::EXIT_CODE, "EXIT_CODE: 7")];
    for (sequence, (kind, text)) in (2..).zip(table) {
        channel.take(&from_agent(sequence, kind, text), now()).unwrap();
    }
    assert_eq!(channel.next_received(), stdout(b"out"));
    assert_eq!(channel.next_received(), Some(Item::Stderr(Bytes::from_static(b"err"))));
    assert_eq!(channel.next_received(), Some(Item::Exit(7)));
}

/// Opens an encrypted channel; returns the agent's end of the encryption, too.
fn encrypted() -> (DataChannel, Cipher) {
    let (_, agent) = pair();
    let mut channel = program();
    channel.take(&from_agent(0, payload::HANDSHAKE_REQUEST, request("Standard_Stream", Some("k"))), now()).unwrap();
    assert!(!sent(&mut channel).iter().any(|frame| frame.payload_type == payload::HANDSHAKE_RESPONSE));
    assert_eq!(channel.wanted_key().unwrap().key_id, "k");
    let key = DataKey { plain: Zeroizing::new((0..64).collect()), blob: b"blob".to_vec() };
    channel.provide_key(&key, now()).unwrap();
    assert_eq!(channel.wanted_key(), None);
    let response: Value = serde_json::from_slice(&sent(&mut channel)[0].payload).unwrap();
    assert_eq!(response["ProcessedClientActions"][1]["ActionResult"]["KMSCipherTextKey"], "YmxvYg==");
    (channel, agent)
}

#[test]
fn encrypted_session_answers_the_challenge() {
    let (mut channel, agent) = encrypted();
    let challenge = json!({ "Challenge": STANDARD.encode(agent.encrypt(b"random").unwrap()) }).to_string();
    channel.take(&from_agent(1, payload::CHALLENGE_REQUEST, challenge), now()).unwrap();
    let frames = sent(&mut channel);
    let response = frames.iter().find(|frame| frame.payload_type == payload::CHALLENGE_RESPONSE).unwrap();
    let response: Value = serde_json::from_slice(&response.payload).unwrap();
    let sealed = STANDARD.decode(response["Challenge"].as_str().unwrap()).unwrap();
    assert_eq!(agent.decrypt(&sealed).unwrap(), b"random");
    channel.take(&from_agent(2, payload::HANDSHAKE_COMPLETE, "{}"), now()).unwrap();
    for (sequence, kind, text) in [(3, payload::OUTPUT, "$ "), (4, payload::EXIT_CODE, "EXIT_CODE: 3")] {
        channel.take(&from_agent(sequence, kind, agent.encrypt(text.as_bytes()).unwrap()), now()).unwrap();
    }
    assert_eq!((channel.next_received(), channel.next_received()), (stdout(b"$ "), Some(Item::Exit(3))));
    channel.resize(80, 24, now());
    channel.send(b"secret", now()).unwrap();
    let frames = sent(&mut channel);
    let of = |kind| frames.iter().find(|frame| frame.payload_type == kind).unwrap();
    assert!(of(payload::SIZE).payload.starts_with(b"{"), "only the stream is encrypted");
    assert_eq!(agent.decrypt(&of(payload::OUTPUT).payload).unwrap(), b"secret");
}

#[test]
fn session_never_falls_back_to_clear_text() {
    let mut channel = program();
    channel.take(&from_agent(0, payload::HANDSHAKE_REQUEST, request("Standard_Stream", Some("k"))), now()).unwrap();
    let complete = from_agent(1, payload::HANDSHAKE_COMPLETE, "{}");
    assert!(matches!(channel.take(&complete, now()), Err(Error::Malformed(_))), "the key was not awaited");
    let (mut channel, _) = encrypted();
    channel.take(&from_agent(1, payload::HANDSHAKE_COMPLETE, "{}"), now()).unwrap();
    let clear = from_agent(2, payload::OUTPUT, "clear text that is long enough to be a message");
    assert!(matches!(channel.take(&clear, now()), Err(Error::Encryption(_))));
    for wrong in ["{}", "no json", r#"{"Challenge":"!"}"#, r#"{"Challenge":"YWJj"}"#] {
        let (mut channel, _) = encrypted();
        assert!(channel.take(&from_agent(1, payload::CHALLENGE_REQUEST, wrong), now()).is_err(), "{wrong}");
    }
}
