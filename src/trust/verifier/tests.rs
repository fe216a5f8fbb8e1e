//! Tests of the verification under each policy, with an empty console.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use russh::keys::{Algorithm, PrivateKey};

use super::{InstanceVerifier, Progress};
use crate::config::HostKeyPolicy;
use crate::confirm::ConfirmGate;
use crate::event::{Event, Events};
use crate::ssh::host_key::{PresentedKey, PublicKey};
use crate::ssh::verifier::HostKeyVerifier;
use crate::trust::console::Printed;
use crate::trust::console_keys::Console;
use crate::trust::known_hosts::KnownHosts;
use crate::trust::session_keys::SessionKeys;
use crate::trust::{Error, Refusal};

fn host_key() -> PublicKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap().public_key().clone()
}

/// Returns a verifier with this known_hosts file and an empty console.
fn verifier(file: PathBuf, policy: HostKeyPolicy, events: Events) -> InstanceVerifier {
    let instance_id = "i-0123456789abcdef0".to_owned();
    InstanceVerifier {
        keys: SessionKeys::new(Some(KnownHosts::at(file)), instance_id.clone(), &events),
        instance_id,
        label: "web".to_owned(),
        names: vec!["web".to_owned()],
        other_names: vec!["10.0.0.7".to_owned()],
        caller_files: Vec::new(),
        console: Console::new(|| async { Ok(Printed::default()) }),
        policy,
        confirmed: ConfirmGate::open(),
        events,
        progress: Arc::new(Progress::default()),
        keeps: true,
    }
}

/// Verifies a key, answering a question with this; returns the number of questions as well.
async fn verify(
    folder: &Path,
    key: &PublicKey,
    policy: HostKeyPolicy,
    answer: Option<bool>,
) -> (Result<(), Error>, usize) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let events: Events = Arc::new(move |event| {
        if let Event::HostKey { question, reply } = event {
            assert!(question.fingerprint.starts_with("SHA256:"));
            count.fetch_add(1, Ordering::SeqCst);
            match answer {
                Some(answer) => reply.send(answer).unwrap(),
                None => drop(reply),
            }
        }
    });
    let verifier = verifier(folder.join("known_hosts"), policy, events);
    let result = verifier.verify(&PresentedKey::PublicKey { key: key.clone(), hash_alg: None }).await;
    (result, asked.load(Ordering::SeqCst))
}

/// A new host key is asked about once, and a changed one is refused under every policy.
#[tokio::test]
async fn new_host_key_prompts_changed_one_fails() {
    let folder = tempfile::tempdir().unwrap();
    let (key, other) = (host_key(), host_key());
    let refused = |result: &Result<(), Error>| matches!(result, Err(Error::Refused(refusal)) if matches!(**refusal, Refusal::Unknown { .. }));
    // The question goes unanswered, is answered with no, or is not asked under the policy.
    for (policy, answer, asked) in
        [(HostKeyPolicy::Auto, None, 1), (HostKeyPolicy::Auto, Some(false), 1), (HostKeyPolicy::Strict, Some(true), 0)]
    {
        let (result, count) = verify(folder.path(), &key, policy, answer).await;
        assert!(refused(&result) && count == asked, "{policy:?} {result:?}");
    }
    assert!(!folder.path().join("known_hosts").exists());
    let (result, asked) = verify(folder.path(), &key, HostKeyPolicy::Auto, Some(true)).await;
    assert!(result.is_ok() && asked == 1);
    for policy in [HostKeyPolicy::Auto, HostKeyPolicy::Strict, HostKeyPolicy::AcceptNew] {
        let (result, asked) = verify(folder.path(), &key, policy, None).await;
        assert!(result.is_ok() && asked == 0, "{policy:?}");
        let (result, asked) = verify(folder.path(), &other, policy, Some(true)).await;
        let Err(Error::Refused(refusal)) = result else { panic!("{policy:?}") };
        let Refusal::Changed { line, known, presented, .. } = *refusal else { panic!("{policy:?}") };
        assert_eq!((line, asked), (1, 0));
        assert!(known != presented && known.starts_with("SHA256:"));
    }
}

/// A key that cannot be written is known for the rest of the session, with one warning.
#[tokio::test]
async fn unsaved_key_is_known_in_the_session() {
    let notices = Arc::new(AtomicUsize::new(0));
    let questions = Arc::new(AtomicUsize::new(0));
    let counters = (Arc::clone(&notices), Arc::clone(&questions));
    let events: Events = Arc::new(move |event| match event {
        Event::Notice(text) if text.starts_with("Warning:") => drop(counters.0.fetch_add(1, Ordering::SeqCst)),
        Event::HostKey { reply, .. } => {
            counters.1.fetch_add(1, Ordering::SeqCst);
            reply.send(true).unwrap();
        }
        _ => {}
    });
    let verifier = verifier("/dev/null/known_hosts".into(), HostKeyPolicy::Auto, events);
    let (first, other) = (host_key(), host_key());
    let present = |key: &PublicKey| PresentedKey::PublicKey { key: key.clone(), hash_alg: None };
    verifier.verify(&present(&first)).await.unwrap();
    verifier.verify(&present(&first)).await.unwrap();
    assert_eq!((questions.load(Ordering::SeqCst), notices.load(Ordering::SeqCst)), (1, 1));
    // Another key is refused, as if the first were in the file.
    let error = verifier.verify(&present(&other)).await.unwrap_err();
    assert!(error.is_contradiction(), "{error:?}");
}
