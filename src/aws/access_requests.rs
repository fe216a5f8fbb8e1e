//! Just-in-time node access: a request that others approve, and the credentials that it leads to
//! (<https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-just-in-time-node-access.html>).

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sdk_ssm::types::{self, Target};

use super::call::Call;
use super::clients::Aws;
use super::error::Error;

/// The state of a request for access.
#[derive(Debug)]
pub(crate) enum Access {
    /// Nobody has decided yet.
    Pending,
    /// Access is granted: clients with its credentials.
    Granted(Box<Aws>),
    /// There is no access, for example because the request was rejected or has expired; the service's word for it.
    Ended(String),
}

impl Aws {
    /// Asks for access to a node; returns the id of the request.
    ///
    /// # Errors
    /// Any error of the API call, and a response without an id.
    pub(crate) async fn request_access(&self, node_id: &str, reason: &str) -> Result<String, Error> {
        let call = Call::StartAccessRequest;
        let target = Target::builder().key("InstanceIds").values(node_id).build();
        let request = self.ssm.start_access_request().reason(reason).targets(target);
        let answer = request.send().await.map_err(|error| self.classify(call, node_id, error))?;
        let missing = || Error::InvalidResponse { call, detail: "the request id is missing".to_owned() };
        answer.access_request_id().map(str::to_owned).ok_or_else(missing)
    }

    /// Returns whether a request for access was granted.
    ///
    /// # Errors
    /// Any error of the API call, and a grant without credentials.
    pub(crate) async fn access(&self, request_id: &str) -> Result<Access, Error> {
        let call = Call::GetAccessToken;
        let answer = self.ssm.get_access_token().access_request_id(request_id).send().await;
        let answer = answer.map_err(|error| self.classify(call, request_id, error))?;
        match answer.access_request_status() {
            Some(types::AccessRequestStatus::Approved) => {
                let missing = || Error::InvalidResponse { call, detail: "the credentials are missing".to_owned() };
                let credentials = answer.credentials().ok_or_else(missing)?;
                let seconds = u64::try_from(credentials.expiration_time().secs()).unwrap_or_default();
                let credentials = Credentials::new(
                    credentials.access_key_id(),
                    credentials.secret_access_key(),
                    Some(credentials.session_token().to_owned()),
                    Some(UNIX_EPOCH + Duration::from_secs(seconds)),
                    "just-in-time node access",
                );
                Ok(Access::Granted(Box::new(self.with_credentials(credentials))))
            }
            Some(types::AccessRequestStatus::Pending) | None => Ok(Access::Pending),
            Some(other) => Ok(Access::Ended(other.as_str().to_owned())),
        }
    }
}
