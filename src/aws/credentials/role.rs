//! AssumeRole: from the cache that is shared with the AWS CLI, else by a call, with a code of the MFA device where the profile
//! names one.

use std::path::PathBuf;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use tokio::sync::oneshot;

use super::chain::Role;
use super::interaction::{CredentialEvent, Interaction};
use super::role_cache;
use crate::aws::call::Call;
use crate::aws::error::{Error, classify};
use crate::secret::Secret;
use crate::when;

/// Returns the role's cached credentials and the path where they are cached.
pub(super) fn cached(role: &Role) -> (Option<Credentials>, Option<PathBuf>) {
    let path = dirs::home_dir().map(|home| role_cache::path(&home, role));
    (path.as_deref().and_then(|path| role_cache::get(path, when::system_time())), path)
}

/// Assumes the role with the source's credentials.
///
/// # Errors
/// The error of the call, or nobody could be asked for the code.
pub(super) async fn assume(
    role: &Role,
    source: Credentials,
    shared: &SdkConfig,
    interaction: &Interaction,
    cache: Option<PathBuf>,
) -> Result<Credentials, Error> {
    let code = match &role.mfa_serial {
        Some(serial) => Some(mfa_code(role, serial, interaction).await?),
        None => None,
    };
    let config = shared.to_builder().credentials_provider(SharedCredentialsProvider::new(source)).build();
    let session_name = role.session_name.clone().unwrap_or_else(|| format!("ec2ssh-{}", when::now()));
    let response = aws_sdk_sts::Client::new(&config)
        .assume_role()
        .role_arn(&role.arn)
        .role_session_name(session_name)
        .set_external_id(role.external_id.clone())
        .set_duration_seconds(role.duration_seconds)
        .set_serial_number(role.mfa_serial.clone())
        .set_token_code(code.map(|code| code.expose().trim().to_owned()))
        .send()
        .await
        .map_err(|error| classify(Call::AssumeRole, &role.arn, error))?;
    let invalid = || Error::InvalidResponse { call: Call::AssumeRole, detail: "it has no credentials".to_owned() };
    let keys = response.credentials().ok_or_else(invalid)?;
    let expiry = (*keys.expiration()).try_into().map_err(|_| invalid())?;
    let (id, secret, token) = (keys.access_key_id(), keys.secret_access_key(), keys.session_token());
    let credentials = Credentials::new(id, secret, Some(token.to_owned()), Some(expiry), "AssumeRole");
    if let Some(path) = cache {
        let account = response.assumed_role_user().and_then(|user| user.arn().split(':').nth(4)).map(str::to_owned);
        // The next run asks again; that is all that is lost.
        if let Err(error) = role_cache::put(&path, &credentials, account) {
            tracing::debug!(%error, "cannot cache the role's credentials");
        }
    }
    Ok(credentials)
}

async fn mfa_code(role: &Role, serial: &str, interaction: &Interaction) -> Result<Secret<String>, Error> {
    let nobody = || Error::NoMfaCode { profile: role.profile.clone(), serial: serial.to_owned() };
    let (reply, answer) = oneshot::channel();
    (interaction.events)(CredentialEvent::MfaCode { serial: serial.to_owned(), reply });
    answer.await.map_err(|_| nobody())
}
