//! Decrypts with a key of a key file, by RSA: for a password that was encrypted with its public half.

use aws_lc_rs::rsa::{Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use russh::keys::ssh_key::private::KeypairData;
use zeroize::Zeroizing;

use super::keys::Key;

/// Why something cannot be decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecryptError {
    /// Only RSA keys decrypt.
    #[error("it is not an RSA key")]
    NotRsa,
    /// The library takes RSA keys of 2,048 to 8,192 bits.
    #[error("it is an RSA key of fewer than 2,048 bits, or of more than 8,192")]
    Size,
    /// The text was encrypted for another key.
    #[error("it is not the key of the key pair")]
    OtherKey,
}

impl Key {
    /// Decrypts RSA PKCS#1 v1.5 (RFC 8017, section 7.2).
    ///
    /// # Errors
    /// The key is not the one, or not of the kind.
    pub(crate) fn decrypt(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        if !matches!(self.private().key_data(), KeypairData::Rsa(_)) {
            return Err(DecryptError::NotRsa);
        }
        let der = russh::keys::pkcs8::encode_pkcs8(self.private()).map(Zeroizing::new);
        let der = der.map_err(|_| DecryptError::Size)?;
        let key = PrivateDecryptingKey::from_pkcs8(&der).map_err(|_| DecryptError::Size)?;
        let key = Pkcs1PrivateDecryptingKey::new(key).map_err(|_| DecryptError::Size)?;
        let mut plain = Zeroizing::new(vec![0; key.min_output_size()]);
        let length = key.decrypt(sealed, &mut plain).map_err(|_| DecryptError::OtherKey)?.len();
        plain.truncate(length);
        Ok(plain)
    }
}
