//! The encryption of a session: AES-256-GCM with the two halves of a data key, the nonce in front
//! (session-manager-plugin, `src/encryption/encrypter.go`).

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, RandomizedNonceKey};
use zeroize::Zeroizing;

use super::error::Error;

/// The length of a data key in bytes: one AES-256 key for each direction.
pub(crate) const DATA_KEY_LENGTH: usize = 64;

/// A data key, as AWS KMS gives it out.
#[derive(Debug)]
pub(crate) struct DataKey {
    /// The key in the clear.
    pub plain: Zeroizing<Vec<u8>>,
    /// The key as KMS has encrypted it, for the agent.
    pub blob: Vec<u8>,
}

/// The client's end of an encrypted session.
pub(crate) struct Cipher {
    from_agent: RandomizedNonceKey,
    to_agent: RandomizedNonceKey,
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher")
    }
}

impl Cipher {
    /// Makes the cipher of a data key.
    ///
    /// # Errors
    /// The key does not have 64 bytes.
    pub(crate) fn new(key: &[u8]) -> Result<Self, Error> {
        let wrong = || Error::Encryption("the data key has a wrong length".to_owned());
        if key.len() != DATA_KEY_LENGTH {
            return Err(wrong());
        }
        let (from_agent, to_agent) = key.split_at(DATA_KEY_LENGTH / 2);
        let half = |bytes| RandomizedNonceKey::new(&AES_256_GCM, bytes).map_err(|_| wrong());
        Ok(Self { from_agent: half(from_agent)?, to_agent: half(to_agent)? })
    }

    /// Encrypts bytes for the agent.
    ///
    /// # Errors
    /// The library refuses.
    pub(crate) fn encrypt(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let mut sealed = bytes.to_vec();
        let nonce = self.to_agent.seal_in_place_append_tag(Aad::empty(), &mut sealed);
        let nonce = nonce.map_err(|_| Error::Encryption("a message cannot be encrypted".to_owned()))?;
        Ok([&nonce.as_ref()[..], &sealed].concat())
    }

    /// Decrypts bytes of the agent.
    ///
    /// # Errors
    /// They are too short, or were not encrypted with this key.
    pub(crate) fn decrypt(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let wrong = || Error::Encryption("a message of the agent cannot be decrypted".to_owned());
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or_else(wrong)?;
        let mut sealed = sealed.to_vec();
        let plain = self.from_agent.open_in_place(nonce.into(), Aad::empty(), &mut sealed).map_err(|_| wrong())?;
        Ok(plain.to_vec())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns the ends of the client and of the agent, for one data key.
    pub(crate) fn pair() -> (Cipher, Cipher) {
        let key: Vec<u8> = (0..64).collect();
        let swapped = [&key[32..], &key[..32]].concat();
        (Cipher::new(&key).unwrap(), Cipher::new(&swapped).unwrap())
    }

    #[test]
    fn each_direction_has_its_half() {
        let (client, agent) = pair();
        let sealed = client.encrypt(b"ls\r").unwrap();
        assert_eq!(sealed.len(), 12 + 3 + 16);
        assert_eq!(agent.decrypt(&sealed).unwrap(), b"ls\r");
        assert!(client.decrypt(&sealed).is_err(), "our own messages are not the agent's");
        assert_ne!(client.encrypt(b"ls\r").unwrap(), sealed, "each message has a nonce of its own");
    }

    /// AES-256-GCM with the key 00 01 … 1f, the nonce of zeros and the text `hello`, computed by Python's cryptography.
    #[test]
    fn message_of_another_implementation_is_read() {
        let (client, _) = pair();
        let sealed = "00000000000000000000000066d9d9b2da0e0c4679f3a82524f5e0499271e16f30";
        let bytes: Vec<u8> =
            (0..sealed.len() / 2).map(|at| u8::from_str_radix(&sealed[2 * at..2 * at + 2], 16).unwrap()).collect();
        assert_eq!(client.decrypt(&bytes).unwrap(), b"hello");
    }

    #[test]
    fn damaged_messages_and_keys_are_refused() {
        let (client, agent) = pair();
        let sealed = agent.encrypt(b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(client.decrypt(&damaged).is_err(), "byte {at}");
        }
        for length in 0..28 {
            assert!(client.decrypt(&sealed[..length]).is_err());
        }
        for length in [0, 32, 63, 65] {
            assert!(Cipher::new(&vec![0; length]).is_err());
        }
    }
}
