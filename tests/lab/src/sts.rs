//! AssumeRole and GetCallerIdentity of STS: roles that may require a code of an MFA device.

use axum::body::Body;
use axum::http::Response;

use crate::ec2::parameter;
use crate::fault::respond;
use crate::network::ACCOUNT;
use crate::state::State;

/// A role that may be assumed.
#[derive(Clone, Debug)]
pub struct Role {
    /// The ARN of the role.
    pub arn: String,
    /// The MFA device and its current code, if they are required.
    pub mfa: Option<(String, String)>,
    /// The access key id that AssumeRole returns.
    pub access_key: String,
    /// The end of the credentials' life, in RFC 3339 format.
    pub expiration: String,
}

/// Answers AssumeRole, with the code checked.
pub(crate) fn assume_role(state: &State, body: &str) -> Response<Body> {
    let of = |name: &str| parameter(body, name).unwrap_or_default();
    let (arn, session) = (of("RoleArn"), of("RoleSessionName"));
    let Some(role) = state.roles.iter().find(|role| role.arn == arn) else { return denied(&arn) };
    if let Some((serial, code)) = &role.mfa {
        let given = of("TokenCode");
        if given.is_empty() || of("SerialNumber") != *serial {
            return denied(&arn);
        }
        if given != *code {
            return failed("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.");
        }
    }
    let assumed = arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/");
    let (key, expiration, secret) = (&role.access_key, &role.expiration, crate::SECRET);
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:{session}</AssumedRoleId><Arn>{assumed}/{session}</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>token-of-the-role</SessionToken><Expiration>{expiration}</Expiration></Credentials>\
         </AssumeRoleResult></AssumeRoleResponse>"
    );
    respond(200, "text/xml", body)
}

/// Answers GetCallerIdentity: a user of the account.
pub(crate) fn identity() -> Response<Body> {
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{ACCOUNT}:user/alice</Arn><UserId>AIDAEXAMPLE</UserId><Account>{ACCOUNT}</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    respond(200, "text/xml", body)
}

fn denied(arn: &str) -> Response<Body> {
    failed(
        "AccessDenied",
        &format!(
            "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: sts:AssumeRole on resource: {arn}"
        ),
    )
}

fn failed(code: &str, message: &str) -> Response<Body> {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>q-1</RequestId></ErrorResponse>"
    );
    respond(403, "text/xml", body)
}
