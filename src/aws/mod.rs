//! Everything asked of AWS: the only folder that imports `aws_*`. It answers in the plain types of [`model`].
//!
//! ```text
//! clients <- credentials, http     set up once a run
//! instances, images, console, keys, power, endpoints, sessions     one file per kind of call
//! sign, hosts                      the addresses of websockets: signed, and AWS's own
//! ```
//!
//! A call that fails is an [`Error`] with the facts as fields: the code, the service's words, the IAM action and the
//! resource. What to tell a person about it is said in [`crate::error`], not here.

pub mod clients;
pub mod console;
mod credentials;
mod early;
pub mod endpoints;
pub mod hosts;
mod http;
pub mod images;
pub mod instances;
pub mod keys;
pub mod model;
pub mod power;
pub mod sessions;
pub mod sign;

pub use clients::{Aws, Login, Settings};

use aws_config::imds;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};

use crate::transport::web;

/// One of the calls made, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the API's own")]
pub enum Call {
    DescribeInstances,
    DescribeImages,
    GetConsoleOutput,
    StartInstances,
    SendSshPublicKey,
    DescribeInstanceConnectEndpoints,
    /// The signed address of an endpoint's tunnel.
    OpenTunnel,
    GetConnectionStatus,
    StartSession,
    ResumeSession,
    TerminateSession,
}

impl Call {
    /// The API's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::DescribeInstances => "DescribeInstances",
            Self::DescribeImages => "DescribeImages",
            Self::GetConsoleOutput => "GetConsoleOutput",
            Self::StartInstances => "StartInstances",
            Self::SendSshPublicKey => "SendSSHPublicKey",
            Self::DescribeInstanceConnectEndpoints => "DescribeInstanceConnectEndpoints",
            Self::OpenTunnel => "OpenTunnel",
            Self::GetConnectionStatus => "GetConnectionStatus",
            Self::StartSession => "StartSession",
            Self::ResumeSession => "ResumeSession",
            Self::TerminateSession => "TerminateSession",
        }
    }

    /// The IAM action that allows it.
    pub fn iam_action(self) -> &'static str {
        match self {
            Self::DescribeInstances => "ec2:DescribeInstances",
            Self::DescribeImages => "ec2:DescribeImages",
            Self::GetConsoleOutput => "ec2:GetConsoleOutput",
            Self::StartInstances => "ec2:StartInstances",
            Self::SendSshPublicKey => "ec2-instance-connect:SendSSHPublicKey",
            Self::DescribeInstanceConnectEndpoints => "ec2:DescribeInstanceConnectEndpoints",
            Self::OpenTunnel => "ec2-instance-connect:OpenTunnel",
            Self::GetConnectionStatus => "ssm:GetConnectionStatus",
            Self::StartSession => "ssm:StartSession",
            Self::ResumeSession => "ssm:ResumeSession",
            Self::TerminateSession => "ssm:TerminateSession",
        }
    }
}

