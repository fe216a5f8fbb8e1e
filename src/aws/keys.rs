//! SendSSHPublicKey: gives a public key to an instance for 60 seconds
//! (<https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSSHPublicKey.html>).

use std::time::Duration;

use super::{Aws, Call, Error};

/// How long the instance offers a pushed key to its sshd.
pub const KEY_LIFETIME: Duration = Duration::from_secs(60);

impl Aws {
    /// Pushes `public_key` (`algo base64`, no comment) for `user` on the instance.
    ///
    /// # Errors
    /// As the service says. Success does not mean that the instance can use the key.
    pub async fn push_key(&self, instance_id: &str, user: &str, public_key: &str) -> Result<(), Error> {
        let request = self
            .instance_connect
            .send_ssh_public_key()
            .instance_id(instance_id)
            .instance_os_user(user)
            .ssh_public_key(public_key);
        let answer = request.send().await;
        let answer = answer.map_err(|error| self.sort(Call::SendSshPublicKey, instance_id, error))?;
        if answer.success() {
            return Ok(());
        }
        let detail = "it says neither that it took the key nor why not".to_owned();
        Err(Error::BadAnswer { call: Call::SendSshPublicKey, detail })
    }
}
