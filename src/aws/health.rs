//! The status checks of an instance, its key pair, and the identity of the caller.

use aws_sdk_ec2::types;

use super::call::Call;
use super::clients::Aws;
use super::error::Error;
use super::model::health::{Identity, InstanceStatus, KeyPair};

impl Aws {
    /// Returns the status checks of an instance, `None` if AWS has none.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn instance_status(&self, id: &str) -> Result<Option<InstanceStatus>, Error> {
        let answer = self.ec2.describe_instance_status().instance_ids(id).include_all_instances(true).send().await;
        let answer = answer.map_err(|error| self.classify(Call::DescribeInstanceStatus, id, error))?;
        Ok(answer.instance_statuses().first().map(|from| InstanceStatus {
            system: summary(from.system_status()),
            instance: summary(from.instance_status()),
            ebs: status(from.attached_ebs_status().and_then(types::EbsStatusSummary::status)),
            events: from.events().iter().filter_map(|event| event.description().map(str::to_owned)).collect(),
        }))
    }

    /// Returns the key pair with this name, `None` if there is none.
    ///
    /// # Errors
    /// Any other error of the API call.
    pub(crate) async fn key_pair(&self, name: &str) -> Result<Option<KeyPair>, Error> {
        let answer = self.ec2.describe_key_pairs().key_names(name).send().await;
        let answer = match answer.map_err(|error| self.classify(Call::DescribeKeyPairs, name, error)) {
            Err(error) if error.code() == Some("InvalidKeyPair.NotFound") => return Ok(None),
            other => other?,
        };
        Ok(answer.key_pairs().first().map(|from| KeyPair {
            name: from.key_name().unwrap_or_default().to_owned(),
            fingerprint: from.key_fingerprint().unwrap_or_default().to_owned(),
            kind: from.key_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        }))
    }

    /// Returns who the credentials belong to. No policy can deny this call.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn identity(&self) -> Result<Identity, Error> {
        let answer = self.sts.get_caller_identity().send().await;
        let answer = answer.map_err(|error| self.classify(Call::GetCallerIdentity, "*", error))?;
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        Ok(Identity { account: text(answer.account()), arn: text(answer.arn()) })
    }
}

fn summary(from: Option<&types::InstanceStatusSummary>) -> String {
    status(from.and_then(types::InstanceStatusSummary::status))
}

fn status(from: Option<&types::SummaryStatus>) -> String {
    from.map(|status| status.as_str().to_owned()).unwrap_or_default()
}
