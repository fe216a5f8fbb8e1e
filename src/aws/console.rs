//! GetConsoleOutput: what an instance wrote to its console
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Aws, Call, Error};

impl Aws {
    /// The last 64 KB that the instance wrote, as bytes; empty where nothing has been posted yet. `latest` asks for the
    /// output as it is now instead of as it was posted after boot, which only instances on Nitro can give.
    ///
    /// # Errors
    /// As the service says.
    pub async fn console_output(&self, instance_id: &str, latest: bool) -> Result<Vec<u8>, Error> {
        let call = Call::GetConsoleOutput;
        let request = self.ec2.get_console_output().instance_id(instance_id).set_latest(latest.then_some(true));
        let answer = request.send().await.map_err(|error| self.sort(call, instance_id, error))?;
        let encoded: String = answer.output().unwrap_or_default().split_whitespace().collect();
        STANDARD.decode(encoded).map_err(|error| Error::BadAnswer { call, detail: error.to_string() })
    }
}
