//! Endpoint overrides: `AWS_ENDPOINT_URL` and its form per service. One that is set and empty counts as unset; the SDK would
//! take it as an address.

use std::sync::Arc;

use aws_types::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::environment::non_empty_variable;
use super::shared_config::SharedConfig;

/// Returns the endpoint URL override, if one is set for this service or for all.
pub(super) fn endpoint_override(shared: &SdkConfig, service: &'static str) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let of_service = key.ok().zip(shared.service_config()).and_then(|(key, config)| config.load_config(key));
    of_service.or_else(|| shared.endpoint_url().map(str::to_owned))
}

/// Returns the endpoint URL override for Session Manager's streams. The one for all services does not count: the address of a
/// stream comes from the service.
pub(super) fn stream_override(files: &SharedConfig, profile: &str) -> Option<String> {
    let of_profile = || files.service_setting(profile, "ssmmessages", "endpoint_url");
    non_empty_variable("AWS_ENDPOINT_URL_SSMMESSAGES").or_else(of_profile)
}

/// Replaces overrides that are empty by what the profile says.
pub(super) fn without_empty(shared: &SdkConfig, files: &Arc<SharedConfig>, profile: &str) -> SdkConfig {
    let mut builder = shared.to_builder();
    if shared.endpoint_url().is_some_and(str::is_empty) {
        let of_profile = files.profile(profile).ok().flatten().and_then(|profile| profile.get("endpoint_url"));
        builder.set_endpoint_url(of_profile.map(str::to_owned));
    }
    let service_config = NonEmpty { loaded: shared.clone(), files: Arc::clone(files), profile: profile.to_owned() };
    builder.set_service_config(Some(service_config));
    builder.build()
}

#[derive(Debug)]
struct NonEmpty {
    loaded: SdkConfig,
    files: Arc<SharedConfig>,
    profile: String,
}

impl LoadServiceConfig for NonEmpty {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let (service, setting) = (key.service_id().to_owned(), key.profile().to_owned());
        match self.loaded.service_config()?.load_config(key) {
            Some(empty) if empty.is_empty() => self.files.service_setting(&self.profile, &service, &setting),
            other => other,
        }
    }
}
