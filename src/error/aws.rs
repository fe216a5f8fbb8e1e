//! Explains AWS errors: each error code that a user may meet, with its meaning and the next command to type.
//!
//! Codes: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html> and the errors of
//! SendSSHPublicKey in the EC2 Instance Connect API reference.

use std::sync::Arc;

use super::{CommandError, LoginCommand};
use crate::aws::model::LoginMethod;
use crate::aws::{Call, ChainError, Error, ProcessError, zone_region};
use crate::text::shell_word;

/// The meaning of an error code and a hint. The placeholders `RESOURCE` and `ACTION` are filled in later.
struct Explanation {
    meaning: &'static str,
    hint: &'static str,
}

const CHECK_IDENTITY: &str =
    "show your identity: aws sts get-caller-identity; then allow ACTION on RESOURCE in that identity's IAM policy";
const CHECK_REGION: &str =
    "list the instances: ec2ssh list; in another region or account: ec2ssh --region REGION --profile PROFILE …";
const RETRY_LATER: &str = "wait a few seconds, then run the same command again";
const RENEW_CREDENTIALS: &str =
    "get new credentials (aws sso login, aws login, or aws configure) and check the clock: date -u";

const CHECK_NETWORK: &str =
    "check the network and the proxy: env | grep -i proxy; and the endpoint, if you set one: env | grep AWS_ENDPOINT";
const CHECK_PROXY: &str =
    "check for a proxy or a custom endpoint that answers in place of AWS: env | grep -iE 'proxy|AWS_ENDPOINT'";