/// Why AWS could not be asked, or what it answered instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No region by option, environment or profile.
    #[error("no region is set")]
    NoRegion,
    /// The region has characters that none has.
    #[error("'{0}' is not a region")]
    BadRegion(String),
    /// The profile that was named is in neither of the shared config files.
    #[error("there is no profile {0}")]
    NoProfile(String),
    /// No credentials, or they could not be loaded.
    #[error("no usable AWS credentials")]
    Credentials {
        /// The profile in use, when one was named.
        profile: Option<String>,
        /// How that profile logs in.
        login: Login,
        /// What the providers said, joined.
        detail: String,
    },
    /// The service answered with an error.
    #[error("{} failed: {code}", call.name())]
    Service {
        /// Which call.
        call: Call,
        /// The service's error code.
        code: String,
        /// The service's words; untrusted.
        message: String,
        /// The resource concerned, `*` where the call has none.
        resource: String,
        /// The HTTP status.
        status: u16,
    },
    /// The service did not answer in time.
    #[error("{} got no answer in time", call.name())]
    Timeout {
        /// Which call.
        call: Call,
    },
    /// No connection to the service, or it broke.
    #[error("{} could not reach AWS", call.name())]
    Unreachable {
        /// Which call.
        call: Call,
        /// The causes, joined.
        detail: String,
    },
    /// The way to the service: proxy, certificate, network.
    #[error("{} could not reach AWS", call.name())]
    Web {
        /// Which call.
        call: Call,
        /// What stood in the way.
        source: web::Error,
    },
    /// What the service named is not AWS's: no secret goes there.
    #[error("{} would lead to {host}, which is not a host of AWS for this", call.name())]
    ForeignHost {
        /// Which call.
        call: Call,
        /// The host; untrusted.
        host: String,
    },
    /// FIPS is asked for, and the endpoint has no such name.
    #[error("the endpoint {0} has no FIPS name, and FIPS endpoints are asked for")]
    NoFipsName(String),
    /// An answer that is not what the service's model says.
    #[error("{} got an answer that makes no sense", call.name())]
    BadAnswer {
        /// Which call.
        call: Call,
        /// What was wrong with it.
        detail: String,
    },
}

impl Error {
    /// The service's error code, if it was the service that said no.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Service { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// Sorts an SDK error; whose credentials are concerned is not known here.
fn sort<E>(call: Call, resource: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    match &error {
        SdkError::ServiceError(context) => match (context.err().code(), context.raw().status().as_u16()) {
            (Some(code), status) => Error::Service {
                call,
                code: code.to_owned(),
                message: without_what_was_signed(context.err().message().unwrap_or_default()),
                resource: resource.to_owned(),
                status,
            },
            (None, status) => no_answer_of_the_service(call, resource, status, &error),
        },
        SdkError::ResponseError(context) => {
            no_answer_of_the_service(call, resource, context.raw().status().as_u16(), &error)
        }
        SdkError::TimeoutError(_) => Error::Timeout { call },
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Error::Timeout { call },
        SdkError::DispatchFailure(failure) if is_credentials_failure(&error, failure.is_other()) => {
            Error::Credentials { profile: None, login: Login::Other, detail: causes(&error) }
        }
        SdkError::DispatchFailure(_) => match http::find(&error) {
            Some(source) => Error::Web { call, source: source.clone() },
            None => Error::Unreachable { call, detail: causes(&error) },
        },
        _ => Error::Unreachable { call, detail: causes(&error) },
    }
}

/// A service that finds a signature wrong quotes what was signed, the session's token included.
fn without_what_was_signed(message: &str) -> String {
    let end = ["The Canonical String", "The canonical string"].iter().filter_map(|begin| message.find(begin)).min();
    message[..end.unwrap_or(message.len())].trim_end().to_owned()
}

/// An answer without the service's form: a gateway's or a proxy's page, or half an answer.
fn no_answer_of_the_service(
    call: Call,
    resource: &str,
    status: u16,
    error: &(dyn std::error::Error + 'static),
) -> Error {
    if status < 400 {
        return Error::BadAnswer { call, detail: causes(error) };
    }
    let (code, resource) = (format!("HTTP {status}"), resource.to_owned());
    Error::Service { call, code, message: String::new(), resource, status }
}

/// The SDK reports a missing identity as a dispatch failure of kind "other"; the credentials error is among the causes.
fn is_credentials_failure(error: &(dyn std::error::Error + 'static), other: bool) -> bool {
    use aws_credential_types::provider::error::CredentialsError;
    let mut cause = Some(error);
    while let Some(current) = cause {
        if current.is::<CredentialsError>() || current.is::<imds::client::error::ImdsError>() {
            return true;
        }
        cause = current.source();
    }
    other && causes(error).contains("credential")
}

/// The chain of causes in one line, without the SDK's outer words that say nothing.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(current) = cause {
        // The connector's word for "neither a timeout nor the network", which tells a person nothing.
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
