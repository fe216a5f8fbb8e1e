//! Why AWS could not be asked, or what it returned instead; and how the SDK's errors are told apart.

use aws_config::imds;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};

use super::call::Call;
use super::clock::{clock_error, refusing_skew};
use super::credentials::{ChainError, ProcessError};
use super::http;
use super::model::LoginMethod;
use super::shared_config::Unreadable;
use crate::web;

/// The error of a call to AWS, or of the configuration it needs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No region is set by option, environment or profile.
    #[error("no region is set")]
    NoRegion,
    /// The region contains characters that no region name has.
    #[error("'{0}' is not a valid region name")]
    BadRegion(String),
    /// The named profile is in neither of the shared config files.
    #[error("the config profile {0} could not be found")]
    NoProfile(String),
    /// Credentials are missing or could not be loaded.
    #[error("no usable AWS credentials")]
    Credentials {
        /// The profile in use, if one was named.
        profile: Option<String>,
        /// The login method of that profile.
        login: LoginMethod,
        /// The providers' errors, joined into one line.
        detail: String,
    },
    /// The configuration of the profile leads to no credentials, or cannot be read.
    #[error(transparent)]
    Profile(#[from] ChainError),
    /// A code of an MFA device is needed, and nobody can be asked for it.
    #[error("profile {profile}: its role requires a code of the MFA device {serial}")]
    NoMfaCode {
        /// The profile with the role.
        profile: String,
        /// The serial number or ARN of the device.
        serial: String,
    },
    /// The profile's credential_process gave no credentials.
    #[error("the credential_process of profile {profile} failed")]
    CredentialProcess {
        /// The profile that names the program.
        profile: String,
        /// The reason why there are none.
        source: ProcessError,
    },
    /// The call is not made, because AWS is not to be asked.
    #[error("{} is not called without AWS (--offline)", call.name())]
    NotAsked {
        /// The call that would have been made.
        call: Call,
    },
    /// The service refused the signature because this machine's clock is wrong.
    #[error("{} failed: {}", call.name(), clock_error(*seconds))]
    Clock {
        /// The call that failed.
        call: Call,
        /// How far this machine's clock is behind the service's, in seconds; negative if it is ahead.
        seconds: i64,
    },
    /// The service answered with an error.
    #[error("{} failed: {code}", call.name())]
    Service {
        /// The call that failed.
        call: Call,
        /// The service's error code.
        code: String,
        /// The service's message; untrusted text.
        message: String,
        /// The resource concerned, or `*` if the call has none.
        resource: String,
        /// The HTTP status code.
        status: u16,
    },
    /// The service did not respond in time.
    #[error("{} timed out", call.name())]
    Timeout {
        /// The call that timed out.
        call: Call,
    },
    /// The connection to the service failed or broke.
    #[error("{} could not reach AWS", call.name())]
    Unreachable {
        /// The call that failed.
        call: Call,
        /// The causes, joined into one line.
        detail: String,
    },
    /// A proxy, certificate or network error on the way to the service.
    #[error("{} could not reach AWS", call.name())]
    Web {
        /// The call that failed.
        call: Call,
        /// The error of the connection.
        source: web::Error,
    },
    /// The service returned a host that is not AWS's, so no secret is sent to it.
    #[error("{} blocked: {host} is not an AWS endpoint of this service and region", call.name())]
    UntrustedHost {
        /// The call that needs the host.
        call: Call,
        /// The host; untrusted text.
        host: String,
    },
    /// FIPS is enabled, but the endpoint has no FIPS name.
    #[error("the EC2 Instance Connect Endpoint {0} has no FIPS DNS name, but FIPS endpoints are enabled")]
    NoFipsName(String),
    /// The response does not match the service's model.
    #[error("{} returned an invalid response", call.name())]
    InvalidResponse {
        /// The call that got the response.
        call: Call,
        /// The reason why the response is invalid.
        detail: String,
    },
}

impl Error {
    /// Whether the credentials may not make the call.
    pub(crate) fn is_denial(&self) -> bool {
        const CODES: [&str; 3] = ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"];
        self.code().is_some_and(|code| CODES.contains(&code))
    }

    /// Whether the service asks for fewer calls.
    pub(crate) fn is_throttled(&self) -> bool {
        const CODES: [&str; 3] = ["ThrottlingException", "Throttling", "RequestLimitExceeded"];
        self.code().is_some_and(|code| CODES.contains(&code))
    }

    /// Whether AWS could not be asked: it did not answer, or it had a failure of its own. An answer that says no is none of these.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Unreachable { .. } | Self::Web { .. } => true,
            Self::Service { status, .. } => *status >= 500,
            Self::Credentials { detail, .. } => {
                ["dispatch failure", "did not come within"].iter().any(|sign| detail.contains(sign))
            }
            _ => false,
        }
    }

    /// Returns the error for a config file, or a part of one, that cannot be read.
    pub(super) fn unreadable(unreadable: Unreadable) -> Self {
        Self::Profile(ChainError::Unreadable(unreadable))
    }

    /// Returns the service's error code, if the service itself returned an error.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Service { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// Classifies an SDK error. The profile of a credentials error is not known here.
