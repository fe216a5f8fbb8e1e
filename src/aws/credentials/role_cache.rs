//! The AWS CLI's cache of assumed roles, `~/.aws/cli/cache`: read and written in its format, so that an MFA code is asked for
//! once for both programs.
//!
//! The file's name is the SHA-1 of the call's arguments as Python's `json.dumps(…, sort_keys=True)` writes them; see botocore's
//! `CachedCredentialFetcher`.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::chain::Role;
use super::expiration;
use crate::store;

/// Credentials that expire sooner than this are not used, as in botocore.
const EXPIRY_WINDOW: Duration = Duration::from_secs(15 * 60);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CachedFile {
    credentials: CachedKeys,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CachedKeys {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
}

/// Returns the path of the cached credentials of this role, in the user's home folder.
pub(super) fn path(home: &Path, role: &Role) -> PathBuf {
    let digest = Sha1::digest(arguments(role).as_bytes());
    let name = digest.iter().fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    });
    home.join(".aws").join("cli").join("cache").join(format!("{name}.json"))
}

/// Returns AssumeRole's arguments as Python writes them. A session name that was made up is left out.
fn arguments(role: &Role) -> String {
    let number = role.duration_seconds.map(|seconds| ("DurationSeconds", seconds.to_string()));
    let texts = [
        ("ExternalId", role.external_id.as_deref()),
        ("RoleArn", Some(role.arn.as_str())),
        ("RoleSessionName", role.session_name.as_deref()),
        ("SerialNumber", role.mfa_serial.as_deref()),
    ];
    let texts = texts.into_iter().filter_map(|(key, value)| Some((key, python_string(value?))));
    let pairs: Vec<String> =
        number.into_iter().chain(texts).map(|(key, value)| format!("\"{key}\": {value}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// Writes a string as Python's `json.dumps` does: ASCII only.
fn python_string(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap_or_default();
    json.chars().fold(String::new(), |mut out, c| {
        if matches!(c, ' '..='~') {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
        out
    })
}

/// Returns the cached credentials if they last long enough. A file that cannot be read counts as absent.
pub(super) fn get(path: &Path, now: SystemTime) -> Option<Credentials> {
    let bytes = Zeroizing::new(std::fs::read(path).ok()?);
    let CachedFile { credentials: keys } = serde_json::from_slice(&bytes).ok()?;
    let expiry = expiration::parse(&keys.expiration)?;
    let lasts = expiry.duration_since(now).is_ok_and(|left| left >= EXPIRY_WINDOW);
    let token = Some(keys.session_token);
    lasts.then(|| Credentials::new(keys.access_key_id, keys.secret_access_key, token, Some(expiry), "AssumeRole"))
}

/// Stores credentials, readable by the user alone.
///
/// # Errors
/// File system errors.
pub(super) fn put(path: &Path, credentials: &Credentials, account_id: Option<String>) -> io::Result<()> {
    let (Some(expiry), Some(token)) = (credentials.expiry(), credentials.session_token()) else { return Ok(()) };
    let time = DateTime::from(expiry).fmt(Format::DateTime).map_err(io::Error::other)?;
    let expiration = time.split(['.', 'Z']).next().unwrap_or_default().to_owned() + "UTC";
    let keys = CachedKeys {
        access_key_id: credentials.access_key_id().to_owned(),
        secret_access_key: credentials.secret_access_key().to_owned(),
        session_token: token.to_owned(),
        expiration,
        account_id,
    };
    let json = Zeroizing::new(serde_json::to_vec(&CachedFile { credentials: keys }).map_err(io::Error::other)?);
    store::replace(path, &json)
}

#[cfg(test)]
mod tests;
