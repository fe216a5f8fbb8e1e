//! EC2 Instance Connect Endpoints (EICE): the choice of an endpoint, signed URLs, the check for AWS host names, and
//! error responses.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use ec2ssh::aws::endpoints::{TunnelRequest, tunnel_url};
use ec2ssh::aws::hosts::is_aws_host;
use ec2ssh::aws::model::{AddressType, Endpoint, Instance};
use ec2ssh::aws::sign::Signer;
use ec2ssh::config::AddressKind;
use ec2ssh::plan::route::{EndpointError, Nearness, choose};
use ec2ssh::secret::Secret;
use ec2ssh::transport::websocket::UpgradeRefusal;
use http::HeaderMap;

/// The signing time of the examples, 20200101T010101Z.
const SIGNED_AT: u64 = 1_577_840_461;
const HOST: &str = "eice-0123456789abcdef0.0a1b2c3d.ec2-instance-connect-endpoint.us-west-2.amazonaws.com";

fn signed(token: Option<&str>, address: &str, max_duration: Option<u32>) -> String {
    let signer = Signer::with_keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token, "us-west-2");
    let tunnel = TunnelRequest { address: address.parse().unwrap(), port: 22, max_duration };
    let url = tunnel_url(HOST, "eice-0123456789abcdef0", &tunnel);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(SIGNED_AT);
    signer.presign("ec2-instance-connect", &url, Duration::from_secs(60), time).unwrap().expose().clone()
}

/// The expected signatures were computed by botocore for the same requests.
#[test]
fn tunnel_url_is_signed_like_botocore() {
    let url = signed(None, "10.0.1.23", None);
    let begin = format!(
        "wss://{HOST}/openTunnel?instanceConnectEndpointId=eice-0123456789abcdef0&remotePort=22&privateIpAddress=10.0.1.23&X-Amz-"
    );
    assert!(url.starts_with(&begin), "{url}");
    assert!(url.contains("X-Amz-Expires=60") && url.contains("X-Amz-SignedHeaders=host"), "{url}");
    let signature = "X-Amz-Signature=55da70fa5abdac710181f42c7b0ffea8e907c29f5d1daa422dd76bcd210d0419";
    assert!(url.contains(signature), "{url}");
    let url = signed(Some("tok/en+=="), "2600:1f10:4f8e:db01:73f5:6b9d:c0da:1c27", Some(3600));
    assert!(url.contains("privateIpAddress=2600%3A1f10%3A4f8e%3Adb01%3A73f5%3A6b9d%3Ac0da%3A1c27"), "{url}");
    assert!(
        url.contains("&maxTunnelDuration=3600&") && url.contains("X-Amz-Security-Token=tok%2Fen%2B%3D%3D"),
        "{url}"
    );
    let signature = "X-Amz-Signature=9dadfd331a03a5e33048087b3c3acac7e4e6e5ccdd50544af0a2c9d25e52b4cb";
    assert!(url.contains(signature), "{url}");
}

/// The websocket upgrade of a data channel is signed as AWS's session-manager-plugin signs it.
#[test]
fn data_channel_upgrade_is_signed_like_plugin() {
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let signer = Signer::with_keys("AKIDEXAMPLE", secret, Some("tok/en+=="), "us-west-2");
    let url = "https://ssmmessages.us-west-2.amazonaws.com/v1/data-channel/me-0123456789abcdef0?role=publish_subscribe&cell-number=AAE+k/N0o%3D";
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(SIGNED_AT);
    let headers = signer.headers("ssmmessages", url, time).unwrap();
    let of = |name: &str| {
        headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.expose().clone()).unwrap()
    };
    let authorization = of("authorization");
    assert!(authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token"), "{authorization}");
    let signature = "Signature=0c24ef6db69e074aa64db727080b0cfe8618fa388a23c96e8b2a106920f9afe7";
    assert!(authorization.ends_with(signature), "{authorization}");
    assert_eq!(of("x-amz-date"), "20200101T010101Z");
    assert_eq!(of("x-amz-security-token"), "tok/en+==");
    // Debug output of the signer and the signed headers contains no secret.
    assert!(!format!("{headers:?} {signer:?}").contains("wJalr"), "{headers:?} {signer:?}");
    assert!(!format!("{headers:?}").contains("0c24ef"), "{headers:?}");
}

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

fn instance() -> Instance {
    Instance {
        id: "i-0123456789abcde01".to_owned(),
        private_ip: Some("10.0.0.5".parse().unwrap()),
        ipv6: vec!["2600::5".parse().unwrap()],
        vpc_id: Some("vpc-1".to_owned()),
        subnet_id: Some("subnet-1".to_owned()),
        zone: Some("eu-west-1a".to_owned()),
        ..Instance::default()
    }
}

fn endpoint(id: &str, state: &str, subnet: &str, zone: &str, address_type: AddressType) -> Endpoint {
    Endpoint {
        id: id.to_owned(),
        state: state.to_owned(),
        host: Some(format!("{id}.test")),
        vpc_id: Some("vpc-1".to_owned()),
        subnet_id: Some(subnet.to_owned()),
        zone: Some(zone.to_owned()),
        address_type,
    }
}