pub(super) fn classify<E>(call: Call, resource: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    match &error {
        SdkError::ServiceError(context) => match (context.err().code(), context.raw().status().as_u16()) {
            (Some(code), status) => {
                let message = context.err().message().unwrap_or_default();
                if let Some(seconds) = refusing_skew(code, message, context.raw().headers().get("date")) {
                    return Error::Clock { call, seconds };
                }
                let (code, message) = (code.to_owned(), strip_canonical_string(message));
                Error::Service { call, code, message, resource: resource.to_owned(), status }
            }
            (None, status) => unmodeled_response(call, resource, status, &error),
        },
        SdkError::ResponseError(context) => unmodeled_response(call, resource, context.raw().status().as_u16(), &error),
        SdkError::TimeoutError(_) => Error::Timeout { call },
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Error::Timeout { call },
        SdkError::DispatchFailure(failure) if is_credentials_failure(&error, failure.is_other()) => {
            credentials_error(&error)
        }
        SdkError::DispatchFailure(_) => match http::find_web_error(&error) {
            Some(source) => Error::Web { call, source: source.clone() },
            None => Error::Unreachable { call, detail: causes(&error) },
        },
        _ => Error::Unreachable { call, detail: causes(&error) },
    }
}

/// Removes the canonical string, which a service quotes if a signature is wrong, because it contains the session token.
fn strip_canonical_string(message: &str) -> String {
    let end = ["The Canonical String", "The canonical string"].iter().filter_map(|begin| message.find(begin)).min();
    message[..end.unwrap_or(message.len())].trim_end().to_owned()
}

/// Returns the error for a response that is not in the service's format: a page of a gateway or a proxy, or a truncated
/// response.
fn unmodeled_response(call: Call, resource: &str, status: u16, error: &(dyn std::error::Error + 'static)) -> Error {
    if status < 400 {
        return Error::InvalidResponse { call, detail: causes(error) };
    }
    let (code, resource) = (format!("HTTP {status}"), resource.to_owned());
    Error::Service { call, code, message: String::new(), resource, status }
}

/// Whether the call failed for lack of credentials. The SDK reports a missing identity as a dispatch failure of kind
/// "other", with the credentials error among its causes.
fn is_credentials_failure(error: &(dyn std::error::Error + 'static), is_other: bool) -> bool {
    use aws_credential_types::provider::error::CredentialsError;
    let mut cause = Some(error);
    while let Some(current) = cause {
        if current.is::<CredentialsError>() || current.is::<imds::client::error::ImdsError>() {
            return true;
        }
        cause = current.source();
    }
    is_other && causes(error).contains("credential")
}

/// Returns the error for credentials that could not be loaded again. The error of our own provider is among the causes.
pub(super) fn credentials_error(error: &(dyn std::error::Error + 'static)) -> Error {
    let mut all = std::iter::successors(Some(error), |error| error.source());
    match all.find_map(|error| error.downcast_ref::<Error>()) {
        Some(Error::Credentials { profile, login, detail }) => {
            Error::Credentials { profile: profile.clone(), login: *login, detail: detail.clone() }
        }
        Some(other) => Error::Credentials { profile: None, login: LoginMethod::Other, detail: other.to_string() },
        None => Error::Credentials { profile: None, login: LoginMethod::Other, detail: causes(error) },
    }
}

/// Returns the region of a zone that was given in place of it: `us-east-1` of `us-east-1a` and of the local zone
/// `us-west-2-lax-1a`.
pub(crate) fn zone_region(zone: &str) -> Option<&str> {
    let is_letter = |c: char| c.is_ascii_lowercase();
    let is_zone = zone.strip_suffix(is_letter).is_some_and(|rest| rest.ends_with(|c: char| c.is_ascii_digit()));
    let number = zone.find(|c: char| c.is_ascii_digit())?;
    let digits = zone[number..].find(|c: char| !c.is_ascii_digit())?;
    is_zone.then(|| &zone[..number + digits])
}

/// Joins the chain of causes into one line, without the SDK's uninformative outer message.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(current) = cause {
        // The connector calls an error "other" if it is neither a timeout nor a network error, which does not help the
        // user.
        let text = current.to_string();
        let text = text.strip_prefix("other: ").unwrap_or(&text);
        let text = text.lines().map(str::trim).collect::<Vec<_>>().join("; ");
        if text != "other" && parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
        cause = current.source();
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::zone_region;

    #[test]
    fn region_of_a_zone_is_its_beginning() {
        let table = [
            ("us-east-1a", Some("us-east-1")),
            ("ap-southeast-10f", Some("ap-southeast-10")),
            ("us-gov-west-1b", Some("us-gov-west-1")),
            ("us-west-2-lax-1a", Some("us-west-2")),
            ("us-east-1", None),
            ("us-east-1ab", None),
            ("a", None),
            ("1", None),
            ("", None),
        ];
        for (zone, region) in table {
            assert_eq!(zone_region(zone), region, "{zone}");
        }
    }
}
