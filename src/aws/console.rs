//! GetConsoleOutput: reads what an instance wrote to its console
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::call::Call;
use super::clients::Aws;
use super::error::Error;
use super::model::Console;

impl Aws {
    /// Returns the instance's console output.
    ///
    /// `latest` requests the current output instead of the output posted after boot; only Nitro instances support it.
    ///
    /// # Errors
    /// Any error of the API call, and [`Error::InvalidResponse`] if the output is not valid base64.
    pub(crate) async fn console(&self, instance_id: &str, latest: bool) -> Result<Console, Error> {
        let call = Call::GetConsoleOutput;
        let request = self.ec2.get_console_output().instance_id(instance_id).set_latest(latest.then_some(true));
        let answer = request.send().await.map_err(|error| self.classify(call, instance_id, error))?;
        let encoded: String = answer.output().unwrap_or_default().split_whitespace().collect();
        let bytes = STANDARD.decode(encoded);
        let bytes = bytes.map_err(|error| Error::InvalidResponse { call, detail: error.to_string() })?;
        Ok(Console { bytes, at: answer.timestamp().map(aws_sdk_ec2::primitives::DateTime::secs) })
    }
}
