//! SendSSHPublicKey: pushes a public key to an instance for 60 seconds
//! (<https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSSHPublicKey.html>).

use std::time::Duration;

use super::call::Call;
use super::clients::Aws;
use super::error::Error;

/// The time for which a pushed key is available to the instance's sshd.
pub(crate) const KEY_LIFETIME: Duration = Duration::from_secs(60);

impl Aws {
    /// Pushes `public_key` (`algo base64`, no comment) for `user` on the instance.
    ///
    /// # Errors
    /// Any error of the API call. Success does not mean that the instance can use the key.
    pub(crate) async fn push_key(&self, instance_id: &str, user: &str, public_key: &str) -> Result<(), Error> {
        let request = self
            .instance_connect
            .send_ssh_public_key()
            .instance_id(instance_id)
            .instance_os_user(user)
            .ssh_public_key(public_key);
        let answer = request.send().await;
        let answer = answer.map_err(|error| self.classify(Call::SendSshPublicKey, instance_id, error))?;
        succeeded(Call::SendSshPublicKey, answer.success())
    }

    /// Pushes `public_key` for the serial console of the instance
    /// (<https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSerialConsoleSSHPublicKey.html>).
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn push_serial_key(&self, instance_id: &str, public_key: &str) -> Result<(), Error> {
        let call = Call::SendSerialConsoleSshPublicKey;
        let request = self
            .instance_connect
            .send_serial_console_ssh_public_key()
            .instance_id(instance_id)
            .serial_port(0)
            .ssh_public_key(public_key);
        let answer = request.send().await.map_err(|error| self.classify(call, instance_id, error))?;
        succeeded(call, answer.success())
    }
}

fn succeeded(call: Call, success: bool) -> Result<(), Error> {
    let detail = "the response reports neither success nor an error".to_owned();
    if success { Ok(()) } else { Err(Error::InvalidResponse { call, detail }) }
}
