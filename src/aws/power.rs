//! StartInstances. Waiting for what comes of it is up to the caller, who looks the instance up again.

use super::{Aws, Call, Error};

impl Aws {
    /// Asks for the instance to be started; it is `pending` when this returns.
    ///
    /// # Errors
    /// As the service says, `IncorrectInstanceState` while it is still stopping.
    pub async fn start(&self, instance_id: &str) -> Result<(), Error> {
        let answer = self.ec2.start_instances().instance_ids(instance_id).send().await;
        answer.map_err(|error| self.sort(Call::StartInstances, instance_id, error))?;
        Ok(())
    }
}
