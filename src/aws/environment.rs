//! The environment variables of the AWS CLI. One that is set and empty counts as unset.

use std::sync::Arc;

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};

use super::shared_config::SharedConfig;

/// Returns a variable that is set and not empty.
pub(crate) fn non_empty_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the profile that the environment names. The order is that of the AWS CLI's version 2.
pub(crate) fn profile() -> Option<String> {
    non_empty_variable("AWS_PROFILE").or_else(|| non_empty_variable("AWS_DEFAULT_PROFILE"))
}

/// Returns the region that the environment names.
pub(crate) fn region() -> Option<String> {
    non_empty_variable("AWS_REGION").or_else(|| non_empty_variable("AWS_DEFAULT_REGION"))
}

/// Reads the shared config files from the places that the environment names.
pub(super) fn shared_config() -> Arc<SharedConfig> {
    Arc::new(SharedConfig::load(non_empty_variable, dirs::home_dir().as_deref()))
}

/// Returns the names of the profiles.
pub(crate) fn profile_names() -> Vec<String> {
    shared_config().flattened().into_keys().collect()
}

/// Returns a profile in place of the files, as the SDK takes it: it is named `default` there.
pub(super) fn sdk_files(files: &SharedConfig, profile: &str) -> EnvConfigFiles {
    EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, files.sdk_text(profile)).build()
}
