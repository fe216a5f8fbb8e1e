//! The API calls to AWS: their names, and the IAM actions that allow them.

/// An API call, named in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the API operations")]
pub(crate) enum Call {
    DescribeInstances,
    DescribeImages,
    GetConsoleOutput,
    StartInstances,
    DescribeInstanceInformation,
    GetConsoleScreenshot,
    DescribeInstanceAttribute,
    DescribeInstanceStatus,
    DescribeKeyPairs,
    DescribeSecurityGroupRules,
    GetManagedPrefixListEntries,
    DescribeSubnets,
    DescribeRouteTables,
    DescribeNetworkAcls,
    DescribeVpcBlockPublicAccessOptions,
    DescribeVpcBlockPublicAccessExclusions,
    AuthorizeSecurityGroupIngress,
    DescribeRegions,
    GetCallerIdentity,
    SendSshPublicKey,
    DescribeInstanceConnectEndpoints,
    /// The websocket request that opens an endpoint's tunnel, through a signed URL.
    OpenTunnel,
    GetConnectionStatus,
    StartSession,
    ResumeSession,
    TerminateSession,
    /// The key of an encrypted session.
    GenerateDataKey,
    StartAccessRequest,
    GetAccessToken,
    GetPasswordData,
    SendSerialConsoleSshPublicKey,
    /// The call to STS that a profile's role_arn asks for.
    AssumeRole,
}

impl Call {
    /// Returns the API's name for the call.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DescribeInstances => "DescribeInstances",
            Self::DescribeImages => "DescribeImages",
            Self::GetConsoleOutput => "GetConsoleOutput",
            Self::StartInstances => "StartInstances",
            Self::DescribeInstanceInformation => "DescribeInstanceInformation",
            Self::GetConsoleScreenshot => "GetConsoleScreenshot",
            Self::DescribeInstanceAttribute => "DescribeInstanceAttribute",
            Self::DescribeInstanceStatus => "DescribeInstanceStatus",
            Self::DescribeKeyPairs => "DescribeKeyPairs",
            Self::DescribeSecurityGroupRules => "DescribeSecurityGroupRules",
            Self::GetManagedPrefixListEntries => "GetManagedPrefixListEntries",
            Self::DescribeSubnets => "DescribeSubnets",
            Self::DescribeRouteTables => "DescribeRouteTables",
            Self::DescribeNetworkAcls => "DescribeNetworkAcls",
            Self::DescribeVpcBlockPublicAccessOptions => "DescribeVpcBlockPublicAccessOptions",
            Self::DescribeVpcBlockPublicAccessExclusions => "DescribeVpcBlockPublicAccessExclusions",
            Self::AuthorizeSecurityGroupIngress => "AuthorizeSecurityGroupIngress",
            Self::DescribeRegions => "DescribeRegions",
            Self::GetCallerIdentity => "GetCallerIdentity",
            Self::SendSshPublicKey => "SendSSHPublicKey",
            Self::DescribeInstanceConnectEndpoints => "DescribeInstanceConnectEndpoints",
            Self::OpenTunnel => "OpenTunnel",
            Self::GetConnectionStatus => "GetConnectionStatus",
            Self::StartSession => "StartSession",
            Self::ResumeSession => "ResumeSession",
            Self::TerminateSession => "TerminateSession",
            Self::GenerateDataKey => "GenerateDataKey",
            Self::StartAccessRequest => "StartAccessRequest",
            Self::GetAccessToken => "GetAccessToken",
            Self::GetPasswordData => "GetPasswordData",
            Self::SendSerialConsoleSshPublicKey => "SendSerialConsoleSSHPublicKey",
            Self::AssumeRole => "AssumeRole",
        }
    }

    /// Returns the IAM action that allows the call.
    pub(crate) fn iam_action(self) -> &'static str {
        match self {
            Self::DescribeInstances => "ec2:DescribeInstances",
            Self::DescribeImages => "ec2:DescribeImages",
            Self::GetConsoleOutput => "ec2:GetConsoleOutput",
            Self::StartInstances => "ec2:StartInstances",
            Self::DescribeInstanceInformation => "ssm:DescribeInstanceInformation",
            Self::GetConsoleScreenshot => "ec2:GetConsoleScreenshot",
            Self::DescribeInstanceAttribute => "ec2:DescribeInstanceAttribute",
            Self::DescribeInstanceStatus => "ec2:DescribeInstanceStatus",
            Self::DescribeKeyPairs => "ec2:DescribeKeyPairs",
            Self::DescribeSecurityGroupRules => "ec2:DescribeSecurityGroupRules",
            Self::GetManagedPrefixListEntries => "ec2:GetManagedPrefixListEntries",
            Self::DescribeSubnets => "ec2:DescribeSubnets",
            Self::DescribeRouteTables => "ec2:DescribeRouteTables",
            Self::DescribeNetworkAcls => "ec2:DescribeNetworkAcls",
            Self::DescribeVpcBlockPublicAccessOptions => "ec2:DescribeVpcBlockPublicAccessOptions",
            Self::DescribeVpcBlockPublicAccessExclusions => "ec2:DescribeVpcBlockPublicAccessExclusions",
            Self::AuthorizeSecurityGroupIngress => "ec2:AuthorizeSecurityGroupIngress",
            Self::DescribeRegions => "ec2:DescribeRegions",
            Self::GetCallerIdentity => "sts:GetCallerIdentity",
            Self::SendSshPublicKey => "ec2-instance-connect:SendSSHPublicKey",
            Self::DescribeInstanceConnectEndpoints => "ec2:DescribeInstanceConnectEndpoints",
            Self::OpenTunnel => "ec2-instance-connect:OpenTunnel",
            Self::GetConnectionStatus => "ssm:GetConnectionStatus",
            Self::StartSession => "ssm:StartSession",
            Self::ResumeSession => "ssm:ResumeSession",
            Self::TerminateSession => "ssm:TerminateSession",
            Self::GenerateDataKey => "kms:GenerateDataKey",
            Self::StartAccessRequest => "ssm:StartAccessRequest",
            Self::GetAccessToken => "ssm:GetAccessToken",
            Self::GetPasswordData => "ec2:GetPasswordData",
            Self::SendSerialConsoleSshPublicKey => "ec2-instance-connect:SendSerialConsoleSSHPublicKey",
            Self::AssumeRole => "sts:AssumeRole",
        }
    }
}