/// The known AWS error codes with their explanations.
const ERROR_CODES: &[(&str, Explanation)] = &[
    (
        "AuthException",
        Explanation {
            meaning: "the credentials are not allowed to push a key to this instance, or not for this login user (condition ec2:osuser)",
            hint: CHECK_IDENTITY,
        },
    ),
    (
        "InvalidArgsException",
        Explanation {
            meaning: "the service does not accept the key's type or size, or the user name",
            hint: "use an RSA or ed25519 key, and a user name of at most 32 plain characters: ec2ssh USER@RESOURCE",
        },
    ),
    (
        "EC2InstanceNotFoundException",
        Explanation { meaning: "no such instance in this region and account", hint: CHECK_REGION },
    ),
    (
        "EC2InstanceStateInvalidException",
        Explanation { meaning: "the instance is not running", hint: "start it and connect: ec2ssh --start RESOURCE" },
    ),
    (
        "EC2InstanceUnavailableException",
        Explanation {
            meaning: "the instance is temporarily unavailable",
            hint: "try again in a few minutes; show its state: aws ec2 describe-instance-status --instance-ids RESOURCE",
        },
    ),
    ("ThrottlingException", Explanation { meaning: "throttled: too many calls in a short time", hint: RETRY_LATER }),
    ("Throttling", Explanation { meaning: "throttled: too many calls in a short time", hint: RETRY_LATER }),
    (
        "RequestLimitExceeded",
        Explanation {
            meaning: "throttled: too many calls in a short time in this account and region",
            hint: RETRY_LATER,
        },
    ),
    (
        "SerialConsoleAccessDisabledException",
        Explanation {
            meaning: "this account has not enabled the serial console in this region",
            hint: "enable it: aws ec2 enable-serial-console-access; if that is denied, an organization forbids it: aws ec2 get-serial-console-access-status",
        },
    ),
    (
        "EC2InstanceTypeInvalidException",
        Explanation {
            meaning: "the serial console requires a Nitro-based instance type",
            hint: "connect over the network: ec2ssh RESOURCE; see the screen: ec2ssh info --screenshot FILE RESOURCE",
        },
    ),
    (
        "SerialConsoleSessionLimitExceededException",
        Explanation {
            meaning: "the serial console is in use, and it allows one session at a time",
            hint: "wait 30 s after the other session has ended, then run the same command again",
        },
    ),
    (
        "SerialConsoleSessionUnavailableException",
        Explanation {
            meaning: "the service cannot start a session on the serial console at the moment",
            hint: "wait a minute, then run the same command again",
        },
    ),
    (
        "SerialConsoleSessionUnsupportedException",
        Explanation {
            meaning: "the instance runs with an older firmware, which the serial console does not support",
            hint: "stop and start it (a reboot is not enough): aws ec2 stop-instances --instance-ids RESOURCE",
        },
    ),
    ("ServiceException", Explanation { meaning: "internal error of the AWS service", hint: RETRY_LATER }),
    ("InternalError", Explanation { meaning: "internal error of the AWS service", hint: RETRY_LATER }),
    ("Unavailable", Explanation { meaning: "the service is overloaded", hint: RETRY_LATER }),
    ("InvalidInstanceID.Malformed", Explanation { meaning: "malformed instance id", hint: CHECK_REGION }),
    (
        "InvalidInstanceID.NotFound",
        Explanation {
            meaning: "no such instance in this region and account, or it was launched a moment ago",
            hint: CHECK_REGION,
        },
    ),
    (
        "InvalidInstanceConnectEndpointId.NotFound",
        Explanation {
            meaning: "no such EC2 Instance Connect Endpoint (EICE) in this region and account",
            hint: "list the endpoints: aws ec2 describe-instance-connect-endpoints",
        },
    ),
    (
        "UnauthorizedOperation",
        Explanation { meaning: "the IAM action ACTION is not allowed on RESOURCE", hint: CHECK_IDENTITY },
    ),
    ("AccessDenied", Explanation { meaning: "the IAM action ACTION is not allowed on RESOURCE", hint: CHECK_IDENTITY }),
    (
        "AccessDeniedException",
        Explanation { meaning: "the IAM action ACTION is not allowed on RESOURCE", hint: CHECK_IDENTITY },
    ),
    ("AuthFailure", Explanation { meaning: "the credentials are not valid", hint: RENEW_CREDENTIALS }),
    ("InvalidClientTokenId", Explanation { meaning: "unknown access key", hint: RENEW_CREDENTIALS }),
    ("UnrecognizedClientException", Explanation { meaning: "unknown access key", hint: RENEW_CREDENTIALS }),
    ("SignatureDoesNotMatch", Explanation { meaning: "the secret access key is wrong", hint: RENEW_CREDENTIALS }),
    ("ExpiredToken", Explanation { meaning: "the credentials have expired", hint: RENEW_CREDENTIALS }),
    ("ExpiredTokenException", Explanation { meaning: "the credentials have expired", hint: RENEW_CREDENTIALS }),
    (
        "RequestExpired",
        Explanation {
            meaning: "the credentials have expired, or this machine's clock is more than 15 minutes off",
            hint: RENEW_CREDENTIALS,
        },
    ),
    (
        "OptInRequired",
        Explanation {
            meaning: "this region is not enabled in the account",
            hint: "enable it (aws account enable-region --region-name REGION) or use another: ec2ssh --region REGION …",
        },
    ),
    ("DryRunOperation", Explanation { meaning: "permitted, but this was a dry run", hint: "run it without --dry-run" }),
    (
        "IncorrectInstanceState",
        Explanation {
            meaning: "the instance is in a state that does not allow this call",
            hint: "wait until it has stopped or started, then run the same command again: ec2ssh list",
        },
    ),
    (
        "InsufficientInstanceCapacity",
        Explanation {
            meaning: "AWS has no capacity for this instance type in this Availability Zone at the moment",
            hint: "try again in a few minutes: ec2ssh --start RESOURCE",
        },
    ),
    (
        "InvalidDocument",
        Explanation {
            meaning: "there is no such document in this account and region",
            hint: "list the documents for sessions: aws ssm list-documents --filters Key=DocumentType,Values=Session",
        },
    ),
    (
        "InvalidParameters",
        Explanation {
            meaning: "the document does not take these parameters",
            hint: "see what it takes: aws ssm describe-document --name NAME --query Document.Parameters",
        },
    ),
    (
        "TargetNotConnected",
        Explanation {
            meaning: "the SSM Agent of the instance is not online (agent stopped, no role, or no route on port 443)",
            hint: "show its Systems Manager status: aws ssm describe-instance-information --filters Key=InstanceIds,Values=RESOURCE",
        },
    ),
];

/// Returns the meaning and the hint for an error code, filled in with the call's IAM action and the resource.
pub(super) fn explain_code(code: &str, action: &str, resource: &str) -> Option<(String, String)> {
    let words = ERROR_CODES.iter().find(|(known, _)| *known == code).map(|(_, words)| words)?;
    let fill = |text: &str| text.replace("ACTION", action).replace("RESOURCE", resource);
    Some((fill(words.meaning), fill(words.hint)))
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        Self::from(&error).with_source(Arc::new(error))
    }
}

