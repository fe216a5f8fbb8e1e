//! Credentials, found in the AWS CLI's order and by its rules.
//!
//! ```text
//! provider -> chain                 which source a profile has; pure
//!          -> role <- role_cache    AssumeRole, with the MFA code, and the AWS CLI's cache of what it returned
//!          -> process               credential_process
//!          -> the SDK               SSO, login sessions, web identity, container and instance roles
//! renewal                           loads them before the first call and again when they expire
//! expiration                        the forms of a time that the AWS CLI reads
//! interaction                       how a provider asks and reports
//! ```
//!
//! A profile that was named by an option decides: then the environment's keys are not used.

mod chain;
mod expiration;
mod interaction;
mod process;
mod provider;
mod renewal;
mod role;
mod role_cache;

pub(crate) use chain::Error as ChainError;
pub(crate) use interaction::{CredentialEvent, Interaction};
pub(crate) use process::ProcessError;
pub(super) use provider::Provider;
pub(super) use renewal::CachedCredentials;
