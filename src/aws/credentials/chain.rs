//! The source of a profile's credentials, in the AWS CLI's order. Pure.
//!
//! The order within a profile is botocore's: a role that is assumed, web identity, SSO, keys in the credentials file, a login
//! session, a program, keys in the config file.

use aws_credential_types::Credentials;

use crate::aws::model::LoginMethod;
use crate::aws::shared_config::{Profile, SharedConfig, Unreadable};

/// Where credentials come from.
#[derive(Debug)]
pub(super) enum Source {
    /// Access keys in a file.
    Keys(Credentials),
    /// A program that prints them.
    Process {
        /// The profile that names it.
        profile: String,
        /// The command line, not split yet.
        command: String,
    },
    /// A method that the SDK implements: SSO, a login session, web identity.
    Sdk {
        /// The profile that has it.
        profile: String,
        /// The method, if a command renews it.
        login: LoginMethod,
    },
    /// A role that is assumed.
    Role(Box<Role>),
    /// The access keys in the environment.
    Environment,
    /// The role of the container.
    Container,
    /// The role of the instance.
    InstanceMetadata,
}

/// A role, and how it is assumed.
#[derive(Debug)]
pub(super) struct Role {
    /// The profile that has the role.
    pub profile: String,
    /// The ARN of the role.
    pub arn: String,
    /// The name of the session, if it is configured.
    pub session_name: Option<String>,
    /// The external id that the role's owner requires.
    pub external_id: Option<String>,
    /// The MFA device whose code is needed.
    pub mfa_serial: Option<String>,
    /// The duration in seconds, if it is configured.
    pub duration_seconds: Option<i32>,
    /// The credentials that may assume the role.
    pub source: Source,
}

/// Why a profile's configuration leads to no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// A section cannot be read.
    #[error("cannot read {}", .0.path.display())]
    Unreadable(Unreadable),
    /// The named profile does not exist.
    #[error("profile {profile}: its source_profile '{source_profile}' does not exist")]
    NoSourceProfile {
        /// The profile with the role.
        profile: String,
        /// The profile that is missing.
        source_profile: String,
    },
    /// A role without a source.
    #[error("profile {0}: a role_arn needs a source_profile or a credential_source")]
    NoSource(String),
    /// A role with two sources.
    #[error("profile {0}: it has both a source_profile and a credential_source")]
    TwoSources(String),
    /// A credential_source that does not exist.
    #[error("profile {profile}: '{source_name}' is not a credential_source")]
    UnknownSource {
        /// The profile with the role.
        profile: String,
        /// The name of the source.
        source_name: String,
    },
    /// A role that is assumed with itself.
    #[error("profile {0}: its chain of source_profiles comes back to it")]
    Loop(String),
    /// An access key without its secret, or the other way round.
    #[error("profile {profile}: {missing} is missing")]
    HalfAKey {
        /// The profile with the key.
        profile: String,
        /// The property that is missing.
        missing: &'static str,
    },
    /// The profile that a role is assumed with has no credentials.
    #[error("profile {0} has no credentials, and a role is to be assumed with it")]
    NoCredentials(String),
}

/// Returns the source of a profile's credentials; `None` if it has none, or does not exist.
///
/// # Errors
/// The configuration is contradictory, incomplete or cannot be read.
pub(super) fn source_of(config: &SharedConfig, name: &str) -> Result<Option<Source>, Error> {
    match config.profile(name).map_err(Error::Unreadable)? {
        None => Ok(None),
        Some(profile) if has_role(profile) => role(config, name, profile, &mut vec![name.to_owned()]).map(Some),
        Some(profile) => plain_source(name, profile),
    }
}

fn has_role(profile: &Profile) -> bool {
    profile.get("role_arn").is_some() && profile.get("web_identity_token_file").is_none()
}

fn has_keys(profile: &Profile) -> bool {
    profile.get("aws_access_key_id").is_some() || profile.get("aws_secret_access_key").is_some()
}

