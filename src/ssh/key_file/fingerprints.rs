//! The fingerprints of a key in all the forms in which key pairs are listed: of the public key by MD5 (an RSA key that was imported), of
//! the private key by SHA-1 (an RSA key that was made by the service), and of the public key as OpenSSH has it (ed25519).

use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef, UintRef};
use pkcs8::der::{Encode, SecretDocument, Tag};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfo};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{HashAlg, PrivateKey};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

/// The algorithm of RSA keys (RFC 8017, appendix A.1).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Returns the fingerprints of the key, whose file has this text.
pub(super) fn of(text: &str, key: &PrivateKey) -> Vec<String> {
    let public = key.public_key();
    let by_openssh = public.fingerprint(HashAlg::Sha256).to_string();
    let by_md5 = match public.key_data() {
        KeyData::Rsa(rsa) => spki(rsa.n().as_bytes(), rsa.e().as_bytes()).map(|der| colons(&md5::compute(der).0)),
        _ => None,
    };
    let by_sha1 = private_der(text).map(|der| colons(&Sha1::digest(&der[..])));
    [Some(by_openssh), by_md5, by_sha1].into_iter().flatten().collect()
}

fn colons(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

const ALGORITHM: AlgorithmIdentifierRef<'static> = AlgorithmIdentifierRef { oid: RSA, parameters: Some(AnyRef::NULL) };

/// Returns the SubjectPublicKeyInfo of an RSA key (RFC 5280, section 4.1; RFC 8017, appendix A.1.1).
fn spki(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let numbers = [modulus, exponent].map(|number| UintRef::new(number).and_then(|number| number.to_der()));
    let [modulus, exponent] = numbers;
    let numbers = [modulus.ok()?, exponent.ok()?].concat();
    let key = AnyRef::new(Tag::Sequence, &numbers).and_then(|key| key.to_der()).ok()?;
    let subject_public_key = BitStringRef::from_bytes(&key).ok()?;
    SubjectPublicKeyInfo { algorithm: ALGORITHM, subject_public_key }.to_der().ok()
}

/// Breaks the lines of a PEM file anew: the parser takes 64 columns only, and some programs write 76.
fn in_lines_of_64(text: &str) -> Zeroizing<String> {
    let mut broken = Zeroizing::new(String::with_capacity(text.len() * 2));
    let mut column = 0;
    for line in text.lines().map(str::trim) {
        if line.starts_with("-----") {
            broken.push_str(if column > 0 { "\n" } else { "" });
            broken.push_str(line);
            broken.push('\n');
            column = 0;
            continue;
        }
        for letter in line.chars() {
            broken.push(letter);
            column += 1;
            if column == 64 {
                broken.push('\n');
                column = 0;
            }
        }
    }
    broken
}

/// Returns the private key as PKCS#8 (RFC 5208, section 5), where the file has an RSA key in PKCS#1 or PKCS#8.
fn private_der(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text = in_lines_of_64(text);
    let (label, der) = SecretDocument::from_pem(&text).ok()?;
    match label {
        "PRIVATE KEY" => Some(Zeroizing::new(der.as_bytes().to_vec())),
        "RSA PRIVATE KEY" => {
            let info = PrivateKeyInfoRef::new(ALGORITHM, OctetStringRef::new(der.as_bytes()).ok()?);
            Some(Zeroizing::new(info.to_der().ok()?))
        }
        _ => None,
    }
}
