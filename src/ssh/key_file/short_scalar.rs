//! ECDSA keys in OpenSSH's format whose private number is short. One in 256 begins with a zero byte, which ssh-keygen leaves out;
//! ssh-key 0.7.0-rc.11 refuses such a P-256 key.
//!
//! The file is written again in memory with the number in full length
//! (<https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key>).

use russh::keys::PrivateKey;
use russh::keys::ssh_key::encoding::{Decode, pem::PemLabel};
use russh::keys::ssh_key::{Cipher, Kdf};
use zeroize::Zeroizing;

const MAGIC: &[u8] = b"openssh-key-v1\0";
/// The padding's block size without a cipher.
const BLOCK_SIZE: usize = 8;

/// Reads such a key; `None` if it is another one, or if the passphrase is wrong.
pub(super) fn read(text: &str, passphrase: Option<&str>) -> Option<PrivateKey> {
    let der = Zeroizing::new(decode_pem(text)?);
    let (public, private) = open(&der, passphrase)?;
    PrivateKey::from_bytes(&rewrite(&public, &private)?).ok()
}

fn decode_pem(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let label = PrivateKey::PEM_LABEL;
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let body: Zeroizing<String> =
        Zeroizing::new(text.split(&begin).nth(1)?.split(&end).next()?.split_whitespace().collect());
    base64::engine::general_purpose::STANDARD.decode(body.as_bytes()).ok()
}

/// Returns the public and the decrypted private part.
fn open(container: &[u8], passphrase: Option<&str>) -> Option<(Vec<u8>, Zeroizing<Vec<u8>>)> {
    let mut rest = container.strip_prefix(MAGIC)?;
    let cipher = Cipher::decode(&mut rest).ok()?;
    let kdf = Kdf::decode(&mut rest).ok()?;
    let count = u32::decode(&mut rest).ok()?;
    let public = take(&mut rest)?.to_vec();
    let mut private = Zeroizing::new(take(&mut rest)?.to_vec());
    if cipher.is_some() {
        let (key, iv) = kdf.derive_key_and_iv(cipher, passphrase?).ok()?;
        let tag = if cipher.has_tag() { Some(rest.try_into().ok()?) } else { None };
        cipher.decrypt(&key, &iv, &mut private, tag).ok()?;
    }
    (count == 1).then_some((public, private))
}

/// Writes the key without encryption and with its number in full length.
fn rewrite(public: &[u8], private: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (check, mut rest) = private.split_at_checked(8)?;
    let (algorithm, curve, point) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
    let size: usize = match algorithm {
        b"ecdsa-sha2-nistp256" => 32,
        b"ecdsa-sha2-nistp384" => 48,
        b"ecdsa-sha2-nistp521" => 66,
        _ => return None,
    };
    let (scalar, comment) = (take(&mut rest)?, take(&mut rest)?);
    let zeros = size.checked_sub(scalar.len()).filter(|zeros| *zeros > 0)?;
    let whole = Zeroizing::new([vec![0; zeros], scalar.to_vec()].concat());
    let mut inner = Zeroizing::new(check.to_vec());
    for part in [algorithm, curve, point, &whole, comment] {
        put(&mut inner, part);
    }
    let padding = inner.len().next_multiple_of(BLOCK_SIZE) - inner.len();
    inner.extend((1..).take(padding));
    let mut out = Zeroizing::new(MAGIC.to_vec());
    for part in [&b"none"[..], b"none", b""] {
        put(&mut out, part);
    }
    out.extend(1_u32.to_be_bytes());
    put(&mut out, public);
    put(&mut out, &inner);
    Some(out)
}

/// Takes a string with its length before it (RFC 4251, section 5).
fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk::<4>()?;
    let (text, behind) = behind.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = behind;
    Some(text)
}

fn put(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(text);
}
