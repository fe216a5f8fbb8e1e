//! The file names are botocore's: `tests/it/botocore.rs` has botocore read and write the same files.

use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;

use super::{arguments, get, path, put};
use crate::aws::credentials::chain::{Role, Source};

fn role() -> Role {
    Role {
        profile: "admin".to_owned(),
        arn: "arn:aws:iam::111122223333:role/admin".to_owned(),
        session_name: None,
        external_id: None,
        mfa_serial: Some("arn:aws:iam::111122223333:mfa/alice".to_owned()),
        duration_seconds: None,
        source: Source::Environment,
    }
}

#[test]
fn arguments_are_written_as_python_does() {
    assert_eq!(
        arguments(&role()),
        r#"{"RoleArn": "arn:aws:iam::111122223333:role/admin", "SerialNumber": "arn:aws:iam::111122223333:mfa/alice"}"#
    );
    let full = Role {
        session_name: Some("né\u{1f600}\"\u{7f}".to_owned()),
        external_id: Some("x".to_owned()),
        duration_seconds: Some(900),
        mfa_serial: None,
        ..role()
    };
    assert_eq!(
        arguments(&full),
        r#"{"DurationSeconds": 900, "ExternalId": "x", "RoleArn": "arn:aws:iam::111122223333:role/admin", "RoleSessionName": "n\u00e9\ud83d\ude00\"\u007f"}"#
    );
    let name = path(Path::new("/home/a"), &role());
    assert!(
        name.starts_with("/home/a/.aws/cli/cache") && name.extension().is_some_and(|end| end == "json"),
        "{name:?}"
    );
}

#[test]
fn stored_credentials_are_returned_while_they_last() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cli/cache/x.json");
    let expiry = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let credentials = Credentials::new("A", "S", Some("T".to_owned()), Some(expiry), "x");
    put(&file, &credentials, Some("111122223333".to_owned())).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"Expiration\":\"2027-01-15T08:00:00UTC\"") && text.contains("111122223333"), "{text}");
    let early = expiry - Duration::from_secs(16 * 60);
    let read = get(&file, early).unwrap();
    assert_eq!((read.access_key_id(), read.session_token(), read.expiry()), ("A", Some("T"), Some(expiry)));
    assert!(get(&file, expiry - Duration::from_secs(14 * 60)).is_none());
    std::fs::write(&file, "{").unwrap();
    assert!(get(&file, early).is_none());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        put(&file, &credentials, None).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
