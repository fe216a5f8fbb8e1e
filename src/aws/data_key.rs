//! GenerateDataKey: the key of an encrypted session
//! (<https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html>).

use zeroize::Zeroizing;

use super::call::Call;
use super::clients::Aws;
use super::error::Error;

/// The length of a session's data key in bytes.
const KEY_BYTES: i32 = 64;

/// The session that a data key is for: KMS gives the key to the agent for exactly this context.
#[derive(Debug)]
pub(crate) struct DataKeyContext<'a> {
    /// The id of the session.
    pub session_id: &'a str,
    /// The target of the session, as StartSession had it.
    pub target: &'a str,
    /// The agent's random text, where it sent one.
    pub challenge: Option<String>,
}

/// A data key in both forms.
#[derive(Debug)]
pub(crate) struct DataKey {
    /// The key in the clear.
    pub plain: Zeroizing<Vec<u8>>,
    /// The key as KMS has encrypted it.
    pub blob: Vec<u8>,
}

impl Aws {
    /// Returns a new data key.
    ///
    /// # Errors
    /// Any error of the API call, and a response without a key.
    pub(crate) async fn data_key(&self, key_id: &str, context: DataKeyContext<'_>) -> Result<DataKey, Error> {
        let call = Call::GenerateDataKey;
        let request = self
            .kms
            .generate_data_key()
            .key_id(key_id)
            .number_of_bytes(KEY_BYTES)
            .encryption_context("aws:ssm:SessionId", context.session_id)
            .encryption_context("aws:ssm:TargetId", context.target);
        let request = match context.challenge {
            Some(challenge) => request.encryption_context("aws:ssm:RandomChallenge", challenge),
            None => request,
        };
        let answer = request.send().await.map_err(|error| self.classify(call, key_id, error))?;
        match (answer.plaintext, answer.ciphertext_blob) {
            (Some(plain), Some(blob)) => {
                Ok(DataKey { plain: Zeroizing::new(plain.into_inner()), blob: blob.into_inner() })
            }
            _ => Err(Error::InvalidResponse { call, detail: "the key is missing".to_owned() }),
        }
    }
}
