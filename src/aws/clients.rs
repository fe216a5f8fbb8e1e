//! Creates and configures the SDK clients, once per run: profile, region, credentials, timeouts.
//!
//! Everything that the AWS CLI honors is left to the SDK: `AWS_*` variables, shared config, SSO, `aws login` sessions,
//! `credential_process`, `AWS_ENDPOINT_URL` and its per-service forms, FIPS, retries. Only the HTTP client is replaced,
//! to support proxies and certificate authorities, and the timeout of the instance metadata service (IMDS) is shorter
//! than the SDK's, because off EC2 nothing answers there.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::{self, region::ImdsRegionProvider};
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_types::os_shim_internal::{Env, Fs};

use super::call::Call;
use super::credentials::CachedCredentials;
use super::endpoint_url::endpoint_override;
use super::error::{Error, causes, classify};
use super::http::Http;
use super::model::{Access, Account, LoginMethod};
use super::preconnect;
use super::sign::Signer;
use crate::account::cache_scope;
use crate::web::Connector;

/// The timeout of IMDS calls: the service is one hop away or absent.
const IMDS_TIMEOUT: Duration = Duration::from_millis(700);
/// The timeout of one attempt of a call. DescribeInstances in a large account takes 1 to 3 s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
/// The timeout of a call including its retries, after which the user should see an error.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The clients of one account and region.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) instance_connect: aws_sdk_ec2instanceconnect::Client,
    pub(super) ssm: aws_sdk_ssm::Client,
    /// Whether FIPS endpoints are enabled.
    pub(super) fips: bool,
    /// Whether dual-stack endpoints (IPv4 and IPv6) are enabled.
    pub(super) dual_stack: bool,
    /// Whether the EC2 endpoint URL is overridden.
    pub(super) ec2_overridden: bool,
    /// Whether the Systems Manager endpoint URL is overridden.
    pub(super) ssm_overridden: bool,
    /// Whether the Systems Manager endpoint override is an `http://` URL.
    pub(super) ssm_plaintext: bool,
    credentials: SharedCredentialsProvider,
    connector: Connector,
    account: Account,
    login: LoginMethod,
}

impl Aws {
    /// Reads the environment and the shared config, and loads the credentials.
    ///
    /// # Errors
    /// [`Error::NoRegion`], [`Error::BadRegion`], [`Error::NoProfile`] or [`Error::Credentials`].
    pub(super) async fn load(access: &Access, will_push: bool) -> Result<Self, Error> {
        let profile = access.profile.clone().or_else(|| non_empty_variable("AWS_PROFILE"));
        let ProfileSettings { login, ca_bundle } = read_profile(profile.as_deref()).await?;
        let connector = Connector::new(non_empty_variable("AWS_CA_BUNDLE").or(ca_bundle).map(PathBuf::from));
        let http = Http::new(connector.clone());
        let provided = ProviderConfig::empty().with_http_client(http.clone());
        let imds = imds::Client::builder()
            .configure(&provided)
            .max_attempts(1)
            .connect_timeout(IMDS_TIMEOUT)
            .read_timeout(IMDS_TIMEOUT)
            .operation_attempt_timeout(IMDS_TIMEOUT)
            .operation_timeout(IMDS_TIMEOUT)
            .build();
        let region = region(access, imds.clone()).await?;
        let credentials = DefaultCredentialsChain::builder().configure(provided);
        let mut credentials = credentials.imds_client(imds).region(region.clone());
        let mut loader = loader(&http, region.clone())
            .no_credentials()
            .app_name(AppName::new("ec2ssh").expect("the name has only letters and digits"));
        if let Some(name) = &access.profile {
            credentials = credentials.profile_name(name);
            loader = loader.profile_name(name);
        }
        let shared = loader.load().await;
        preconnect::connect(&http, &shared, will_push);
        let credentials = CachedCredentials::load(credentials.build().await).await;
        let credentials = credentials.map_err(|error| Error::Credentials {
            profile: profile.clone(),
            login,
            detail: causes(&error),
        })?;
        let scope = cache_scope(&credentials.access_key_id());
        let credentials = SharedCredentialsProvider::new(credentials);
        let shared = shared.into_builder().credentials_provider(credentials.clone()).build();
        let account = Account { region: region.to_string(), profile, scope };
        let ssm_endpoint = endpoint_override(&shared, "SSM");
        Ok(Self {
            ec2: aws_sdk_ec2::Client::new(&shared),
            instance_connect: aws_sdk_ec2instanceconnect::Client::new(&shared),
            ssm: aws_sdk_ssm::Client::new(&shared),
            fips: shared.use_fips().unwrap_or_default(),
            dual_stack: shared.use_dual_stack().unwrap_or_default(),
            ec2_overridden: endpoint_override(&shared, "EC2").is_some(),
            ssm_overridden: ssm_endpoint.is_some(),
            ssm_plaintext: ssm_endpoint.is_some_and(|url| url.starts_with("http://")),
            credentials,
            connector,
            account,
            login,
        })
    }

