//! An instance's health and its key pair, and who asks. Text is untrusted.

use serde::Serialize;

/// The status checks of an instance: each `ok`, `impaired`, `initializing`, `insufficient-data` or `not-applicable`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceStatus {
    /// The check of the host and its network.
    pub system: String,
    /// The check of the instance itself.
    pub instance: String,
    /// The check of its EBS volumes.
    pub ebs: String,
    /// The events that AWS has scheduled, in its words.
    pub events: Vec<String>,
}

/// A key pair of EC2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyPair {
    /// The name of the key pair.
    pub name: String,
    /// The fingerprint, which AWS makes in one of three ways.
    pub fingerprint: String,
    /// The kind: `rsa` or `ed25519`.
    pub kind: String,
}

/// The owner of the credentials (GetCallerIdentity in the STS API).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Identity {
    /// The number of the account.
    pub account: String,
    /// The ARN of the user or role.
    pub arn: String,
}