impl From<&Error> for CommandError {
    fn from(error: &Error) -> Self {
        let message = error.to_string();
        match error {
            Error::NoRegion => Self::failed(message)
                .hint("set one: ec2ssh --region eu-west-1 …; permanently: aws configure set region eu-west-1"),
            Error::NoProfile(_) => Self::failed(message).hint("list the profiles: aws configure list-profiles"),
            Error::BadRegion(given) => match zone_region(given) {
                Some(region) => Self::failed(format!("'{given}' is an Availability Zone, not a region"))
                    .hint(format!("use its region: --region {region}; check also AWS_REGION and the profile's region")),
                None => Self::failed(message).hint("use a region code: --region eu-west-1"),
            },
            Error::Profile(error) => profile(error),
            Error::NoMfaCode { profile, .. } => Self::failed(message)
                .cause("there is no terminal on which the code can be asked for")
                .hint(format!(
                    "run this in a terminal first, ec2ssh uses the credentials that it caches: aws sts get-caller-identity --profile {}",
                    shell_word(profile)
                )),
            Error::CredentialProcess { profile, source } => credential_process(message, profile, source),
            Error::Clock { .. } => Self::failed(message)
                .cause("AWS refuses requests whose time differs from its own by more than 5 minutes")
                .hint("set the clock: sudo timedatectl set-ntp true; compare it: date -u"),
            Error::Credentials { profile, login, detail } => credentials(profile.as_deref(), *login, detail),
            Error::Service { call, code, message, resource, status } => {
                service(*call, code, message, resource, *status)
            }
            Error::NotAsked { .. } => Self::failed(message).hint("with AWS: leave --offline out"),
            Error::Timeout { .. } => Self::failed(message).hint(CHECK_NETWORK),
            Error::Unreachable { detail, .. } => Self::failed(message).cause(detail).hint(CHECK_NETWORK),
            Error::InvalidResponse { detail, .. } => Self::failed(message).cause(detail).hint(CHECK_PROXY),
            Error::Web { source, .. } => {
                let words = Self::from(source);
                let mut error = Self::failed(message).cause(words.message);
                error.causes.extend(words.causes);
                error.hints.extend(words.hints);
                error
            }
            Error::UntrustedHost { .. } => Self::failed(message)
                .cause("no credentials or tokens are sent to a host outside AWS; a server that impersonates AWS could name such a host")
                .hint(CHECK_PROXY),
            Error::NoFipsName(_) => Self::failed(message)
                .hint("without FIPS: AWS_USE_FIPS_ENDPOINT=false ec2ssh …; or use another route: ec2ssh --via ssm …"),
        }
    }
}

fn service(call: Call, code: &str, words: &str, resource: &str, status: u16) -> CommandError {
    let action = call.iam_action();
    let on = if resource == "*" { String::new() } else { format!(" for {resource}") };
    let message = format!("{}{on} failed: {code}", call.name());
    // The encoded part of a denial is long and serves only the decoding command, so it is moved to a hint.
    let (words, encoded) = match words.split_once("Encoded authorization failure message:") {
        Some((words, encoded)) => (words.trim(), Some(encoded.trim())),
        None => (words.trim(), None),
    };
    let error = CommandError::failed(message);
    if words.contains("MultiFactorAuthentication") {
        let hint = "a code is valid once and for about 30 s: wait for the next one, then run the same command again";
        return error.cause(quote_aws(words)).hint(hint);
    }
    // Describe actions do not support resource-level permissions.
    let allowed_on = if call.name().starts_with("Describe") { "*" } else { resource };
    let error = match explain_code(code, action, allowed_on) {
        Some((meaning, hint)) => error.cause(meaning).cause(quote_aws(words)).hint(hint),
        None if status >= 500 => {
            error.cause("AWS, or a proxy in between, returned HTTP 5xx").cause(quote_aws(words)).hint(RETRY_LATER)
        }
        None if code.starts_with("HTTP ") => {
            error.cause("unexpected response: probably not from AWS").hint(CHECK_PROXY)
        }
        None => error
            .cause(quote_aws(words))
            .hint(format!("the call requires the IAM action {action}; show all details: ec2ssh -vv …")),
    };
    match encoded {
        Some(text) => error.hint(format!(
            "decode the reason: aws sts decode-authorization-message --encoded-message {}",
            shell_word(text)
        )),
        None => error,
    }
}

