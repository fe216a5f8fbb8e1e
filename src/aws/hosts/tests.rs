//! Tests of which hosts are AWS's own.

use super::is_aws_host;

const HOST: &str = "eice-0123456789abcdef0.0a1b2c3d.ec2-instance-connect-endpoint.us-west-2.amazonaws.com";

#[test]
fn secrets_go_to_hosts_of_aws_only() {
    let eice = ["ec2-instance-connect-endpoint"];
    let ssm = ["ssmmessages", "ssmmessages-fips"];
    let yes = [
        (HOST, &eice[..], "us-west-2"),
        ("eice-1.2.fips.ec2-instance-connect-endpoint.us-gov-west-1.amazonaws.com", &eice, "us-gov-west-1"),
        ("eice-1.2.ec2-instance-connect-endpoint.fips.us-east-1.amazonaws.com", &eice, "us-east-1"),
        ("eice-1.2.ec2-instance-connect-endpoint.eu-west-1.api.aws", &eice, "eu-west-1"),
        ("ssmmessages.eu-west-1.amazonaws.com", &ssm, "eu-west-1"),
        ("SSMMessages.eu-west-1.amazonaws.com", &ssm, "eu-west-1"),
        ("ssmmessages-fips.us-east-1.amazonaws.com", &ssm, "us-east-1"),
        ("ssmmessages.cn-north-1.amazonaws.com.cn", &ssm, "cn-north-1"),
    ];
    for (host, services, region) in yes {
        assert!(is_aws_host(host, services, region), "{host}");
    }
    let no = [
        ("ssmmessages.eu-west-1.amazonaws.com.evil.org", &ssm[..], "eu-west-1"),
        ("ssmmessages.eu-west-1.amazonaws.org", &ssm, "eu-west-1"),
        ("ssmmessages.eu-west-2.amazonaws.com", &ssm, "eu-west-1"),
        // Anyone can own an S3 bucket of this name.
        ("ssmmessages.s3.eu-west-1.amazonaws.com", &ssm, "eu-west-1"),
        ("evil.org/ssmmessages.eu-west-1.amazonaws.com", &ssm, "eu-west-1"),
        ("ssmmessages..eu-west-1.amazonaws.com", &eice, "eu-west-1"),
        ("evilamazonaws.com", &ssm, "eu-west-1"),
        ("ssmmessages.eu-west-1evil.amazonaws.com", &ssm, "eu-west-1"),
        ("ec2.eu-west-1.amazonaws.com", &ssm, "eu-west-1"),
        ("127.0.0.1", &ssm, "eu-west-1"),
        ("", &ssm, "eu-west-1"),
    ];
    for (host, services, region) in no {
        assert!(!is_aws_host(host, services, region), "{host}");
    }
}
