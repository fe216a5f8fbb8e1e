//! Connections to the services that will be asked, opened while credentials are loaded and other calls are under way: TCP
//! and TLS take two round trips that nobody has to wait for.

use aws_types::SdkConfig;

use super::clients::endpoint_of_choice;
use super::http::Http;

/// Opens one to EC2, and one to EC2 Instance Connect where a key will be pushed. What goes wrong is told to the call that
/// would have used it.
pub fn connect(http: &Http, shared: &SdkConfig, will_push: bool) {
    for url in ec2(shared).into_iter().chain(instance_connect(shared).filter(|_| will_push)) {
        http.connect_early(&url);
    }
}

/// Where the SDK will send the calls, by its own rules.
macro_rules! url {
    ($name:ident, $sdk:ident, $service:literal) => {
        fn $name(shared: &SdkConfig) -> Option<String> {
            use $sdk::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
            let params = Params::builder()
                .set_region(shared.region().map(ToString::to_string))
                .set_use_fips(shared.use_fips())
                .set_use_dual_stack(shared.use_dual_stack())
                .set_endpoint(endpoint_of_choice(shared, $service));
            let (resolver, params) = (DefaultResolver::new(), params.build().ok()?);
            // It computes, and waits for nothing.
            let resolved = futures_util::FutureExt::now_or_never(resolver.resolve_endpoint(&params))?;
            resolved.ok().map(|endpoint| endpoint.url().to_owned())
        }
    };
}
url!(ec2, aws_sdk_ec2, "EC2");
url!(instance_connect, aws_sdk_ec2instanceconnect, "EC2 Instance Connect");
