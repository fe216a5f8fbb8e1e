//! Verifies signatures of AWS Signature Version 4, computed from its specification
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>) and independently of
//! ec2ssh's library.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The parts of a request that are signed.
pub(crate) struct Request<'a> {
    pub path: &'a str,
    pub query: &'a str,
    /// Returns the value of a header by its lower-case name.
    pub header: &'a dyn Fn(&str) -> Option<String>,
}

/// The expected signer and scope of a signature.
pub(crate) struct Expected<'a> {
    pub access_key: &'a str,
    pub secret: &'a str,
    pub service: &'a str,
    pub region: &'a str,
    /// The maximum age of the signature in seconds.
    pub age: u64,
}

/// Checks a signature in the query.
pub(crate) fn check_query(request: &Request, expected: &Expected) -> Result<(), String> {
    let parameters = parameters(request.query);
    let of = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let need = |name: &str| of(name).ok_or_else(|| format!("no {name}"));
    let signature = need("X-Amz-Signature")?;
    if need("X-Amz-Expires")? != "60" || need("X-Amz-SignedHeaders")? != "host" {
        return Err("expiry or signed headers".to_owned());
    }
    let rest = parameters.iter().filter(|(key, _)| key != "X-Amz-Signature").cloned().collect();
    let computed = signature_of(request, rest, "host", &need("X-Amz-Date")?, &need("X-Amz-Credential")?, expected)?;
    if computed == signature { Ok(()) } else { Err("the signature does not match".to_owned()) }
}

/// Checks a signature in the headers.
pub(crate) fn check_headers(request: &Request, expected: &Expected) -> Result<(), String> {
    let authorization = (request.header)("authorization").ok_or("no authorization")?;
    let field = |name: &str| {
        let found = authorization.split([' ', ',']).find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        found.map(str::to_owned).ok_or_else(|| format!("no {name}"))
    };
    let date = (request.header)("x-amz-date").ok_or("no date")?;
    let signed = field("SignedHeaders")?;
    let wanted = if (request.header)("x-amz-security-token").is_some() {
        "host;x-amz-date;x-amz-security-token"
    } else {
        "host;x-amz-date"
    };
    if signed != wanted {
        return Err(format!("signed headers {signed}"));
    }
    let computed = signature_of(request, parameters(request.query), &signed, &date, &field("Credential")?, expected)?;
    if computed == field("Signature")? { Ok(()) } else { Err("the signature does not match".to_owned()) }
}

fn signature_of(
    request: &Request,
    mut parameters: Vec<(String, String)>,
    signed: &str,
    date: &str,
    credential: &str,
    expected: &Expected,
) -> Result<String, String> {
    let day = date.get(..8).ok_or("a date that is none")?;
    let scope = format!("{day}/{}/{}/aws4_request", expected.region, expected.service);
    if credential != format!("{}/{scope}", expected.access_key) {
        return Err(format!("the credential {credential}"));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let then = seconds(date).ok_or("a date that is none")?;
    if now.abs_diff(then) > expected.age {
        return Err(format!("it is {} s old", now.abs_diff(then)));
    }
    parameters.sort();
    let query: Vec<String> =
        parameters.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
    let mut headers = String::new();
    for name in signed.split(';') {
        let value = (request.header)(name).ok_or_else(|| format!("no header {name}"))?;
        headers.push_str(&format!("{name}:{}\n", value.trim()));
    }
    let empty = hex(&Sha256::digest(b""));
    let canonical = format!("GET\n{}\n{}\n{headers}\n{signed}\n{empty}", request.path, query.join("&"));
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let mut key = format!("AWS4{}", expected.secret).into_bytes();
    for part in [day, expected.region, expected.service, "aws4_request", &to_sign] {
        key = hmac(&key, part.as_bytes());
    }
    Ok(hex(&key))
}

/// Decodes the query parameters; a plus is a space, as in a form.
pub(crate) fn parameters(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Converts a date in the format `20200101T010101Z` to seconds since the Unix epoch.
fn seconds(date: &str) -> Option<u64> {
    let number = |from: usize, to: usize| date.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    // The days are counted in the civil calendar, with March as the first month.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let time = number(9, 11)? * 3600 + number(11, 13)? * 60 + number(13, 15)?;
    u64::try_from(days * 86_400 + time).ok()
}
