//! Checks the embedded cloud with AWS's own Python SDK, which reads its responses and signs requests for its endpoint.

use std::path::Path;

use crate::support::{Run, World};

const SCRIPT: &str = r#"
import os, socket, ssl, sys
import boto3
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest

session = boto3.Session()
ec2, ssm = session.client('ec2'), session.client('ssm')
instance = ec2.describe_instances()['Reservations'][0]['Instances'][0]
found = ec2.describe_instance_connect_endpoints(Filters=[{'Name': 'vpc-id', 'Values': [instance['VpcId']]}])
endpoint = found['InstanceConnectEndpoints'][0]
print(endpoint['InstanceConnectEndpointId'], endpoint['State'], endpoint['SubnetId'] == instance['SubnetId'])

def upgrade(port):
    url = ('https://%s/openTunnel?instanceConnectEndpointId=%s&remotePort=%d&privateIpAddress=%s' % (
        endpoint['DnsName'], endpoint['InstanceConnectEndpointId'], port, instance['PrivateIpAddress']))
    request = AWSRequest(method='GET', url=url)
    SigV4QueryAuth(session.get_credentials(), 'ec2-instance-connect', 'eu-west-1', expires=60).add_auth(request)
    host, _, port = endpoint['DnsName'].partition(':')
    context = ssl.create_default_context(cafile=os.environ['AWS_CA_BUNDLE'])
    stream = context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host)
    path = request.url.split('/', 3)[3]
    stream.sendall(('GET /%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n' % (path, endpoint['DnsName'])).encode())
    answer = b''
    while b'\r\n\r\n' not in answer or (b' 101 ' in answer and b'SSH-' not in answer):
        answer += stream.recv(4096)
    return answer

answer = upgrade(22)
print(answer.split(b'\r\n')[0].decode(), b'SSH-2.0' in answer)
print(upgrade(2222).split(b'\r\n')[0].decode())

target = instance['InstanceId']
print(ssm.get_connection_status(Target=target)['Status'])
started = ssm.start_session(Target=target, DocumentName='AWS-StartSSHSession', Parameters={'portNumber': ['22']})
resumed = ssm.resume_session(SessionId=started['SessionId'])
print(started['StreamUrl'] != resumed['StreamUrl'], started['TokenValue'] != resumed['TokenValue'])
print(ssm.terminate_session(SessionId=started['SessionId'])['SessionId'] == started['SessionId'])
try:
    ssm.start_session(Target='i-0123456789abcdeff', DocumentName='AWS-StartSSHSession')
except ssm.exceptions.TargetNotConnected as error:
    print('TargetNotConnected')
"#;

/// boto3 reads the embedded cloud's responses, and the embedded cloud accepts botocore's signatures.
#[test]
fn boto3_and_the_embedded_cloud_agree() {
    let world = World::private();
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    assert!(python.is_file(), "boto3 is not installed: run `make test`, which installs it");
    let mut command = world.command(python);
    command.args(["-c", SCRIPT]).env("AWS_DEFAULT_REGION", "eu-west-1");
    let run = Run::of(command.output().unwrap()).expect(0);
    let expected = "eice-0123456789abcdef0 create-complete True\nHTTP/1.1 101 Switching Protocols True\nHTTP/1.1 400 Bad Request\n\
                    connected\nTrue True\nTrue\nTargetNotConnected\n";
    assert_eq!(run.out(), expected, "{run}");
    assert_eq!(world.cloud.tunnels().len(), 2);
}
