//! Our known_hosts file and the judgement of a host key.

use std::path::PathBuf;
use std::process::Command;

use ec2ssh::ssh::host_keys::known_hosts::{Known, KnownHosts, alias, parse};
use ec2ssh::ssh::host_keys::{Verdict, judge, preferred};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};

use crate::support::tool;

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
fn the_judgement() {
    let (ours, other, of_another_kind) = (ed25519(), ed25519(), ecdsa());
    let known = |keys: &[&PublicKey]| -> Vec<Known> {
        keys.iter().enumerate().map(|(index, key)| Known { line: index + 1, key: (*key).clone() }).collect()
    };
    let changed = |line, key: &PublicKey| Verdict::Changed { line, known: Box::new(key.clone()) };
    let is_known = |line| Verdict::Known { line, how: String::new() };
    assert_eq!(judge(&known(&[]), &ours), Verdict::New);
    assert_eq!(judge(&known(&[&ours]), &ours), is_known(1));
    assert_eq!(judge(&known(&[&of_another_kind, &ours]), &ours), is_known(2));
    assert_eq!(judge(&known(&[&other]), &ours), changed(1, &other));
    assert_eq!(judge(&known(&[&of_another_kind, &other]), &ours), changed(2, &other));
    // Known by another algorithm only: whoever answers has not shown the key we know.
    assert_eq!(judge(&known(&[&of_another_kind]), &ours), changed(1, &of_another_kind));
}

#[test]
fn known_algorithms_are_asked_for_first() {
    let all = [Algorithm::Ed25519, Algorithm::Ecdsa { curve: russh::keys::EcdsaCurve::NistP256 }];
    assert_eq!(preferred(&[ecdsa().algorithm()], &all), [all[1].clone(), all[0].clone()]);
    assert_eq!(preferred(&[], &all), all);
    // An RSA key serves the signatures over SHA-2.
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
    // What cannot be used must not make a known instance a new one.
    let error = parse(&text, "i-0123456789abcde09").unwrap_err();
    assert!(error.to_string().starts_with("line 5 "), "{error}");
    // Markers are looked for elsewhere.
    assert!(lines("i-0123456789abcde08").is_empty());
    assert!(parse("|1|abc=|def= ssh-ed25519 AAAA", "i-1").is_err());
}

fn store() -> (tempfile::TempDir, KnownHosts) {
    let folder = tempfile::tempdir().unwrap();
    let store = KnownHosts::at(folder.path().join("deep/er/known_hosts"));
    (folder, store)
}

#[test]
fn what_is_added_is_found_once_and_ssh_keygen_reads_it() {
    let (_folder, store) = store();
    let key = ed25519();
    assert!(store.keys("i-1").unwrap().is_empty());
    store.add("i-1", std::slice::from_ref(&key), "confirmed").unwrap();
    store.add("i-1", std::slice::from_ref(&key), "confirmed").unwrap();
    assert_eq!(store.keys("i-1").unwrap().len(), 1);
    // Two first contacts at once that were shown different keys: the second is not believed beside the first.
    assert!(store.add("i-1", &[ed25519()], "confirmed").is_err());
    assert_eq!(store.keys("i-1").unwrap().len(), 1);
    let found = Command::new(tool("ssh-keygen")).args(["-F", "i-1", "-f"]).arg(store.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&found.stdout).contains("i-1 ssh-ed25519"), "{found:?}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(store.path()).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn twenty_at_once_lose_nothing_and_an_unfinished_line_is_finished() {
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

#[test]
fn a_file_that_cannot_be_read_is_an_error_and_not_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = KnownHosts::at(PathBuf::from(folder.path()));
    assert!(store.keys("i-1").is_err());
}
