//! AWS KMS: GenerateDataKey, and the encryption of sessions with such a key.

use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand;
use axum::body::Body;
use axum::http::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::fault::{error, respond};
use crate::lock;
use crate::state::State;

const NONCE: usize = 12;

/// A data key that was given out.
#[derive(Clone, Debug)]
struct DataKey {
    blob: String,
    plain: Vec<u8>,
    context: Value,
}

/// The data keys that were given out.
#[derive(Clone, Debug, Default)]
pub(crate) struct DataKeys(Arc<Mutex<Vec<DataKey>>>);

/// A key of KMS that encrypts an agent's sessions.
#[derive(Clone, Debug)]
pub struct Kms {
    /// The ARN of the key.
    pub key_id: String,
    /// The random challenge that the encryption context must have, with agents that require one.
    pub challenge: Option<String>,
    /// The text by which the agent sees that both sides have the key.
    pub(crate) text: Vec<u8>,
    keys: DataKeys,
}

impl Kms {
    pub(crate) fn new(keys: DataKeys) -> Self {
        let key_id = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab".to_owned();
        Self { key_id, challenge: None, text: b"a text of the agent's".to_vec(), keys }
    }

    /// Asks for a challenge in the encryption context.
    #[must_use]
    pub fn with_challenge(self) -> Self {
        Self { challenge: Some("c2VjcmV0IGNoYWxsZW5nZQ==".to_owned()), ..self }
    }

    /// Returns the cipher of the data key that the client names in its answer.
    pub(crate) fn cipher(&self, result: &Value, session_id: &str) -> Result<Cipher, String> {
        let blob = result["KMSCipherTextKey"].as_str().unwrap_or_default();
        let keys = lock(&self.keys.0);
        let key = keys.iter().find(|key| key.blob == blob).ok_or_else(|| format!("no such data key: {result}"))?;
        let context = &key.context;
        let mut expected = vec![("aws:ssm:SessionId", session_id.to_owned())];
        if let Some(challenge) = &self.challenge {
            if result["ChallengeAcknowledgement"] != true {
                return Err("the challenge was not acknowledged".to_owned());
            }
            expected.push(("aws:ssm:RandomChallenge", challenge.clone()));
        }
        let has_target =
            context["aws:ssm:TargetId"].as_str().is_some_and(|id| id.starts_with("i-") || id.starts_with("mi-"));
        let fits = expected.iter().all(|(name, value)| context[*name] == value.as_str());
        let count = context.as_object().map_or(0, serde_json::Map::len);
        if !fits || !has_target || count != expected.len() + 1 {
            return Err(format!("the encryption context: {context}"));
        }
        Ok(Cipher { encrypts: key.plain[..32].to_vec(), decrypts: key.plain[32..].to_vec() })
    }
}

/// The agent's end of an encrypted session.
#[derive(Clone)]
pub(crate) struct Cipher {
    encrypts: Vec<u8>,
    decrypts: Vec<u8>,
}

fn key(bytes: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes are a key"))
}

impl Cipher {
    /// Encrypts for the client; the nonce comes first.
    pub(crate) fn encrypt(&self, bytes: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        rand::fill(&mut nonce).expect("there are random numbers");
        let mut sealed = bytes.to_vec();
        let sealing = key(&self.encrypts).seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut sealed,
        );
        sealing.expect("it can be encrypted");
        [&nonce[..], &sealed].concat()
    }

    /// Decrypts what the client has encrypted.
    pub(crate) fn decrypt(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
        let (nonce, mut sealed) = (Nonce::try_assume_unique_for_key(nonce).ok()?, sealed.to_vec());
        key(&self.decrypts).open_in_place(nonce, Aad::empty(), &mut sealed).ok().map(|plain| plain.to_vec())
    }
}

/// Answers GenerateDataKey, and remembers the key.
pub(crate) fn generate_data_key(state: &State, body: &str) -> Response<Body> {
    let request: Value = serde_json::from_str(body).unwrap_or_default();
    if request["NumberOfBytes"] != 64 || request["KeyId"].as_str().is_none_or(str::is_empty) {
        return error(400, "ValidationException", "a data key of 64 bytes is expected", true);
    }
    let mut plain = vec![0; 64];
    rand::fill(&mut plain).expect("there are random numbers");
    let blob = STANDARD.encode(uuid::Uuid::new_v4().as_bytes());
    let answer = json!({ "KeyId": request["KeyId"], "Plaintext": STANDARD.encode(&plain), "CiphertextBlob": blob });
    lock(&state.data_keys.0).push(DataKey { blob, plain, context: request["EncryptionContext"].clone() });
    respond(200, "application/x-amz-json-1.1", answer.to_string())
}