fn quote_aws(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!("AWS says: {words}") }
}

/// Explains a profile's configuration that leads to no credentials.
fn profile(error: &ChainError) -> CommandError {
    match error {
        ChainError::Unreadable(unreadable) => {
            let path = unreadable.path.display().to_string();
            let line = unreadable.problem.line.map_or(String::new(), |line| format!(", line {line}"));
            let hint = match unreadable.problem.line {
                Some(line) => format!("show the line: sed -n {line}p {}", shell_word(&path)),
                None => format!("ls -l {}", shell_word(&path)),
            };
            CommandError::failed(format!("cannot read {path}{line}: {}", unreadable.problem.text)).hint(hint)
        }
        ChainError::NoSourceProfile { .. } => {
            CommandError::failed(error.to_string()).hint("list the profiles: aws configure list-profiles")
        }
        ChainError::UnknownSource { .. } => {
            CommandError::failed(error.to_string()).hint("use Environment, Ec2InstanceMetadata or EcsContainer")
        }
        ChainError::HalfAKey { profile, .. } | ChainError::NoCredentials(profile) => {
            CommandError::failed(error.to_string()).hint(format!("aws configure --profile {}", shell_word(profile)))
        }
        ChainError::NoSource(profile) | ChainError::TwoSources(profile) | ChainError::Loop(profile) => {
            CommandError::failed(error.to_string())
                .hint(format!("show its settings: aws configure list --profile {}", shell_word(profile)))
        }
    }
}

fn credential_process(message: String, profile: &str, error: &ProcessError) -> CommandError {
    let plain = CommandError::failed(message).cause(error.to_string());
    match error {
        ProcessError::Failed { said, .. } => {
            said.lines().fold(plain, |error, line| error.cause(format!("it said: {}", line.trim()))).hint(format!(
                "run it yourself: $(aws configure get credential_process --profile {})",
                shell_word(profile)
            ))
        }
        ProcessError::Output { .. } => {
            plain.hint("the format: https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html")
        }
        ProcessError::CommandLine | ProcessError::Start { .. } => plain
            .hint(format!("show the command: aws configure get credential_process --profile {}", shell_word(profile))),
    }
}

/// Explains credentials that cannot be loaded. The profile's login method determines the command that renews them.
fn credentials(profile: Option<&str>, login: LoginMethod, detail: &str) -> CommandError {
    let words = |command: &str| {
        let of_profile = profile.iter().flat_map(|name| ["--profile", name]);
        command.split(' ').chain(of_profile).map(str::to_owned).collect::<Vec<_>>()
    };
    let with_profile = |command: &str| words(command).iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ");
    let of_profile = profile.map_or(String::new(), |name| format!(" of profile {name}"));
    let (session, command) = match login {
        LoginMethod::Sso => ("SSO session", "aws sso login"),
        LoginMethod::Session => ("login session", "aws login"),
        LoginMethod::Other => {
            return CommandError::failed(format!("no usable AWS credentials{of_profile}"))
                .cause(detail)
                .hint(format!(
                    "log in: {}; or use another profile: ec2ssh --profile PROFILE …",
                    with_profile("aws login")
                ))
                .hint(format!("show the configured credentials: {}", with_profile("aws configure list")));
        }
    };
    let cannot_fetch = || CommandError::failed(format!("cannot fetch the credentials{of_profile}")).cause(detail);
    let has = |signs: &[&str]| signs.iter().any(|sign| detail.contains(sign));
    // The network failed, not the session: a new login would fail in the same way.
    if has(&["dispatch failure", "did not come within"]) {
        return cannot_fetch().hint(CHECK_NETWORK).hint(with_profile(command));
    }
    // The session is good, and the account or the role of the profile is not among those of the user.
    if has(&["ForbiddenException", "No access"]) {
        let show = with_profile("aws configure list");
        return cannot_fetch()
            .hint(format!("the login does not have this account or role: {show}"))
            .hint("ask the administrator of IAM Identity Center for the permission set");
    }
    let error = CommandError::failed(format!("the {session}{of_profile} has expired or was never started"));
    CommandError {
        login_command: Some(Box::new(LoginCommand(words(command)))),
        ..error.cause(detail).hint(with_profile(command))
    }
}
