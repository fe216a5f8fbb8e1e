//! Tells what a file is that is given as a private key and is none, with the command that makes one of it. Pure.

/// A kind of file that is taken for a private key by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAKey {
    /// A name for the kind of file, for example `a PuTTY key (.ppk)`.
    pub what: &'static str,
    /// The command that writes a private key, with `FILE` for the file and `NEW` for the new one; `None` if nothing in the file is
    /// a private key.
    pub command: Option<&'static str>,
}

const fn kind(what: &'static str, command: Option<&'static str>) -> NotAKey {
    NotAKey { what, command }
}

const PUTTY: NotAKey = kind("a PuTTY key (.ppk)", Some("puttygen FILE -O private-openssh -o NEW"));
const JSON: NotAKey =
    kind("the JSON of create-key-pair, with the key in its KeyMaterial", Some("jq -r .KeyMaterial FILE > NEW"));
const UTF_16: NotAKey = kind("text in UTF-16", Some("iconv -f UTF-16 -t UTF-8 FILE > NEW"));
const ESCAPED: NotAKey =
    kind("a key whose line ends are written as the two characters \\n", Some("printf '%b\\n' \"$(cat FILE)\" > NEW"));
const ONE_LINE: NotAKey = kind(
    "a key whose lines were joined into one",
    Some("sed -E 's/(-----[A-Z ]+-----)/\\n\\1\\n/g' FILE | sed -E '/-----/!s/ /\\n/g' > NEW"),
);
const DER: NotAKey = kind("a key in binary (DER)", Some("openssl pkey -inform DER -in FILE -out NEW"));
const PKCS12: NotAKey = kind("a PKCS#12 store (.p12, .pfx)", Some("openssl pkcs12 -in FILE -nocerts -noenc -out NEW"));
const CERTIFICATE: NotAKey = kind("an X.509 certificate", None);
const EMPTY: NotAKey = kind("empty", None);

/// Returns what the content is, if it is recognized and no private key.
pub(super) fn recognize(content: &[u8]) -> Option<NotAKey> {
    if content.iter().all(u8::is_ascii_whitespace) {
        return Some(EMPTY);
    }
    if content.starts_with(&[0xff, 0xfe]) || content.starts_with(&[0xfe, 0xff]) || is_utf_16(content) {
        return Some(UTF_16);
    }
    if let Some(binary) = recognize_der(content) {
        return Some(binary);
    }
    let text = String::from_utf8_lossy(content);
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let has_key = text.contains("PRIVATE KEY-----");
    if text.starts_with("PuTTY-User-Key-File-") {
        return Some(PUTTY);
    }
    if text.starts_with('{') && has_key {
        return Some(JSON);
    }
    if has_key && (text.contains("-----\\n") || text.contains("-----\\r\\n")) {
        return Some(ESCAPED);
    }
    if has_key && text.trim_end().lines().count() == 1 {
        return Some(ONE_LINE);
    }
    let is_certificate = text.contains("-----BEGIN CERTIFICATE-----") && !has_key;
    is_certificate.then_some(CERTIFICATE)
}

/// Whether every second byte of the beginning is zero, as in UTF-16 without a byte order mark.
fn is_utf_16(content: &[u8]) -> bool {
    let zeros = |from: usize| content.iter().skip(from).step_by(2).take(16).all(|byte| *byte == 0);
    content.len() >= 32 && content.contains(&b'-') && (zeros(0) || zeros(1))
}

/// A DER sequence (ITU-T X.690) with a length of two bytes, and the version that begins a key or a store.
fn recognize_der(content: &[u8]) -> Option<NotAKey> {
    match content {
        [0x30, 0x82, _, _, 0x02, 0x01, 0x03, ..] => Some(PKCS12),
        [0x30, 0x82, _, _, 0x02, 0x01, 0..=1, ..] | [0x30, 0x20..=0x7f, 0x02, 0x01, 0..=1, ..] => Some(DER),
        [0x30, 0x82, _, _, 0x30, ..] => Some(DER),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_keys_are_recognized() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        let utf_16 = |big_endian: bool| {
            let unit = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
            key.encode_utf16().flat_map(unit).collect::<Vec<u8>>()
        };
        let table: [(Vec<u8>, Option<NotAKey>); 18] = [
            (b"PuTTY-User-Key-File-2: ssh-rsa\r\n".to_vec(), Some(PUTTY)),
            (b"PuTTY-User-Key-File-3: ssh-ed25519\n".to_vec(), Some(PUTTY)),
            (format!("{{\n  \"KeyMaterial\": \"{}\"}}", key.replace('\n', "\\n")).into_bytes(), Some(JSON)),
            ([vec![0xff, 0xfe], utf_16(false)].concat(), Some(UTF_16)),
            ([vec![0xfe, 0xff], utf_16(true)].concat(), Some(UTF_16)),
            (utf_16(false), Some(UTF_16)),
            (utf_16(true), Some(UTF_16)),
            (key.replace('\n', "\\n").into_bytes(), Some(ESCAPED)),
            (key.replace('\n', "\\r\\n").into_bytes(), Some(ESCAPED)),
            (key.replace('\n', " ").into_bytes(), Some(ONE_LINE)),
            (vec![0x30, 0x82, 4, 0xa2, 0x02, 0x01, 0x00, 0x02], Some(DER)),
            (vec![0x30, 0x82, 4, 0xa2, 0x30, 0x4e], Some(DER)),
            (vec![0x30, 0x82, 9, 0xa2, 0x02, 0x01, 0x03, 0x30], Some(PKCS12)),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n".to_vec(), Some(CERTIFICATE)),
            (b" \n\t".to_vec(), Some(EMPTY)),
            (key.as_bytes().to_vec(), None),
            (format!("\u{feff}{key}").into_bytes(), None),
            (b"not a key at all\n".to_vec(), None),
        ];
        for (content, expected) in table {
            assert_eq!(recognize(&content), expected, "{}", String::from_utf8_lossy(&content));
        }
    }
}