fn role(config: &SharedConfig, name: &str, profile: &Profile, visited: &mut Vec<String>) -> Result<Source, Error> {
    let text = |key: &str| profile.get(key).map(str::to_owned);
    let source = match (profile.get("source_profile"), profile.get("credential_source")) {
        (Some(_), Some(_)) => return Err(Error::TwoSources(name.to_owned())),
        (None, None) => return Err(Error::NoSource(name.to_owned())),
        (Some(source), None) => source_profile(config, name, source, visited)?,
        (None, Some(source)) => named_source(name, source)?,
    };
    Ok(Source::Role(Box::new(Role {
        profile: name.to_owned(),
        arn: text("role_arn").unwrap_or_default(),
        session_name: text("role_session_name"),
        external_id: text("external_id"),
        mfa_serial: text("mfa_serial"),
        // As the AWS CLI does, an invalid duration is ignored.
        duration_seconds: profile.get("duration_seconds").and_then(|seconds| seconds.parse().ok()),
        source,
    })))
}

fn source_profile(config: &SharedConfig, of: &str, name: &str, visited: &mut Vec<String>) -> Result<Source, Error> {
    let missing = || Error::NoSourceProfile { profile: of.to_owned(), source_profile: name.to_owned() };
    let profile = config.profile(name).map_err(Error::Unreadable)?.ok_or_else(missing)?;
    // A profile may name itself if it has keys: role and keys are then in one profile.
    if visited.iter().any(|visited| visited == name) && (name != of || !has_keys(profile)) {
        return Err(Error::Loop(name.to_owned()));
    }
    visited.push(name.to_owned());
    if has_role(profile) && !has_keys(profile) {
        return role(config, name, profile, visited);
    }
    plain_source(name, profile)?.ok_or_else(|| Error::NoCredentials(name.to_owned()))
}

fn named_source(profile: &str, name: &str) -> Result<Source, Error> {
    match name.to_ascii_lowercase().as_str() {
        "environment" => Ok(Source::Environment),
        "ecscontainer" => Ok(Source::Container),
        "ec2instancemetadata" => Ok(Source::InstanceMetadata),
        _ => Err(Error::UnknownSource { profile: profile.to_owned(), source_name: name.to_owned() }),
    }
}

/// Returns the source of a profile, leaving out a role that is assumed with another profile.
fn plain_source(name: &str, profile: &Profile) -> Result<Option<Source>, Error> {
    let sdk = |login| Ok(Some(Source::Sdk { profile: name.to_owned(), login }));
    let any = |keys: &[&str]| keys.iter().any(|key| profile.get(key).is_some());
    if any(&["web_identity_token_file"]) {
        return sdk(LoginMethod::Other);
    }
    if any(&["sso_account_id", "sso_role_name"]) {
        return sdk(LoginMethod::Sso);
    }
    if profile.has_keys_in_credentials_file() && has_keys(profile) {
        return keys(name, profile).map(Some);
    }
    if any(&["login_session"]) {
        return sdk(LoginMethod::Session);
    }
    if let Some(command) = profile.get("credential_process") {
        return Ok(Some(Source::Process { profile: name.to_owned(), command: command.to_owned() }));
    }
    if has_keys(profile) { keys(name, profile).map(Some) } else { Ok(None) }
}

fn keys(name: &str, profile: &Profile) -> Result<Source, Error> {
    let required =
        |key: &'static str| profile.get(key).ok_or_else(|| Error::HalfAKey { profile: name.to_owned(), missing: key });
    let (id, secret) = (required("aws_access_key_id")?, required("aws_secret_access_key")?);
    let token = profile.get("aws_session_token").or(profile.get("aws_security_token")).map(str::to_owned);
    Ok(Source::Keys(Credentials::new(id, secret, token, None, "SharedConfig")))
}

/// Returns the login method behind a source: the one whose command renews it, and the profile that has it.
pub(super) fn login_of(source: &Source) -> Option<(LoginMethod, &str)> {
    match source {
        Source::Sdk { profile, login } => Some((*login, profile)),
        Source::Role(role) => login_of(&role.source),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
