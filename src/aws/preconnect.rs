//! Opens connections to the services that will be called while credentials are loaded and other calls are in progress,
//! which takes two round trips (TCP and TLS) off the first call.

use aws_types::SdkConfig;

use super::endpoint_url::endpoint_override;
use super::http::Http;

/// Opens a connection to EC2, and one to EC2 Instance Connect if a key will be pushed. A failure is reported only to a
/// call that is already waiting for the connection; a later call dials again.
pub(super) fn connect(http: &Http, shared: &SdkConfig, will_push: bool) {
    for url in ec2(shared).into_iter().chain(instance_connect(shared).filter(|_| will_push)) {
        http.preconnect(&url);
    }
}

/// Defines a function that returns the URL to which the SDK will send a service's calls, by the SDK's own rules.
macro_rules! url {
    ($name:ident, $sdk:ident, $service:literal) => {
        fn $name(shared: &SdkConfig) -> Option<String> {
            use $sdk::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
            let params = Params::builder()
                .set_region(shared.region().map(ToString::to_string))
                .set_use_fips(shared.use_fips())
                .set_use_dual_stack(shared.use_dual_stack())
                .set_endpoint(endpoint_override(shared, $service));
            let (resolver, params) = (DefaultResolver::new(), params.build().ok()?);
            // The default resolver only computes, so its future is ready at once.
            let resolved = futures_util::FutureExt::now_or_never(resolver.resolve_endpoint(&params))?;
            resolved.ok().map(|endpoint| endpoint.url().to_owned())
        }
    };
}
url!(ec2, aws_sdk_ec2, "EC2");
url!(instance_connect, aws_sdk_ec2instanceconnect, "EC2 Instance Connect");
