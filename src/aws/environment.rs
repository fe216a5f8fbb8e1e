//! The environment variables of the AWS CLI. One that is set and empty counts as unset.

use std::sync::Arc;

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};

use super::model::Access;
use super::shared_config::{Profile, SharedConfig};
use crate::account::cache_scope;

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

/// Returns the region that is asked for, as far as it is known without a call: typed, of the environment, of the profile.
pub(crate) fn configured_region(access: &Access) -> Option<String> {
    let typed = access.region.clone().filter(|region| !region.is_empty());
    typed.or_else(region).or_else(|| of_profile(access, |profile| profile.get("region").map(str::to_owned)))
}

/// Returns the account that is asked for, in its name in the caches, as far as the environment or the profile shows it.
pub(crate) fn account(access: &Access) -> Option<String> {
    let keys = non_empty_variable("AWS_ACCESS_KEY_ID").filter(|_| access.profile.is_none());
    keys.map(|id| cache_scope(&id)).or_else(|| of_profile(access, account_of_profile))
}

fn account_of_profile(profile: &Profile) -> Option<String> {
    // arn:aws:iam::111122223333:role/name
    let of_role = |arn: &str| arn.split(':').nth(4).filter(|number| !number.is_empty()).map(str::to_owned);
    let role = profile.get("role_arn").and_then(of_role);
    let role = role.or_else(|| profile.get("sso_account_id").map(str::to_owned));
    role.or_else(|| profile.get("aws_access_key_id").map(cache_scope))
}

fn of_profile<T>(access: &Access, read: impl Fn(&Profile) -> Option<T>) -> Option<T> {
    let name = access.profile.clone().filter(|name| !name.is_empty()).or_else(profile);
    let files = shared_config();
    read(files.profile(name.as_deref().unwrap_or("default")).ok()??)
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
