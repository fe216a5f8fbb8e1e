//! [`Provider`]: tries the sources of credentials in the AWS CLI's order. The files are read at each load: they may have been
//! renewed by another program.

use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_types::SdkConfig;
use tokio::time::timeout;

use super::chain::{Source, login_of, source_of};
use super::interaction::Interaction;
use super::{process, role};
use crate::aws::environment::{non_empty_variable, sdk_files, shared_config};
use crate::aws::error::{Error, causes};
use crate::aws::model::LoginMethod;
use crate::aws::shared_config::SharedConfig;

/// The time limit of one of the SDK's providers: a login at a far service with retries takes a few seconds.
const SDK_TIMEOUT: Duration = Duration::from_secs(30);

/// Loads the credentials of one profile.
#[derive(Debug)]
pub(crate) struct Provider {
    /// The profile that was named, by an option or the environment.
    pub profile: Option<String>,
    /// Whether an option named it: then the environment's keys are not used.
    pub named: bool,
    /// The HTTP client and the region, for the SDK's own providers.
    pub sdk: ProviderConfig,
    /// The client of the instance metadata service.
    pub imds: imds::Client,
    /// The configuration of the calls to STS.
    pub shared: SdkConfig,
    /// How the user is asked.
    pub interaction: Interaction,
}

impl Provider {
    /// Loads the credentials. Only with `may_ask` is the user asked for anything.
    ///
    /// # Errors
    /// No source has usable credentials.
    pub(super) async fn load(&self, may_ask: bool) -> Result<Credentials, Error> {
        let files = shared_config();
        let source = source_of(&files, self.profile.as_deref().unwrap_or("default"))?;
        let interaction = if may_ask { self.interaction.clone() } else { Interaction::silent() };
        Loading { provider: self, files: &files, interaction }.first(source.as_ref()).await
    }
}

/// A single load, with the files' current content.
struct Loading<'a> {
    provider: &'a Provider,
    files: &'a SharedConfig,
    interaction: Interaction,
}

impl Loading<'_> {
    /// Returns the credentials of the first source that there is.
    async fn first(&self, of_profile: Option<&Source>) -> Result<Credentials, Error> {
        let Provider { named, .. } = self.provider;
        if !named && let Some(keys) = environment_keys().map_err(|missing| self.error(missing))? {
            return Ok(keys);
        }
        // Only a role of the profile goes before the web identity of the environment, which pods on EKS have.
        let goes_first = matches!(of_profile, Some(Source::Role(_)));
        if let Some(file) = non_empty_variable("AWS_WEB_IDENTITY_TOKEN_FILE").filter(|_| !named && !goes_first) {
            let provider = WebIdentityTokenCredentialsProvider::builder().configure(&self.provider.sdk).build();
            let explain = |detail: String| self.error(&format!("AWS_WEB_IDENTITY_TOKEN_FILE={file}: {detail}"));
            return provide(provider).await.map_err(explain);
        }
        if let Some(source) = of_profile {
            return Box::pin(self.from(source)).await.map_err(|error| self.with_login(source, error));
        }
        if is_in_container() {
            return Box::pin(self.from(&Source::Container)).await;
        }
        match Box::pin(self.from(&Source::InstanceMetadata)).await {
            Err(Error::Credentials { .. }) => Err(self.not_found()),
            other => other,
        }
    }

    async fn from(&self, source: &Source) -> Result<Credentials, Error> {
        let sdk = &self.provider.sdk;
        match source {
            Source::Keys(keys) => Ok(keys.clone()),
            Source::Process { profile, command } => process::run(profile, command, &self.interaction)
                .await
                .map_err(|source| Error::CredentialProcess { profile: profile.clone(), source }),
            Source::Sdk { profile, .. } => {
                let provider = ProfileFileCredentialsProvider::builder().configure(sdk);
                let provider = provider.profile_files(sdk_files(self.files, profile)).profile_name("default");
                self.by_sdk(provider.build()).await
            }
            Source::Role(role) => {
                let (cached, path) = role::cached(role);
                if let Some(cached) = cached {
                    return Ok(cached);
                }
                let source = Box::pin(self.from(&role.source)).await?;
                role::assume(role, source, &self.provider.shared, &self.interaction, path).await
            }
            Source::Environment => match environment_keys() {
                Ok(Some(keys)) => Ok(keys),
                Ok(None) => Err(self.error("AWS_ACCESS_KEY_ID is not set")),
                Err(missing) => Err(self.error(missing)),
            },
            Source::Container => self.by_sdk(EcsCredentialsProvider::builder().configure(sdk).build()).await,
            Source::InstanceMetadata => {
                let provider = ImdsCredentialsProvider::builder().configure(sdk);
                self.by_sdk(provider.imds_client(self.provider.imds.clone()).build()).await
            }
        }
    }

    async fn by_sdk(&self, provider: impl ProvideCredentials) -> Result<Credentials, Error> {
        provide(provider).await.map_err(|detail| self.error(&detail))
    }

    /// Nothing has credentials. A file that cannot be read may have them.
    fn not_found(&self) -> Error {
        match self.files.unreadable() {
            Some(unreadable) => Error::unreadable(unreadable.clone()),
            None => {
                self.error("none in the environment, the shared config files, or a role of this container or instance")
            }
        }
    }

    fn error(&self, detail: &str) -> Error {
        let profile = self.provider.profile.clone();
        Error::Credentials { profile, login: LoginMethod::Other, detail: detail.to_owned() }
    }

    /// Names the profile whose login has to be renewed: for a role, the one that it is assumed with.
    fn with_login(&self, source: &Source, error: Error) -> Error {
        match (error, login_of(source)) {
            (Error::Credentials { detail, .. }, Some((login, profile))) => {
                let is_unnamed = profile == "default" && self.provider.profile.is_none();
                Error::Credentials { profile: (!is_unnamed).then(|| profile.to_owned()), login, detail }
            }
            (error, _) => error,
        }
    }
}

/// Returns the credentials of an SDK's provider; an error is its causes in one line. Some providers wait for the end of a body
/// without a time limit.
async fn provide(provider: impl ProvideCredentials) -> Result<Credentials, String> {
    match timeout(SDK_TIMEOUT, provider.provide_credentials()).await {
        Ok(answer) => answer.map_err(|error| causes(&error)),
        Err(_) => Err(format!("the credentials did not come within {} s", SDK_TIMEOUT.as_secs())),
    }
}

/// Whether this process has the role of a container, by the variables that the container's agent sets.
fn is_in_container() -> bool {
    ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        .iter()
        .any(|name| non_empty_variable(name).is_some())
}

/// Returns the access key in the environment, if there is one; an error says what is missing of it.
fn environment_keys() -> Result<Option<Credentials>, &'static str> {
    let Some(id) = non_empty_variable("AWS_ACCESS_KEY_ID") else { return Ok(None) };
    let secret = non_empty_variable("AWS_SECRET_ACCESS_KEY");
    let secret = secret.ok_or("AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not")?;
    let token = non_empty_variable("AWS_SESSION_TOKEN").or_else(|| non_empty_variable("AWS_SECURITY_TOKEN"));
    Ok(Some(Credentials::new(id, secret, token, None, "Environment")))
}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::future;

    use super::*;

    /// A provider whose response never ends.
    #[derive(Debug)]
    struct Endless;

    impl ProvideCredentials for Endless {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn provider_without_end_is_given_up() {
        let error = provide(Endless).await.unwrap_err();
        assert_eq!(error, "the credentials did not come within 30 s");
    }
}
