//! GetPasswordData: the first password of a Windows instance, encrypted for its key pair
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetPasswordData.html>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::call::Call;
use super::clients::Aws;
use super::error::Error;

impl Aws {
    /// Returns the encrypted password; `None` if there is none, yet or ever.
    ///
    /// # Errors
    /// Any error of the API call, and a response that is not base64.
    pub(crate) async fn password_data(&self, instance_id: &str) -> Result<Option<Vec<u8>>, Error> {
        let call = Call::GetPasswordData;
        let answer = self.ec2.get_password_data().instance_id(instance_id).send().await;
        let answer = answer.map_err(|error| self.classify(call, instance_id, error))?;
        // The service has sent line breaks around and within it.
        let encoded: String = answer.password_data().unwrap_or_default().split_whitespace().collect();
        if encoded.is_empty() {
            return Ok(None);
        }
        let sealed = STANDARD.decode(encoded);
        sealed.map(Some).map_err(|error| Error::InvalidResponse { call, detail: error.to_string() })
    }
}
