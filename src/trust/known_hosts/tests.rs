//! Tests of ec2ssh's known_hosts file and of the verdict on a host key.

use std::path::PathBuf;
use std::process::Command;

use super::*;
use crate::ssh::host_key::preferred;
use crate::trust::verdict::{Verdict, judge};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};

use ec2ssh_lab::openssh::tool;

fn key(algorithm: Algorithm) -> PublicKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), algorithm).unwrap().public_key().clone()
}

fn ed25519() -> PublicKey {
    key(Algorithm::Ed25519)
}

fn ecdsa() -> PublicKey {
    key(Algorithm::Ecdsa { curve: russh::keys::EcdsaCurve::NistP256 })
}

#[test]
fn verdict_depends_on_known_keys_and_algorithms() {
    let (ours, other, other_algorithm) = (ed25519(), ed25519(), ecdsa());
    let known = |keys: &[&PublicKey]| -> Vec<Known> {
        keys.iter().enumerate().map(|(index, key)| Known { line: index + 1, key: (*key).clone() }).collect()
    };
    let changed = |line, key: &PublicKey| Verdict::Changed { line, known: Box::new(key.clone()) };
    let known_at = |line| Verdict::Known { line, how: String::new() };
    assert_eq!(judge(&known(&[]), &ours), Verdict::New);
    assert_eq!(judge(&known(&[&ours]), &ours), known_at(1));
    assert_eq!(judge(&known(&[&other_algorithm, &ours]), &ours), known_at(2));
    assert_eq!(judge(&known(&[&other]), &ours), changed(1, &other));
    assert_eq!(judge(&known(&[&other_algorithm, &other]), &ours), changed(2, &other));
    // Only a key of another algorithm is known, so the server has not presented the known key.
    assert_eq!(judge(&known(&[&other_algorithm]), &ours), changed(1, &other_algorithm));
}

#[test]
fn known_algorithms_are_asked_for_first() {
    let all = [Algorithm::Ed25519, Algorithm::Ecdsa { curve: russh::keys::EcdsaCurve::NistP256 }];
    assert_eq!(preferred(&[ecdsa().algorithm()], &all), [all[1].clone(), all[0].clone()]);
    assert_eq!(preferred(&[], &all), all);
    // A known RSA key puts the SHA-2 signature algorithms of RSA first.
    let rsa = |hash| Algorithm::Rsa { hash };
    let signed = [Algorithm::Ed25519, rsa(Some(HashAlg::Sha512)), rsa(Some(HashAlg::Sha256))];
    assert_eq!(preferred(&[rsa(None)], &signed), [signed[1].clone(), signed[2].clone(), signed[0].clone()]);
}

#[test]
fn lines_are_found_by_instance_and_port_only() {
    let (a, b) = (ed25519(), ed25519());
    let line = |names: &str, key: &PublicKey| format!("{names} {}\n", key.to_openssh().unwrap());
    let text = [
        "# a comment\n".to_owned(),
        "\n".to_owned(),
        line("i-0123456789abcde01", &a),
        line("[i-0123456789abcde01]:2222", &b),
        "i-0123456789abcde09 ssh-ed25519 garbage\n".to_owned(),
        line("@revoked i-0123456789abcde08", &b),
        line("10.0.0.7,i-0123456789abcde02", &b),
    ]
    .concat();
    let lines = |name: &str| parse(&text, name).unwrap().iter().map(|known| known.line).collect::<Vec<_>>();
    assert_eq!(lines(&alias("i-0123456789abcde01", 22)), [3]);
    assert_eq!(lines(&alias("i-0123456789abcde01", 2222)), [4]);
    assert_eq!(lines("i-0123456789abcde02"), [7]);
    assert!(lines("i-0123456789abcde03").is_empty());
    // An unusable line is an error. If it were skipped, a known instance would look new.
    let error = parse(&text, "i-0123456789abcde09").unwrap_err();
    assert!(error.to_string().starts_with("line 5 "), "{error}");
    // Lines with markers are handled elsewhere.
    assert!(lines("i-0123456789abcde08").is_empty());
    assert!(parse("|1|abc=|def= ssh-ed25519 AAAA", "i-1").is_err());
}

fn store() -> (tempfile::TempDir, KnownHosts) {
    let folder = tempfile::tempdir().unwrap();
    let store = KnownHosts::at(folder.path().join("deep/er/known_hosts"));
    (folder, store)
}

/// A key that is added twice is stored once, and ssh-keygen can read the file. Another key of the same instance is
/// refused.
#[test]
fn added_key_is_found_once() {
    let (_folder, store) = store();
    let key = ed25519();
    assert!(store.keys("i-1").unwrap().is_empty());
    store.add("i-1", std::slice::from_ref(&key), "confirmed").unwrap();
    store.add("i-1", std::slice::from_ref(&key), "confirmed").unwrap();
    assert_eq!(store.keys("i-1").unwrap().len(), 1);
    // Two concurrent first contacts were shown different keys: the second key is refused.
    assert!(store.add("i-1", &[ed25519()], "confirmed").is_err());
    assert_eq!(store.keys("i-1").unwrap().len(), 1);
    let found = Command::new(tool("ssh-keygen")).args(["-F", "i-1", "-f"]).arg(store.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&found.stdout).contains("i-1 ssh-ed25519"), "{found:?}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(store.path()).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

/// Twenty threads add keys at once and lose none. A last line without a line feed is completed first.
#[test]
fn concurrent_adds_lose_no_keys() {
    let (_folder, store) = store();
    std::fs::create_dir_all(store.path().parent().unwrap()).unwrap();
    std::fs::write(store.path(), "# no line feed at the end").unwrap();
    let threads: Vec<_> = (0..20)
        .map(|number| {
            let store = store.clone();
            std::thread::spawn(move || store.add(&format!("i-{number}"), &[ed25519()], "accept-new").unwrap())
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for number in 0..20 {
        assert_eq!(store.keys(&format!("i-{number}")).unwrap().len(), 1, "i-{number}");
    }
    assert_eq!(std::fs::read_to_string(store.path()).unwrap().lines().count(), 21);
}

/// A file that cannot be read must not count as an empty one.
#[test]
fn unreadable_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = KnownHosts::at(PathBuf::from(folder.path()));
    assert!(store.keys("i-1").is_err());
}

/// Forgetting removes an instance at every port, and leaves other instances, comments and marked lines alone.
#[test]
fn forget_removes_one_instance_at_every_port() {
    let (_folder, store) = store();
    for name in ["i-1", "[i-1]:2222", "i-11", "[i-11]:2222"] {
        store.add(name, &[ed25519()], "console").unwrap();
    }
    let certified = format!("@cert-authority i-1 {}", ed25519().to_openssh().unwrap());
    let text = format!("# i-1\n{certified}\n{}", store.text().unwrap());
    std::fs::write(store.path(), &text).unwrap();
    let aliases = || store.list().unwrap().into_iter().map(|listed| listed.alias).collect::<Vec<_>>();
    assert_eq!(aliases(), ["@cert-authority i-1", "i-1", "[i-1]:2222", "i-11", "[i-11]:2222"]);
    assert_eq!(store.list().unwrap()[1].comment, "console");
    assert_eq!(store.forget("i-2").unwrap(), 0);
    assert_eq!(store.text().unwrap(), text);
    assert_eq!(store.forget("i-1").unwrap(), 2);
    assert_eq!(aliases(), ["@cert-authority i-1", "i-11", "[i-11]:2222"]);
    assert!(store.text().unwrap().starts_with("# i-1\n") && store.text().unwrap().ends_with('\n'));
}
