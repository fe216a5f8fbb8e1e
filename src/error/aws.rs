//! The words for what AWS said: every error code that a person may meet, and the next command to type.
//!
//! Codes: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html> and the errors of
//! SendSSHPublicKey in the EC2 Instance Connect API reference.

use crate::aws::{Call, Error, Login};
use crate::text::shell_word;

use super::CommandError;

/// What a code means, and what to type. `RESOURCE` and `ACTION` are filled in.
struct Words {
    meaning: &'static str,
    hint: &'static str,
}

const WHO_AM_I: &str =
    "see who you are: aws sts get-caller-identity; then allow ACTION on RESOURCE in that identity's IAM policy";
const WRONG_PLACE: &str =
    "see what is there: ec2ssh list; another region or account: ec2ssh --region REGION --profile PROFILE …";
const SLOW_DOWN: &str = "wait a few seconds, then run the same command again";
const NEW_CREDENTIALS: &str =
    "get new credentials (aws sso login, aws login, or aws configure) and check the clock: date -u";

const NETWORK: &str =
    "check the network and the proxy: env | grep -i proxy; and the endpoint, if you set one: env | grep AWS_ENDPOINT";
const PROXY: &str =
    "something between here and AWS may have answered in its place: env | grep -iE 'proxy|AWS_ENDPOINT'";

/// The table.
const WORDS: &[(&str, Words)] = &[
    (
        "AuthException",
        Words {
            meaning: "the credentials are not allowed to push a key to this instance, or not for this login user (condition ec2:osuser)",
            hint: WHO_AM_I,
        },
    ),
    (
        "InvalidArgsException",
        Words {
            meaning: "the service does not take the key's type or size, or the user's name",
            hint: "push an RSA or ed25519 key, for a user of at most 32 plain characters: ec2ssh USER@RESOURCE",
        },
    ),
    (
        "EC2InstanceNotFoundException",
        Words { meaning: "there is no such instance in this region and account", hint: WRONG_PLACE },
    ),
    (
        "EC2InstanceStateInvalidException",
        Words { meaning: "the instance is not running", hint: "start it and connect: ec2ssh --start RESOURCE" },
    ),
    (
        "EC2InstanceUnavailableException",
        Words {
            meaning: "the instance is unavailable for the moment",
            hint: "try again in a few minutes; its state: aws ec2 describe-instance-status --instance-ids RESOURCE",
        },
    ),
    ("ThrottlingException", Words { meaning: "too many calls in a short time", hint: SLOW_DOWN }),
    ("Throttling", Words { meaning: "too many calls in a short time", hint: SLOW_DOWN }),
    (
        "RequestLimitExceeded",
        Words { meaning: "too many calls in a short time in this account and region", hint: SLOW_DOWN },
    ),
    (
        "SerialConsoleAccessDisabledException",
        Words {
            meaning: "this account has not enabled the serial console in this region",
            hint: "aws ec2 enable-serial-console-access",
        },
    ),
    (
        "EC2InstanceTypeInvalidException",
        Words {
            meaning: "the serial console needs an instance type of the Nitro system",
            hint: "connect over the network: ec2ssh RESOURCE",
        },
    ),
    (
        "SerialConsoleSessionLimitExceededException",
        Words {
            meaning: "somebody is on the serial console already, and it takes one session at a time",
            hint: "wait 30 s after the other session has ended, then run the same command again",
        },
    ),
    ("ServiceException", Words { meaning: "the service failed", hint: SLOW_DOWN }),
    ("InternalError", Words { meaning: "the service failed", hint: SLOW_DOWN }),
    ("Unavailable", Words { meaning: "the service is overloaded", hint: SLOW_DOWN }),
    ("InvalidInstanceID.Malformed", Words { meaning: "that is not the form of an instance id", hint: WRONG_PLACE }),
    (
        "InvalidInstanceID.NotFound",
        Words {
            meaning: "there is no such instance in this region and account, or it was launched a moment ago",
            hint: WRONG_PLACE,
        },
    ),
    (
        "InvalidInstanceConnectEndpointId.NotFound",
        Words {
            meaning: "there is no such endpoint in this region and account",
            hint: "see those there are: aws ec2 describe-instance-connect-endpoints",
        },
    ),
    ("UnauthorizedOperation", Words { meaning: "the IAM action ACTION is not allowed on RESOURCE", hint: WHO_AM_I }),
    ("AccessDenied", Words { meaning: "the IAM action ACTION is not allowed on RESOURCE", hint: WHO_AM_I }),
    ("AccessDeniedException", Words { meaning: "the IAM action ACTION is not allowed on RESOURCE", hint: WHO_AM_I }),
    ("AuthFailure", Words { meaning: "the credentials are not valid", hint: NEW_CREDENTIALS }),
    ("InvalidClientTokenId", Words { meaning: "the access key is not known", hint: NEW_CREDENTIALS }),
    ("UnrecognizedClientException", Words { meaning: "the access key is not known", hint: NEW_CREDENTIALS }),
    ("SignatureDoesNotMatch", Words { meaning: "the secret access key is not the right one", hint: NEW_CREDENTIALS }),
    ("ExpiredToken", Words { meaning: "the credentials have expired", hint: NEW_CREDENTIALS }),
    ("ExpiredTokenException", Words { meaning: "the credentials have expired", hint: NEW_CREDENTIALS }),
    (
        "RequestExpired",
        Words {
            meaning: "the credentials have expired, or this machine's clock is more than 15 minutes off",
            hint: NEW_CREDENTIALS,
        },
    ),
    (
        "OptInRequired",
        Words {
            meaning: "this region is not enabled in the account",
            hint: "enable it (aws account enable-region --region-name REGION) or name another: ec2ssh --region REGION …",
        },
    ),
    (
        "DryRunOperation",
        Words { meaning: "the permission is there; it was only tried", hint: "run it without --dry-run" },
    ),
    (
        "IncorrectInstanceState",
        Words {
            meaning: "the instance is in a state that does not allow it",
            hint: "wait until it has stopped or started, then run the same command again: ec2ssh list",
        },
    ),
    (
        "InsufficientInstanceCapacity",
        Words {
            meaning: "AWS has no room for this instance type in its zone now",
            hint: "try again in a few minutes: ec2ssh --start RESOURCE",
        },
    ),
    (
        "TargetNotConnected",
        Words {
            meaning: "the Systems Manager agent of the instance is not online (agent stopped, no role, or no route on port 443)",
            hint: "aws ssm describe-instance-information --filters Key=InstanceIds,Values=RESOURCE",
        },
    ),
];

