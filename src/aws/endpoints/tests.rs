//! Tests of the tunnel's signed URL.

use std::time::{Duration, SystemTime};

use super::{TunnelRequest, tunnel_url};
use crate::aws::sign::Signer;

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
