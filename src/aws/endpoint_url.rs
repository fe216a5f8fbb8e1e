//! Endpoint overrides: `AWS_ENDPOINT_URL` and its form per service.

use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

/// Returns the endpoint URL override, if one is set for this service or for all.
pub(super) fn endpoint_override(shared: &SdkConfig, service: &'static str) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let of_service = key.ok().zip(shared.service_config()).and_then(|(key, config)| config.load_config(key));
    of_service.or_else(|| shared.endpoint_url().map(str::to_owned))
}
