//! The SDK's clients and how they are set up: profile, region, credentials, time limits. Made once a run.
//!
//! All that the AWS CLI honours is left to the SDK: `AWS_*` variables, shared config, SSO, `aws login` sessions,
//! `credential_process`, `AWS_ENDPOINT_URL` and its form per service, FIPS, retries. Only the metadata service is given
//! less patience than the SDK's, because off EC2 nobody answers there.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::{self, region::ImdsRegionProvider};
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_types::os_shim_internal::{Env, Fs};

use super::model::Account;
use super::{Call, Error, causes, sort};

/// The metadata service is one hop away or not there.
const IMDS_TIMEOUT: Duration = Duration::from_millis(700);
/// One try of a call. DescribeInstances in a large account takes 1 to 3 s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
/// A call with its retries: after that a person wants to know.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What was asked for; where it is silent the environment and the shared config decide.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The profile's name.
    pub profile: Option<String>,
    /// The region.
    pub region: Option<String>,
}

/// The clients of one account and region.
#[derive(Clone, Debug)]
pub struct Aws {
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) instance_connect: aws_sdk_ec2instanceconnect::Client,
    account: Account,
    login: Login,
}

/// How the person logs in to get the profile's credentials: which command renews them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Login {
    /// `aws sso login`.
    Sso,
    /// `aws login`.
    Session,
    /// Keys, a program, a role, the environment, or not known.
    #[default]
    Other,
}

impl Aws {
    /// Reads environment and shared config, and loads the credentials.
    ///
    /// # Errors
    /// [`Error::NoRegion`], [`Error::BadRegion`], [`Error::NoProfile`] or [`Error::Credentials`].
    pub async fn load(settings: Settings) -> Result<Self, Error> {
        let profile = settings.profile.clone().or_else(|| non_empty_variable("AWS_PROFILE"));
        let login = login(profile.as_deref()).await?;
        let imds = imds::Client::builder()
            .max_attempts(1)
            .connect_timeout(IMDS_TIMEOUT)
            .read_timeout(IMDS_TIMEOUT)
            .operation_attempt_timeout(IMDS_TIMEOUT)
            .operation_timeout(IMDS_TIMEOUT)
            .build();
        let region = region(&settings, imds.clone()).await?;
        let mut credentials = DefaultCredentialsChain::builder().imds_client(imds).region(region.clone());
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region.clone())
            .timeout_config(timeouts)
            .app_name(AppName::new("ec2ssh").expect("the name has only letters and digits"));
        if let Some(name) = &settings.profile {
            credentials = credentials.profile_name(name);
            loader = loader.profile_name(name);
        }
        let credentials = Prefetched::load(credentials.build().await).await;
        let credentials = credentials.map_err(|error| Error::Credentials {
            profile: profile.clone(),
            login,
            detail: causes(&error),
        })?;
        let shared = loader.credentials_provider(credentials).load().await;
        let account = Account { region: region.to_string(), profile };
        Ok(Self {
            ec2: aws_sdk_ec2::Client::new(&shared),
            instance_connect: aws_sdk_ec2instanceconnect::Client::new(&shared),
            account,
            login,
        })
    }

    /// Where the calls go.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Sorts what the SDK says of a call that failed; the resource is for the message.
    pub(super) fn sort<E>(&self, call: Call, resource: &str, error: SdkError<E, HttpResponse>) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        match sort(call, resource, error) {
            Error::Credentials { detail, .. } => {
                Error::Credentials { profile: self.account.profile.clone(), login: self.login, detail }
            }
            other => other,
        }
    }
}

/// Credentials that were loaded before the first call, and are loaded again when those have expired (in a run of minutes,
/// after `--start`, within the call that needs them). Loaded within a call they are under its time limit, and tried again with it: a `credential_process` that waits for a person's token
/// takes longer than any answer of AWS.
#[derive(Debug)]
struct Prefetched {
    first: Mutex<Option<Credentials>>,
    chain: DefaultCredentialsChain,
}

impl Prefetched {
    async fn load(chain: DefaultCredentialsChain) -> Result<Self, CredentialsError> {
        let first = chain.provide_credentials().await?;
        Ok(Self { first: Mutex::new(Some(first)), chain })
    }
}

impl ProvideCredentials for Prefetched {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        match self.first.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(first) => future::ProvideCredentials::ready(Ok(first)),
            None => self.chain.provide_credentials(),
        }
    }
}

/// How the profile logs in. That it exists is checked on the way: the SDK would go on without it, and with whatever
/// credentials it finds elsewhere. Files that cannot be read are left for the SDK to complain of.
async fn login(profile: Option<&str>) -> Result<Login, Error> {
    let (fs, env, files) = (Fs::real(), Env::real(), EnvConfigFiles::default());
    let name = profile.unwrap_or("default");
    let Ok(profiles) = aws_config::profile::load(&fs, &env, &files, Some(Cow::Owned(name.to_owned()))).await else {
        return Ok(Login::Other);
    };
    match profiles.get_profile(name) {
        None if name != "default" => Err(Error::NoProfile(name.to_owned())),
        Some(found) if found.get("sso_session").or(found.get("sso_start_url")).is_some() => Ok(Login::Sso),
        Some(found) if found.get("login_session").is_some() => Ok(Login::Session),
        _ => Ok(Login::Other),
    }
}

async fn region(settings: &Settings, imds: imds::Client) -> Result<Region, Error> {
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &settings.profile {
        profile = profile.profile_name(name);
    }
    let chain = RegionProviderChain::first_try(settings.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .or_else(ImdsRegionProvider::builder().imds_client(imds).build());
    let region = chain.region().await.filter(|region| !region.as_ref().is_empty()).ok_or(Error::NoRegion)?;
    // It becomes part of a host name that credentials are sent to.
    let plain = region.as_ref().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if plain { Ok(region) } else { Err(Error::BadRegion(region.to_string())) }
}

fn non_empty_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
