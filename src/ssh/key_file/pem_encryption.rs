//! PEM's own encryption (RFC 1421, section 4.6): the header `DEK-Info` with the cipher and its initialization vector. OpenSSL derives
//! the key by MD5 from the passphrase and the vector's first eight bytes. russh opens AES-128 for RSA keys only.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use base64::Engine as _;
use cbc::Decryptor;
use des::TdesEde3;
use zeroize::Zeroizing;

/// The encryption of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DekInfo<'a> {
    /// The cipher's name, for example `DES-EDE3-CBC`.
    pub cipher: &'a str,
    vector: &'a str,
}

/// The ciphers that can be opened, with the length of their keys in bytes.
const CIPHERS: &[(&str, usize)] =
    &[("AES-128-CBC", 16), ("AES-192-CBC", 24), ("AES-256-CBC", 32), ("DES-EDE3-CBC", 24)];

/// Returns the encryption that the text's header names.
pub(super) fn dek_info(text: &str) -> Option<DekInfo<'_>> {
    let (cipher, vector) = text.lines().find_map(|line| line.strip_prefix("DEK-Info:"))?.trim().split_once(',')?;
    Some(DekInfo { cipher, vector })
}

impl DekInfo<'_> {
    /// Whether this cipher can be opened.
    pub(super) fn is_supported(&self) -> bool {
        CIPHERS.iter().any(|(name, _)| *name == self.cipher)
    }

    /// Returns the text without its encryption; `None` if the passphrase is wrong.
    pub(super) fn decrypt(&self, text: &str, passphrase: &str) -> Option<Zeroizing<String>> {
        let (_, length) = CIPHERS.iter().find(|(name, _)| *name == self.cipher)?;
        let vector = unhex(self.vector)?;
        let key = derive_key(passphrase.as_bytes(), vector.get(..8)?, *length);
        let mut bytes = Zeroizing::new(base64::engine::general_purpose::STANDARD.decode(body(text)).ok()?);
        let plain = match self.cipher {
            "AES-128-CBC" => {
                Decryptor::<Aes128>::new_from_slices(&key, &vector).ok()?.decrypt_padded::<Pkcs7>(&mut bytes)
            }
            "AES-192-CBC" => {
                Decryptor::<Aes192>::new_from_slices(&key, &vector).ok()?.decrypt_padded::<Pkcs7>(&mut bytes)
            }
            "AES-256-CBC" => {
                Decryptor::<Aes256>::new_from_slices(&key, &vector).ok()?.decrypt_padded::<Pkcs7>(&mut bytes)
            }
            _ => Decryptor::<TdesEde3>::new_from_slices(&key, &vector).ok()?.decrypt_padded::<Pkcs7>(&mut bytes),
        };
        let (first, last) = (line_with(text, "-----BEGIN ")?, line_with(text, "-----END ")?);
        let encoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(plain.ok()?));
        Some(Zeroizing::new(format!("{first}\n{}\n{last}\n", *encoded)))
    }
}

/// Returns the base64 between the headers and the end.
fn body(text: &str) -> Zeroizing<String> {
    let lines = text.lines().skip_while(|line| !line.starts_with("DEK-Info:")).skip(1);
    Zeroizing::new(lines.take_while(|line| !line.starts_with("-----END ")).collect())
}

fn line_with<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.lines().find(|line| line.starts_with(start))
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one round.
fn derive_key(passphrase: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length + 16));
    let mut digest: Option<[u8; 16]> = None;
    while key.len() < length {
        let mut context = md5::Context::new();
        context.consume(digest.as_ref().map_or(&[][..], |digest| &digest[..]));
        context.consume(passphrase);
        context.consume(salt);
        let next = context.finalize().0;
        key.extend_from_slice(&next);
        digest = Some(next);
    }
    key.truncate(length);
    key
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    text.len().is_multiple_of(2).then(|| (0..text.len()).step_by(2).map(pair).collect())?
}
