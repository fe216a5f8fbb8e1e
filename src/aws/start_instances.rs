//! StartInstances. The caller waits for the result by looking the instance up again.

use super::call::Call;
use super::clients::Aws;
use super::error::Error;

impl Aws {
    /// Requests the start of the instance, which is `pending` when this returns.
    ///
    /// # Errors
    /// Any error of the API call; `IncorrectInstanceState` while the instance is still stopping.
    pub(crate) async fn start(&self, instance_id: &str) -> Result<(), Error> {
        let answer = self.ec2.start_instances().instance_ids(instance_id).send().await;
        answer.map_err(|error| self.classify(Call::StartInstances, instance_id, error))?;
        Ok(())
    }
}