/// What a code means and what to type for it, for a call's IAM action and the resource concerned.
pub fn words_for_code(code: &str, action: &str, resource: &str) -> Option<(String, String)> {
    let words = WORDS.iter().find(|(known, _)| *known == code).map(|(_, words)| words)?;
    let fill = |text: &str| text.replace("ACTION", action).replace("RESOURCE", resource);
    Some((fill(words.meaning), fill(words.hint)))
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::NoRegion => Self::failed(message)
                .hint("name one: ec2ssh --region eu-west-1 …; for good: aws configure set region eu-west-1"),
            Error::NoProfile(_) => Self::failed(message).hint("see those there are: aws configure list-profiles"),
            Error::BadRegion(_) => Self::failed(message).hint("a region looks like this: --region eu-west-1"),
            Error::Credentials { profile, login, detail } => credentials(profile.as_deref(), login, &detail),
            Error::Service { call, code, message, resource, status } => {
                service(call, &code, &message, &resource, status)
            }
            Error::Timeout { .. } | Error::Unreachable { .. } => {
                let detail = match &error {
                    Error::Unreachable { detail, .. } => detail.as_str(),
                    _ => "",
                };
                Self::failed(message).cause(detail).hint(NETWORK)
            }
            Error::BadAnswer { detail, .. } => Self::failed(message).cause(detail).hint(PROXY),
            Error::Web { source, .. } => {
                let words = Self::from(source);
                let mut error = Self::failed(message).cause(words.message);
                error.causes.extend(words.causes);
                error.hints.extend(words.hints);
                error
            }
            Error::ForeignHost { .. } => Self::failed(message)
                .cause("nothing secret is sent there; whoever answers in AWS's place could say so")
                .hint(PROXY),
            Error::NoFipsName(_) => Self::failed(message)
                .hint("without FIPS: AWS_USE_FIPS_ENDPOINT=false ec2ssh …; or another way: ec2ssh --via ssm …"),
        }
    }
}

fn service(call: Call, code: &str, words: &str, resource: &str, status: u16) -> CommandError {
    let action = call.iam_action();
    let on = if resource == "*" { String::new() } else { format!(" for {resource}") };
    let message = format!("{}{on} failed: {code}", call.name());
    // The encoded part of a denial is of use to one command only, and it is long.
    let (words, encoded) = match words.split_once("Encoded authorization failure message:") {
        Some((words, encoded)) => (words.trim(), Some(encoded.trim())),
        None => (words.trim(), None),
    };
    let error = CommandError::failed(message);
    // What describes cannot be allowed for one resource alone.
    let allowed_on = if call.name().starts_with("Describe") { "*" } else { resource };
    let error = match words_for_code(code, action, allowed_on) {
        Some((meaning, hint)) => error.cause(meaning).cause(said(words)).hint(hint),
        None if status >= 500 => {
            error.cause("the service, or something before it, failed").cause(said(words)).hint(SLOW_DOWN)
        }
        None if code.starts_with("HTTP ") => {
            error.cause("that is not how the service says no: something else answered").hint(PROXY)
        }
        None => error.cause(said(words)).hint(format!("the call needs the IAM action {action}; see all: ec2ssh -vv …")),
    };
    match encoded {
        Some(text) => error.hint(format!(
            "decode the reason: aws sts decode-authorization-message --encoded-message {}",
            shell_word(text)
        )),
        None => error,
    }
}

fn said(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!("AWS says: {words}") }
}

/// Credentials that cannot be loaded: the way the profile logs in tells what renews them.
fn credentials(profile: Option<&str>, login: Login, detail: &str) -> CommandError {
    let with_profile = |command: &str| match profile {
        Some(name) => format!("{command} --profile {}", shell_word(name)),
        None => command.to_owned(),
    };
    let of_profile = profile.map_or(String::new(), |name| format!(" of profile {name}"));
    let (session, renew) = match login {
        Login::Sso => ("SSO session", with_profile("aws sso login")),
        Login::Session => ("login session", with_profile("aws login")),
        Login::Other => {
            return CommandError::failed(format!("no usable AWS credentials{of_profile}"))
                .cause(detail)
                .hint(format!("log in: {}; or name a profile: ec2ssh --profile PROFILE …", with_profile("aws login")))
                .hint(format!("see what is set: {}", with_profile("aws configure list")));
        }
    };
    // The network, not the session: to log in anew would fail just so.
    if detail.contains("dispatch failure") {
        return CommandError::failed(format!("the credentials{of_profile} could not be fetched"))
            .cause(detail)
            .hint(NETWORK)
            .hint(renew);
    }
    CommandError::failed(format!("the {session}{of_profile} has expired or was never begun")).cause(detail).hint(renew)
}