#[test]
fn the_nearest_usable_endpoint_is_chosen() {
    use AddressType::{DualStack, Ipv4, Ipv6};
    let far = endpoint("eice-f", "create-complete", "subnet-9", "eu-west-1c", Ipv4);
    let zone = endpoint("eice-z", "update-failed", "subnet-8", "eu-west-1a", Ipv4);
    let same = endpoint("eice-s", "update-in-progress", "subnet-1", "eu-west-1a", Ipv4);
    let broken = endpoint("eice-b", "create-failed", "subnet-1", "eu-west-1a", Ipv4);
    let coming = endpoint("eice-c", "create-in-progress", "subnet-1", "eu-west-1a", Ipv4);
    let going = endpoint("eice-g", "delete-in-progress", "subnet-1", "eu-west-1a", DualStack);
    let only6 = endpoint("eice-6", "create-complete", "subnet-1", "eu-west-1a", Ipv6);
    let dual = endpoint("eice-d", "update-complete", "subnet-1", "eu-west-1a", DualStack);
    let v4: IpAddr = "10.0.0.5".parse().unwrap();
    let v6: IpAddr = "2600::5".parse().unwrap();
    let table: &[(&[&Endpoint], AddressKind, &str, IpAddr, Nearness)] = &[
        (&[&far, &zone, &same], AddressKind::Auto, "eice-s", v4, Nearness::Subnet),
        (&[&far, &zone, &broken, &coming, &going], AddressKind::Auto, "eice-z", v4, Nearness::Zone),
        (&[&far, &broken], AddressKind::Auto, "eice-f", v4, Nearness::Vpc),
        (&[&only6, &far], AddressKind::Private, "eice-f", v4, Nearness::Vpc),
        (&[&only6, &far], AddressKind::Auto, "eice-6", v6, Nearness::Subnet),
        (&[&dual], AddressKind::Auto, "eice-d", v4, Nearness::Subnet),
        (&[&dual], AddressKind::Ipv6, "eice-d", v6, Nearness::Subnet),
        (&[&same, &only6], AddressKind::Ipv6, "eice-6", v6, Nearness::Subnet),
    ];
    for (endpoints, kind, id, address, nearness) in table {
        let all: Vec<Endpoint> = endpoints.iter().map(|one| (*one).clone()).collect();
        let mut turned = all.clone();
        turned.reverse();
        for all in [all, turned] {
            let chosen = choose(&all, &instance(), *kind, false).unwrap();
            assert_eq!((&*chosen.endpoint.id, chosen.address, chosen.nearness), (*id, *address, *nearness), "{all:?}");
        }
    }
    let named = choose(std::slice::from_ref(&far), &instance(), AddressKind::Auto, true).unwrap();
    assert_eq!(named.nearness, Nearness::Named);
}

/// Having no endpoint, one in an unusable state, and one of the wrong address type are different errors.
#[test]
fn reasons_for_no_usable_endpoint_differ() {
    let broken = endpoint("eice-b", "delete-in-progress", "subnet-1", "eu-west-1a", AddressType::Ipv4);
    let only6 = endpoint("eice-6", "create-complete", "subnet-1", "eu-west-1a", AddressType::Ipv6);
    let no6 = Instance { ipv6: Vec::new(), ..instance() };
    assert_eq!(choose(&[], &no6, AddressKind::Auto, false), Err(EndpointError::NotFound(Some("vpc-1".to_owned()))));
    let state = choose(std::slice::from_ref(&broken), &no6, AddressKind::Auto, false).unwrap_err();
    assert_eq!(state.to_string(), "eice-b is in state delete-in-progress");
    let family = choose(&[broken, only6], &no6, AddressKind::Auto, false).unwrap_err();
    assert_eq!(family.to_string(), "eice-6 cannot reach any address of i-0123456789abcde01");
}

/// The code and message of a refusal may be in JSON, in headers or in plain text. HTML is dropped.
#[test]
fn refusal_is_parsed_in_every_format() {
    let read = |status, body: &str| UpgradeRefusal::read(status, &HeaderMap::new(), body.as_bytes());
    let json = read(400, r#"{"ErrorCode":"InvalidParameter","Message":"The specified RemotePort is not valid."}"#);
    assert_eq!(json.code.as_deref(), Some("InvalidParameter"));
    assert_eq!(json.message, "The specified RemotePort is not valid.");
    assert_eq!(json.to_string(), "InvalidParameter (HTTP 400)");
    let prefixed = read(403, r#"{"__type":"com.amazon#AccessDeniedException","message":"no"}"#);
    assert_eq!((prefixed.code.as_deref(), &*prefixed.message), (Some("AccessDeniedException"), "no"));
    assert_eq!(read(503, "try later").message, "try later");
    assert_eq!(read(502, "<html><title>Bad gateway</title>").message, "");
    assert_eq!(read(500, "").to_string(), "HTTP 500");
    let mut headers = HeaderMap::new();
    headers.insert("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/".parse().unwrap());
    headers.insert("x-amzn-requestid", "abc".parse().unwrap());
    let by_header = UpgradeRefusal::read(429, &headers, b"");
    assert_eq!(by_header.code.as_deref(), Some("ThrottlingException"));
    assert_eq!(by_header.request_id.as_deref(), Some("abc"));
}

/// Secrets in a refusal are redacted whole, with JSON escapes, and when cut off.
#[test]
fn refusal_message_redacts_secrets() {
    let token = "IQoJb3JpZ2luX2VjE/long+token==".repeat(20);
    let secrets = [Secret::new(token.clone()), Secret::new("0123456789abcdef".to_owned())];
    let read = |body: &str| UpgradeRefusal::read_redacted(403, &HeaderMap::new(), body.as_bytes(), &secrets).message;
    assert_eq!(read(&format!("the token:{token} is wrong")), "the token:(redacted) is wrong");
    assert_eq!(read(&format!("{{\"Message\":\"{token}\"}}")), "(redacted)");
    // JSON may escape the slash.
    let escaped = token.replace('/', "\\/");
    assert_eq!(read(&format!("{{\"Message\":\"it was {escaped}\"}}")), "it was (redacted)");
    // The response was cut off in the middle of the token.
    assert_eq!(read(&format!("it was {}", &token[..100])), "it was (redacted)");
    assert_eq!(read("signature 01234567"), "signature (redacted)");
}
