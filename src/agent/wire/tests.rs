//! Tests of the agent protocol: decoding, encoding and which data the agent signs.

use crate::agent::wire::{HostKeysRequest, Refused, Request, Response, login_algorithm};
use crate::ssh::keys::Key;
use proptest::prelude::*;

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// Returns the data that ssh signs to log in (RFC 4252, section 7).
fn login(user: &str, method: &str, key: &[u8], after: &[u8]) -> Vec<u8> {
    let parts = [
        string(b"session id of 32 bytes, as it were"),
        vec![50],
        string(user.as_bytes()),
        string(b"ssh-connection"),
        string(method.as_bytes()),
        vec![1],
        string(b"ssh-ed25519"),
        string(key),
        after.to_vec(),
    ];
    parts.concat()
}

/// Signs the data of a login (RFC 4252) of this user with this key, plain or host-bound, and nothing else.
fn is_login(data: &[u8], user: &str, key: &[u8]) -> bool {
    login_algorithm(data, user, key).is_some()
}

#[test]
fn signs_only_logins_of_its_user_and_key() {
    let key = Key::ephemeral().public_blob();
    let other = Key::ephemeral().public_blob();
    assert!(is_login(&login("me", "publickey", &key, b""), "me", &key));
    let bound = login("me", "publickey-hostbound-v00@openssh.com", &key, &string(b"host key"));
    assert!(is_login(&bound, "me", &key));
    let mut not_a_request = login("me", "publickey", &key, b"");
    not_a_request[38] = 51;
    let cases = [
        ("another user", login("root", "publickey", &key, b"")),
        ("another key", login("me", "publickey", &other, b"")),
        ("another method", login("me", "hostbased", &key, b"")),
        ("more behind it", login("me", "publickey", &key, b"x")),
        ("a bound one without its host key", login("me", "publickey-hostbound-v00@openssh.com", &key, b"")),
        ("another message", not_a_request),
        (
            "a file (PROTOCOL.sshsig)",
            [b"SSHSIG".to_vec(), string(b"file"), string(b""), string(b"sha512"), string(b"hash")].concat(),
        ),
        ("nothing", Vec::new()),
    ];
    for (what, data) in cases {
        assert!(!is_login(&data, "me", &key), "{what}");
    }
    // No proper prefix of a login counts as a login.
    let whole = login("me", "publickey", &key, b"");
    assert!((0..whole.len()).all(|length| !is_login(&whole[..length], "me", &key)));
}

#[test]
fn messages_survive_encoding_and_decoding() {
    let requests = [
        Request::Identities,
        Request::Sign { key: b"key".to_vec(), data: b"data".to_vec() },
        Request::HostKeys(HostKeysRequest { reason: "ORDER".into(), name: "web-1".into(), key: "NONE".into() }),
        Request::OnBehalf(4711),
    ];
    for request in requests {
        let encoded = request.encode();
        let (length, message) = encoded.split_first_chunk::<4>().unwrap();
        assert_eq!(u32::from_be_bytes(*length) as usize, message.len());
        assert_eq!(Request::decode(message), request);
        // Shorter messages decode to `Other`. The flags at the end of a sign request are ignored, so they may be
        // missing.
        let shortest = if matches!(request, Request::Sign { .. }) { message.len() - 4 } else { message.len() };
        assert!((0..shortest).all(|end| Request::decode(&message[..end]) == Request::Other));
    }
    let lines = "web-1 ssh-ed25519 AAAA\n".to_owned();
    let encoded = Response::HostKeys(Ok(lines.clone())).encode();
    assert_eq!(Response::host_keys(&encoded[4..]), Some(lines));
    assert_eq!(Response::host_keys(&Response::Failure.encode()[4..]), None);
    assert_eq!(Response::host_keys(&Response::HostKeys(Err(Refused)).encode()[4..]), None);
    // The identities answer of draft-ietf-sshm-ssh-agent is byte 12, the count, then the key and the comment.
    let identities = Response::Identities(vec![(b"K".to_vec(), "c".into())]).encode();
    assert_eq!(identities, [&[0, 0, 0, 15, 12, 0, 0, 0, 1][..], &string(b"K"), &string(b"c")].concat());
    assert_eq!(Response::Failure.encode(), [0, 0, 0, 1, 5]);
}

/// A forwarded connection comes from the remote side (OpenSSH's PROTOCOL.agent, section 1).
#[test]
fn forwarded_connection_is_recognized() {
    let bind = |forwarding: u8| {
        let parts = [
            vec![27],
            string(b"session-bind@openssh.com"),
            string(b"host key"),
            string(b"session"),
            string(b"signature"),
            vec![forwarding],
        ];
        parts.concat()
    };
    assert_eq!(Request::decode(&bind(1)), Request::Forwarded);
    assert_eq!(Request::decode(&bind(0)), Request::Other);
    // What cannot be read counts as forwarded.
    let whole = bind(0);
    let name = 1 + string(b"session-bind@openssh.com").len();
    for length in name..whole.len() {
        assert_eq!(Request::decode(&whole[..length]), Request::Forwarded, "{length}");
    }
    assert_eq!(Request::decode(&[&whole[..], b"x"].concat()), Request::Forwarded);
}

proptest! {
    #[test]
    fn decoding_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        Request::decode(&bytes);
        Response::host_keys(&bytes);
        prop_assert!(!is_login(&bytes, "me", b"key"));
    }
}
