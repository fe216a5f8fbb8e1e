//! Tests of a refused upgrade.

use http::HeaderMap;

use hyper_util::client::proxy::matcher::Matcher;

use super::{Error, UpgradeRefusal, open};
use crate::secret::Secret;
use crate::web::Connector;

#[tokio::test(start_paused = true)]
async fn unanswered_upgrade_times_out() {
    // The system accepts the connection, and nobody answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Secret::new(format!("ws://{}/", silent.local_addr().unwrap()));
    let connector = Connector::with_proxies(Matcher::builder().build(), None);
    let error = open(&connector, &url, &[]).await.err().unwrap();
    assert!(matches!(error, Error::Silent { seconds: 10, .. }), "{error}");
}

/// The code and message of a refusal may be in JSON, in headers or in plain text. HTML is dropped.
#[test]
fn refusal_is_parsed_in_every_format() {
    let read = |status, body: &str| UpgradeRefusal::read(status, &HeaderMap::new(), body.as_bytes());
    let json = read(400, r#"{"ErrorCode":"InvalidParameter","Message":"The specified RemotePort is not valid."}"#);
    assert_eq!(json.code.as_deref(), Some("InvalidParameter"));
    assert_eq!(json.message, "The specified RemotePort is not valid.");
    assert_eq!(json.to_string(), "InvalidParameter (HTTP 400)");
    let prefixed = read(403, r#"{"__type":"com.amazon#AccessDeniedException","message":"no"}"#);
    assert_eq!((prefixed.code.as_deref(), &*prefixed.message), (Some("AccessDeniedException"), "no"));
    assert_eq!(read(503, "try later").message, "try later");
    assert_eq!(read(502, "<html><title>Bad gateway</title>").message, "");
    assert_eq!(read(500, "").to_string(), "HTTP 500");
    let mut headers = HeaderMap::new();
    headers.insert("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/".parse().unwrap());
    headers.insert("x-amzn-requestid", "abc".parse().unwrap());
    let by_header = UpgradeRefusal::read(429, &headers, b"");
    assert_eq!(by_header.code.as_deref(), Some("ThrottlingException"));
    assert_eq!(by_header.request_id.as_deref(), Some("abc"));
}

/// Secrets in a refusal are redacted whole, with JSON escapes, and when cut off.
#[test]
fn refusal_message_redacts_secrets() {
    let token = "IQoJb3JpZ2luX2VjE/long+token==".repeat(20);
    let secrets = [Secret::new(token.clone()), Secret::new("0123456789abcdef".to_owned())];
    let read = |body: &str| UpgradeRefusal::read_redacted(403, &HeaderMap::new(), body.as_bytes(), &secrets).message;
    assert_eq!(read(&format!("the token:{token} is wrong")), "the token:(redacted) is wrong");
    assert_eq!(read(&format!("{{\"Message\":\"{token}\"}}")), "(redacted)");
    // JSON may escape the slash.
    let escaped = token.replace('/', "\\/");
    assert_eq!(read(&format!("{{\"Message\":\"it was {escaped}\"}}")), "it was (redacted)");
    // The response was cut off in the middle of the token.
    assert_eq!(read(&format!("it was {}", &token[..100])), "it was (redacted)");
    assert_eq!(read("signature 01234567"), "signature (redacted)");
}
