//! Creates and configures the SDK clients, once per run: profile, region, credentials, timeouts.
//!
//! The shared config files are read by [`super::shared_config`], and the credentials come from [`super::credentials`], both by the
//! AWS CLI's rules. What else the AWS CLI honors is left to the SDK: `AWS_ENDPOINT_URL` and its per-service forms, FIPS, retries.
//! The HTTP client is replaced, to support proxies and certificate authorities, and the timeout of the instance metadata service
//! (IMDS) is shorter than the SDK's, because off EC2 nothing answers there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::imds::{self, region::ImdsRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_ec2::config::IdentityCache;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};

use super::call::Call;
use super::clock::Clock;
use super::credentials::{CachedCredentials, Interaction, Provider};
use super::endpoint_url::{endpoint_override, stream_override, without_empty};
use super::environment::{self, non_empty_variable, sdk_files};
use super::error::{Error, classify, credentials_error, zone_region};
use super::http::Http;
use super::model::{Access, Account};
use super::preconnect;
use super::shared_config::{Profile, SharedConfig};
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
    pub(super) kms: aws_sdk_kms::Client,
    pub(super) sts: aws_sdk_sts::Client,
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
    /// The endpoint URL override for Session Manager's streams, as PrivateLink without private DNS needs it.
    pub(super) stream_endpoint: Option<String>,
    /// The clock of the services, for signatures.
    pub(super) clock: Clock,
    /// The credentials; `None` for clients that make no call.
    credentials: Option<Arc<CachedCredentials>>,
    connector: Connector,
    account: Account,
}

impl Aws {
    /// Reads the environment and the shared config, and loads the credentials.
    ///
    /// # Errors
    /// No region, no such profile, a file that cannot be read, or no usable credentials.
    pub(super) async fn load(access: &Access, will_push: bool, interaction: &Interaction) -> Result<Self, Error> {
        let files = environment::shared_config();
        let named = access.profile.clone().filter(|name| !name.is_empty());
        let profile = named.clone().or_else(environment::profile);
        let name = profile.as_deref().unwrap_or("default");
        let settings = profile_settings(&files, name)?;
        let ca_bundle = non_empty_variable("AWS_CA_BUNDLE").or_else(|| settings.get("ca_bundle").map(str::to_owned));
        let connector = Connector::new(ca_bundle.map(PathBuf::from));
        let http = Http::new(connector.clone());
        let provided = ProviderConfig::empty().with_http_client(http.clone());
        let imds = imds_client(&provided);
        let region = region(access, &files, &settings, imds.clone()).await?;
        let app_name = AppName::new("ec2ssh").expect("the name has only letters and digits");
        let loader = loader(&http, region.clone(), sdk_files(&files, name)).no_credentials().app_name(app_name);
        let shared = without_empty(&loader.load().await, &files, name);
        preconnect::connect(&http, &shared, will_push);
        let provider = Provider {
            profile: profile.clone(),
            named: named.is_some(),
            sdk: provided.with_region(Some(region.clone())),
            imds,
            shared: shared.clone(),
            interaction: interaction.clone(),
        };
        let credentials = Arc::new(CachedCredentials::load(provider).await?);
        let scope = cache_scope(&credentials.access_key_id());
        // The credentials have a cache of their own, which can be told to renew them.
        let shared = shared.into_builder().identity_cache(IdentityCache::no_cache());
        let provider: Arc<dyn ProvideCredentials> = Arc::clone(&credentials) as _;
        let shared = shared.credentials_provider(SharedCredentialsProvider::new(provider)).build();
        let stream_endpoint = stream_override(&files, name);
        let account = Account { region: region.to_string(), profile, scope };
        let ssm_endpoint = endpoint_override(&shared, "SSM");
        Ok(Self {
            ec2: aws_sdk_ec2::Client::new(&shared),
            instance_connect: aws_sdk_ec2instanceconnect::Client::new(&shared),
            ssm: aws_sdk_ssm::Client::new(&shared),
            kms: aws_sdk_kms::Client::new(&shared),
            sts: aws_sdk_sts::Client::new(&shared),
            fips: shared.use_fips().unwrap_or_default(),
            dual_stack: shared.use_dual_stack().unwrap_or_default(),
            ec2_overridden: endpoint_override(&shared, "EC2").is_some(),
            ssm_overridden: ssm_endpoint.is_some(),
            stream_endpoint,
            ssm_plaintext: ssm_endpoint.is_some_and(|url| url.starts_with("http://")),
            credentials: Some(credentials),
            clock: http.clock().clone(),
            connector,
            account,
        })
    }

