//! Tests of signed headers.

use std::time::{Duration, SystemTime};

use super::Signer;

/// The signing time of the example, 20200101T010101Z.
const SIGNED_AT: u64 = 1_577_840_461;

/// The websocket upgrade of a data channel is signed as AWS's session-manager-plugin signs it.
#[test]
fn data_channel_upgrade_is_signed_like_plugin() {
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let signer = Signer::with_keys("AKIDEXAMPLE", secret, Some("tok/en+=="), "us-west-2");
    let url = "https://ssmmessages.us-west-2.amazonaws.com/v1/data-channel/me-0123456789abcdef0?role=publish_subscribe&cell-number=AAE+k/N0o%3D";
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(SIGNED_AT);
    let headers = signer.headers("ssmmessages", url, time).unwrap();
    let of = |name: &str| {
        headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.expose().clone()).unwrap()
    };
    let authorization = of("authorization");
    assert!(authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token"), "{authorization}");
    let signature = "Signature=0c24ef6db69e074aa64db727080b0cfe8618fa388a23c96e8b2a106920f9afe7";
    assert!(authorization.ends_with(signature), "{authorization}");
    assert_eq!(of("x-amz-date"), "20200101T010101Z");
    assert_eq!(of("x-amz-security-token"), "tok/en+==");
    // Debug output of the signer and the signed headers contains no secret.
    assert!(!format!("{headers:?} {signer:?}").contains("wJalr"), "{headers:?} {signer:?}");
    assert!(!format!("{headers:?}").contains("0c24ef"), "{headers:?}");
}
