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
    SendSshPublicKey,
    DescribeInstanceConnectEndpoints,
    /// The websocket request that opens an endpoint's tunnel, through a signed URL.
    OpenTunnel,
    GetConnectionStatus,
    StartSession,
    ResumeSession,
    TerminateSession,
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
            Self::SendSshPublicKey => "SendSSHPublicKey",
            Self::DescribeInstanceConnectEndpoints => "DescribeInstanceConnectEndpoints",
            Self::OpenTunnel => "OpenTunnel",
            Self::GetConnectionStatus => "GetConnectionStatus",
            Self::StartSession => "StartSession",
            Self::ResumeSession => "ResumeSession",
            Self::TerminateSession => "TerminateSession",
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
            Self::SendSshPublicKey => "ec2-instance-connect:SendSSHPublicKey",
            Self::DescribeInstanceConnectEndpoints => "ec2:DescribeInstanceConnectEndpoints",
            Self::OpenTunnel => "ec2-instance-connect:OpenTunnel",
            Self::GetConnectionStatus => "ssm:GetConnectionStatus",
            Self::StartSession => "ssm:StartSession",
            Self::ResumeSession => "ssm:ResumeSession",
            Self::TerminateSession => "ssm:TerminateSession",
            Self::AssumeRole => "sts:AssumeRole",
        }
    }
}
