//! The SDK's clients and how they are set up: profile, region, credentials, time limits. Made once a run.
//!
//! All that the AWS CLI honours is left to the SDK: `AWS_*` variables, shared config, SSO, `aws login` sessions,
//! `credential_process`, `AWS_ENDPOINT_URL` and its form per service, FIPS, retries; the HTTP client alone is ours, for
//! proxies and certificate authorities. Only the metadata service is given less patience than the SDK's, because off EC2
//! nobody answers there.

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
use aws_config::{AppName, BehaviorVersion, Region};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_types::SdkConfig;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::service_config::ServiceConfigKey;

use super::credentials::Prefetched;
use super::http::Http;
use super::model::Account;
use super::sign::Signer;
use super::{Call, Error, causes, early, sort};
use crate::transport::web::Dialler;

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
    /// A key will be pushed.
    pub will_push: bool,
}

/// The clients of one account and region.
#[derive(Clone, Debug)]
pub struct Aws {
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) instance_connect: aws_sdk_ec2instanceconnect::Client,
    pub(super) ssm: aws_sdk_ssm::Client,
    /// FIPS endpoints are asked for.
    pub(super) fips: bool,
    /// Endpoints with IPv6 beside IPv4 are asked for.
    pub(super) dual_stack: bool,
    /// Somebody chose where the calls to EC2 go.
    pub(super) is_ec2_overridden: bool,
    /// The same for Systems Manager.
    pub(super) is_ssm_overridden: bool,
    /// And it is `http://`.
    pub(super) is_ssm_in_clear: bool,
    credentials: SharedCredentialsProvider,
    dialler: Dialler,
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
        let ProfileFacts { login, ca_bundle } = profile_facts(profile.as_deref()).await?;
        let dialler = Dialler::new(non_empty_variable("AWS_CA_BUNDLE").or(ca_bundle).map(PathBuf::from));
        let http = Http::new(dialler.clone());
        let provided = ProviderConfig::empty().with_http_client(http.clone());
        let imds = imds::Client::builder()
            .configure(&provided)
            .max_attempts(1)
            .connect_timeout(IMDS_TIMEOUT)
            .read_timeout(IMDS_TIMEOUT)
            .operation_attempt_timeout(IMDS_TIMEOUT)
            .operation_timeout(IMDS_TIMEOUT)
            .build();
        let region = region(&settings, imds.clone()).await?;
        let credentials = DefaultCredentialsChain::builder().configure(provided);
        let mut credentials = credentials.imds_client(imds).region(region.clone());
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region.clone())
            .timeout_config(timeouts)
            .http_client(http.clone())
            .no_credentials()
            .app_name(AppName::new("ec2ssh").expect("the name has only letters and digits"));
        if let Some(name) = &settings.profile {
            credentials = credentials.profile_name(name);
            loader = loader.profile_name(name);
        }
        let shared = loader.load().await;
        early::connect(&http, &shared, settings.will_push);
        let credentials = Prefetched::load(credentials.build().await).await;
        let credentials = credentials.map_err(|error| Error::Credentials {
            profile: profile.clone(),
            login,
            detail: causes(&error),
        })?;
        let credentials = SharedCredentialsProvider::new(credentials);
        let shared = shared.into_builder().credentials_provider(credentials.clone()).build();
        let account = Account { region: region.to_string(), profile };
        let ssm_endpoint = endpoint_of_choice(&shared, "SSM");
        Ok(Self {
            ec2: aws_sdk_ec2::Client::new(&shared),
            instance_connect: aws_sdk_ec2instanceconnect::Client::new(&shared),
            ssm: aws_sdk_ssm::Client::new(&shared),
            fips: shared.use_fips().unwrap_or_default(),
            dual_stack: shared.use_dual_stack().unwrap_or_default(),
            is_ec2_overridden: endpoint_of_choice(&shared, "EC2").is_some(),
            is_ssm_overridden: ssm_endpoint.is_some(),
            is_ssm_in_clear: ssm_endpoint.is_some_and(|url| url.starts_with("http://")),
            credentials,
            dialler,
            account,
            login,
        })
    }

    /// The same for Session Manager's calls, by connections of its own: those of the pool belong to the runtime on which they
    /// were made.
    pub fn afresh(&self) -> Self {
        let http = Http::new(self.dialler.clone());
        let ssm = aws_sdk_ssm::Client::from_conf(self.ssm.config().to_builder().http_client(http).build());
        Self { ssm, ..self.clone() }
    }

    /// Where the calls go.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The way to web services that the calls take: for websockets.
    pub fn dialler(&self) -> &Dialler {
        &self.dialler
    }

    /// What signs addresses with the credentials of now.
    pub(super) async fn signer(&self, call: Call) -> Result<Signer, Error> {
        tracing::debug!(call = call.name(), "signing an address");
        match self.credentials.provide_credentials().await {
            Ok(credentials) => Ok(Signer::new(credentials, &self.account.region)),
            Err(error) => Err(Error::Credentials {
                profile: self.account.profile.clone(),
                login: self.login,
                detail: causes(&error),
            }),
        }
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

/// What a profile says that we have to know.
#[derive(Default)]
struct ProfileFacts {
    login: Login,
    /// The AWS CLI's setting for a private certificate authority.
    ca_bundle: Option<String>,
}

/// What the profile says. That it exists is checked on the way: the SDK would go on without it, and with whatever
/// credentials it finds elsewhere. Files that cannot be read are left for the SDK to complain of.
async fn profile_facts(profile: Option<&str>) -> Result<ProfileFacts, Error> {
    let (fs, env, files) = (Fs::real(), Env::real(), EnvConfigFiles::default());
    let name = profile.unwrap_or("default");
    let Ok(profiles) = aws_config::profile::load(&fs, &env, &files, Some(Cow::Owned(name.to_owned()))).await else {
        return Ok(ProfileFacts::default());
    };
    let Some(found) = profiles.get_profile(name) else {
        return if name == "default" { Ok(ProfileFacts::default()) } else { Err(Error::NoProfile(name.to_owned())) };
    };
    let login = match (found.get("sso_session").or(found.get("sso_start_url")), found.get("login_session")) {
        (Some(_), _) => Login::Sso,
        (None, Some(_)) => Login::Session,
        (None, None) => Login::Other,
    };
    let ca_bundle = found.get("ca_bundle").filter(|path| !path.is_empty()).map(str::to_owned);
    Ok(ProfileFacts { login, ca_bundle })
}

/// The endpoint of the caller's choice, if one is set for this service or for all.
pub(super) fn endpoint_of_choice(shared: &SdkConfig, service: &'static str) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let of_service = key.ok().zip(shared.service_config()).and_then(|(key, config)| config.load_config(key));
    of_service.or_else(|| shared.endpoint_url().map(str::to_owned))
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