    /// Returns a copy whose Session Manager calls use a connection pool of their own, because pooled connections belong
    /// to the runtime that created them.
    pub(crate) fn with_fresh_pool(&self) -> Self {
        let http = Http::new(self.connector.clone());
        let ssm = aws_sdk_ssm::Client::from_conf(self.ssm.config().to_builder().http_client(http).build());
        Self { ssm, ..self.clone() }
    }

    /// Returns the region and profile that calls use.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// Returns the connector that the API calls use, so that websockets can use it too.
    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Returns a signer with the current credentials, for websocket URLs.
    pub(super) async fn signer(&self, call: Call) -> Result<Signer, Error> {
        tracing::debug!(call = call.name(), "signing a WebSocket URL");
        match self.credentials.provide_credentials().await {
            Ok(credentials) => Ok(Signer::new(credentials, &self.account.region)),
            Err(error) => Err(Error::Credentials {
                profile: self.account.profile.clone(),
                login: self.login,
                detail: causes(&error),
            }),
        }
    }

    /// Classifies the SDK error of a failed call and adds the profile to credentials errors. `resource` is for the
    /// message.
    pub(super) fn classify<E>(&self, call: Call, resource: &str, error: SdkError<E, HttpResponse>) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        match classify(call, resource, error) {
            Error::Credentials { detail, .. } => {
                Error::Credentials { profile: self.account.profile.clone(), login: self.login, detail }
            }
            other => other,
        }
    }
}

/// Returns the loader of the configuration that all clients share, with the HTTP client and the timeouts.
fn loader(http: &Http, region: Region) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest()).region(region).timeout_config(timeouts).http_client(http.clone())
}

/// The settings of a profile that ec2ssh itself needs.
#[derive(Default)]
struct ProfileSettings {
    login: LoginMethod,
    /// The AWS CLI's `ca_bundle` setting for a private certificate authority.
    ca_bundle: Option<String>,
}

/// Reads the profile's settings and checks that it exists: without the check the SDK would continue with whatever
/// credentials it finds elsewhere. Unreadable files are left for the SDK to report.
async fn read_profile(profile: Option<&str>) -> Result<ProfileSettings, Error> {
    let (fs, env, files) = (Fs::real(), Env::real(), EnvConfigFiles::default());
    let name = profile.unwrap_or("default");
    let Ok(profiles) = aws_config::profile::load(&fs, &env, &files, Some(Cow::Owned(name.to_owned()))).await else {
        return Ok(ProfileSettings::default());
    };
    let Some(found) = profiles.get_profile(name) else {
        return if name == "default" { Ok(ProfileSettings::default()) } else { Err(Error::NoProfile(name.to_owned())) };
    };
    let login = match (found.get("sso_session").or(found.get("sso_start_url")), found.get("login_session")) {
        (Some(_), _) => LoginMethod::Sso,
        (None, Some(_)) => LoginMethod::Session,
        (None, None) => LoginMethod::Other,
    };
    let ca_bundle = found.get("ca_bundle").filter(|path| !path.is_empty()).map(str::to_owned);
    Ok(ProfileSettings { login, ca_bundle })
}

async fn region(access: &Access, imds: imds::Client) -> Result<Region, Error> {
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &access.profile {
        profile = profile.profile_name(name);
    }
    let chain = RegionProviderChain::first_try(access.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .or_else(ImdsRegionProvider::builder().imds_client(imds).build());
    let region = chain.region().await.filter(|region| !region.as_ref().is_empty()).ok_or(Error::NoRegion)?;
    // The region becomes part of a host name that credentials are sent to, so its characters are restricted.
    let is_valid = region.as_ref().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_valid { Ok(region) } else { Err(Error::BadRegion(region.to_string())) }
}

fn non_empty_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