    /// Makes clients without credentials, all of whose calls fail at once: for a connection that asks AWS nothing.
    pub(crate) async fn without_calls(account: &Account) -> Self {
        let connector = Connector::new(None);
        let http = Http::new(connector.clone());
        let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, "").build();
        let loader = loader(&http, Region::new(account.region.clone()), files).no_credentials();
        let shared = loader.retry_config(RetryConfig::disabled()).load().await;
        Self {
            ec2: aws_sdk_ec2::Client::new(&shared),
            instance_connect: aws_sdk_ec2instanceconnect::Client::new(&shared),
            ssm: aws_sdk_ssm::Client::new(&shared),
            kms: aws_sdk_kms::Client::new(&shared),
            sts: aws_sdk_sts::Client::new(&shared),
            fips: false,
            dual_stack: false,
            ec2_overridden: false,
            ssm_overridden: false,
            ssm_plaintext: false,
            stream_endpoint: None,
            clock: http.clock().clone(),
            credentials: None,
            connector,
            account: account.clone(),
        }
    }

    /// Returns a copy whose Session Manager calls use a connection pool of their own, because pooled connections belong
    /// to the runtime that created them.
    pub(crate) fn with_fresh_pool(&self) -> Self {
        let http = Http::new(self.connector.clone());
        let ssm = aws_sdk_ssm::Client::from_conf(self.ssm.config().to_builder().http_client(http).build());
        Self { ssm, ..self.clone() }
    }

    /// Returns clients whose sessions have these credentials.
    pub(super) fn with_credentials(&self, credentials: Credentials) -> Self {
        let credentials = Arc::new(CachedCredentials::fixed(credentials));
        let provider = SharedCredentialsProvider::new(Arc::clone(&credentials) as Arc<dyn ProvideCredentials>);
        let ssm = self.ssm.config().to_builder().credentials_provider(provider.clone()).build();
        let kms = self.kms.config().to_builder().credentials_provider(provider).build();
        let (ssm, kms) = (aws_sdk_ssm::Client::from_conf(ssm), aws_sdk_kms::Client::from_conf(kms));
        Self { ssm, kms, credentials: Some(credentials), ..self.clone() }
    }

    /// Returns clients for look-ups in another region, with the same credentials.
    pub(crate) fn looking_in(&self, region: &str) -> Self {
        let config = self.ec2.config().to_builder().region(Region::new(region.to_owned())).build();
        let account = Account { region: region.to_owned(), ..self.account.clone() };
        Self { ec2: aws_sdk_ec2::Client::from_conf(config), account, ..self.clone() }
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
        let Some(credentials) = &self.credentials else { return Err(Error::NotAsked { call }) };
        match credentials.provide_credentials().await {
            Ok(credentials) => Ok(Signer::new(credentials, &self.account.region)),
            Err(error) => Err(credentials_error(&error)),
        }
    }

    /// Classifies the SDK error of a failed call and adds the profile to credentials errors. `resource` is for the
    /// message.
    pub(super) fn classify<E>(&self, call: Call, resource: &str, error: SdkError<E, HttpResponse>) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        match classify(call, resource, error) {
            Error::Credentials { .. } if self.credentials.is_none() => Error::NotAsked { call },
            Error::Credentials { profile, login, detail } => {
                Error::Credentials { profile: profile.or_else(|| self.account.profile.clone()), login, detail }
            }
            other => other,
        }
    }

    /// Loads the credentials again: for a call long after the first.
    pub(super) async fn renew_credentials(&self) {
        if let Some(credentials) = &self.credentials {
            credentials.renew().await;
        }
    }
}

/// Returns the loader of the configuration that all clients share, with the HTTP client and the timeouts.
fn loader(http: &Http, region: Region, files: EnvConfigFiles) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest()).region(region).timeout_config(timeouts);
    loader.http_client(http.clone()).profile_files(files).profile_name("default")
}

fn imds_client(provided: &ProviderConfig) -> imds::Client {
    imds::Client::builder()
        .configure(provided)
        .max_attempts(1)
        .connect_timeout(IMDS_TIMEOUT)
        .read_timeout(IMDS_TIMEOUT)
        .operation_attempt_timeout(IMDS_TIMEOUT)
        .operation_timeout(IMDS_TIMEOUT)
        .build()
}

/// Returns the profile's settings. One that was named has to exist: otherwise the credentials would be looked for elsewhere.
fn profile_settings(files: &SharedConfig, name: &str) -> Result<Profile, Error> {
    match (files.profile(name).map_err(Error::unreadable)?, files.unreadable()) {
        (Some(profile), _) => Ok(profile.clone()),
        (None, _) if name == "default" => Ok(Profile::default()),
        (None, Some(unreadable)) => Err(Error::unreadable(unreadable.clone())),
        (None, None) => Err(Error::NoProfile(name.to_owned())),
    }
}

async fn region(access: &Access, files: &SharedConfig, profile: &Profile, imds: imds::Client) -> Result<Region, Error> {
    let typed = access.region.clone().filter(|region| !region.is_empty());
    let configured = typed.or_else(environment::region).or_else(|| profile.get("region").map(str::to_owned));
    let region = match configured {
        Some(region) => Some(Region::new(region)),
        None => ImdsRegionProvider::builder().imds_client(imds).build().region().await,
    };
    let missing = || files.unreadable().map_or(Error::NoRegion, |unreadable| Error::unreadable(unreadable.clone()));
    let region = region.filter(|region| !region.as_ref().is_empty()).ok_or_else(missing)?;
    // The region becomes part of a host name that credentials are sent to, so its characters are restricted.
    let is_valid = region.as_ref().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_valid && zone_region(region.as_ref()).is_none() {
        Ok(region)
    } else {
        Err(Error::BadRegion(region.to_string()))
    }
}

#[cfg(test)]
mod tests;
