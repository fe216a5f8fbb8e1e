//! The SDK's clients and how they are set up: profile, region, credentials, time limits. Made once a run.
//!
//! All that the AWS CLI honours is left to the SDK: `AWS_*` variables, shared config, SSO, `aws login` sessions,
//! `credential_process`, `AWS_ENDPOINT_URL` and its form per service, FIPS, retries. Only the metadata service is given
//! less patience than the SDK's, because off EC2 nobody answers there.

use std::borrow::Cow;
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::{self, region::ImdsRegionProvider};
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use super::Error;
use super::model::Account;

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
}

impl Aws {
    /// Reads environment and shared config. Credentials are loaded by the first call, not here.
    ///
    /// # Errors
    /// [`Error::NoRegion`] or [`Error::BadRegion`].
    pub async fn load(settings: Settings) -> Result<Self, Error> {
        let profile = settings.profile.clone().or_else(|| non_empty_variable("AWS_PROFILE"));
        if let Some(name) = &profile {
            check_profile(name).await?;
        }
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
        let shared = loader.credentials_provider(credentials.build().await).load().await;
        let account = Account { region: region.to_string(), profile };
        Ok(Self {
            ec2: aws_sdk_ec2::Client::new(&shared),
            instance_connect: aws_sdk_ec2instanceconnect::Client::new(&shared),
            account,
        })
    }

    /// Where the calls go.
    pub fn account(&self) -> &Account {
        &self.account
    }

    pub(super) fn profile(&self) -> Option<&str> {
        self.account.profile.as_deref()
    }
}

/// That the profile exists: the SDK goes on without it, and with whatever credentials it finds elsewhere. Files that
/// cannot be read are left for the SDK to complain of.
async fn check_profile(name: &str) -> Result<(), Error> {
    let (fs, env, files) = (Fs::real(), Env::real(), EnvConfigFiles::default());
    match aws_config::profile::load(&fs, &env, &files, Some(Cow::Owned(name.to_owned()))).await {
        Ok(profiles) if profiles.get_profile(name).is_none() && name != "default" => {
            Err(Error::NoProfile(name.to_owned()))
        }
        _ => Ok(()),
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
