//! Tests with real programs of the system's shell.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use super::{ProcessError, credentials, run};
use crate::aws::credentials::interaction::{CredentialEvent, Interaction};

/// Returns an interaction that collects what is shown.
fn collecting() -> (Interaction, Arc<Mutex<Vec<String>>>) {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&shown);
    let events = Arc::new(move |event| {
        into.lock().unwrap().push(match event {
            CredentialEvent::Waiting(text) => format!("({text})"),
            CredentialEvent::Output(text) => text,
            CredentialEvent::MfaCode { serial, .. } => serial,
        });
    });
    (Interaction { events, terminal: || None }, shown)
}

#[test]
fn output_follows_the_documented_format() {
    let whole = br#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": "T", "Expiration": "2026-11-26T08:30:00Z"}"#;
    let read = credentials(whole).unwrap();
    assert_eq!((read.access_key_id(), read.session_token()), ("A", Some("T")));
    assert_eq!(read.expiry(), Some(UNIX_EPOCH + Duration::from_secs(1_795_681_800)));
    let bare = credentials(br#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "S"}"#).unwrap();
    assert_eq!((bare.session_token(), bare.expiry()), (None, None));
    let table: [(&[u8], &str); 6] = [
        (b"", "not JSON (line 1, column 0)"),
        (b"{\"Version\": 1, \"SecretAccessKey\": \"hidden\"", "not JSON (line 1, column 42)"),
        (b"{\"Version\": 1, \"SecretAccessKey\": \"hidden\"}", "a field of the JSON is missing or has another type"),
        (br#"{"Version": 2, "AccessKeyId": "A", "SecretAccessKey": "hidden"}"#, "version 2 of the format is not known"),
        (br#"{"Version": 1, "AccessKeyId": "", "SecretAccessKey": "hidden"}"#, "the key is empty"),
        (
            br#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "hidden", "Expiration": "soon"}"#,
            "the Expiration is not a time in ISO 8601",
        ),
    ];
    for (output, reason) in table {
        assert_eq!(credentials(output).unwrap_err(), reason);
    }
}

/// A helper that reads standard input gets nothing; what it said is shown, and is in the error.
#[tokio::test]
async fn helper_never_gets_the_standard_input() {
    let (interaction, shown) = collecting();
    let command = "sh -c 'echo \"Code for alice:\" >&2; read -r code || { echo \"no code given\" >&2; exit 3; }'";
    let error = run("p", command, &interaction).await.unwrap_err();
    let ProcessError::Failed { said, status, .. } = error else { panic!("{error}") };
    assert_eq!((said.as_str(), status.code()), ("Code for alice:\nno code given", Some(3)));
    let waiting = "(waiting for the credential_process of profile p (sh))";
    assert_eq!(*shown.lock().unwrap(), [waiting, "Code for alice:", "no code given"]);
}

/// A prompt has no line end: it is shown while the program waits.
#[tokio::test]
async fn prompt_without_line_end_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let answer = folder.path().join("answer");
    let command = format!(
        "sh -c 'printf \"Touch the key: \" >&2; while [ ! -e {0} ]; do sleep 0.02; done; echo \"{{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"A\\\",\\\"SecretAccessKey\\\":\\\"S\\\"}}\"'",
        answer.display()
    );
    let shown = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&shown);
    let events = Arc::new(move |event| {
        if let CredentialEvent::Output(text) = event {
            into.lock().unwrap().push(text);
            std::fs::write(&answer, "").unwrap();
        }
    });
    let read = run("p", &command, &Interaction { events, terminal: || None }).await.unwrap();
    assert_eq!(read.access_key_id(), "A");
    assert_eq!(*shown.lock().unwrap(), ["Touch the key: "]);
}

#[tokio::test]
async fn program_that_cannot_run_is_named() {
    let (interaction, _) = collecting();
    let error = |command: &'static str| {
        let interaction = interaction.clone();
        async move { run("p", command, &interaction).await.unwrap_err().to_string() }
    };
    assert_eq!(
        error("/nowhere/helper x").await,
        "cannot start /nowhere/helper: No such file or directory (os error 2)"
    );
    assert_eq!(error("sh -c 'open").await, "invalid command line");
    assert_eq!(error("  ").await, "invalid command line");
    assert_eq!(error("echo hello").await, "echo wrote no valid credentials: not JSON (line 1, column 1)");
}
