//! Checks the embedded cloud with AWS's own Python SDK, which reads its responses and signs requests for its endpoint.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

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

/// Creates a command that runs this script with boto3.
fn python(world: &World, script: &str) -> Command {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    assert!(python.is_file(), "boto3 is not installed: run `make test`, which installs it");
    let mut command = world.command(python);
    command.args(["-c", script]);
    command
}

/// boto3 reads the embedded cloud's responses, and the embedded cloud accepts botocore's signatures.
#[test]
fn boto3_and_the_embedded_cloud_agree() {
    let world = World::private();
    let mut command = python(&world, SCRIPT);
    command.env("AWS_DEFAULT_REGION", "eu-west-1");
    let run = Run::of(command.output().unwrap()).expect(0);
    let expected = "eice-0123456789abcdef0 create-complete True\nHTTP/1.1 101 Switching Protocols True\nHTTP/1.1 400 Bad Request\n\
                    connected\nTrue True\nTrue\nTargetNotConnected\n";
    assert_eq!(run.out(), expected, "{run}");
    assert_eq!(world.cloud.tunnels().len(), 2);
}

const PROFILES: &str = r#"
import json, sys
from botocore.session import Session
def flat(values):
    for key, value in values.items():
        if isinstance(value, dict):
            yield from ((f'{key}.{name}', text) for name, text in value.items())
        else:
            yield key, value
print(json.dumps({name: dict(flat(values)) for name, values in Session().full_config['profiles'].items()}))
"#;

/// The shared config files are read as botocore reads them.
#[test]
fn botocore_reads_the_same_profiles() {
    let files = [
        ("[default]\nregion = eu-west-1\n\n[profile prod]\n    region = eu-central-1\n    aws_access_key_id = A\n", ""),
        ("[profile a]\nregion: r\nsso_start_url: https://x/y:1\nk=a=b:c\n", "[a]\nkey : v\n"),
        (
            "[profile a] # comment\nregion = r ; kept\n# no\n  ; no\n[profile \"My Laptop\"]\nRegion = X\n",
            "[My Laptop]\nk = v",
        ),
        (
            "[profile 'x y']\nk = v\n[profile z w]\nk = v\n[other]\nk = v\n[profile \"open]\nk = v\n",
            "[other]\nk = w\n[x y]\nl = w",
        ),
        (
            "[profile a]\ns3 =\n  max = 1\n  addressing_style = path\nregion = r\n\tmore\n\n  lines\n[profile b]\nservices = s\n",
            "",
        ),
        ("[DEFAULT]\nregion = d\n[profile a]\nk = v\n[default]\nl = w\n", "[DEFAULT]\noutput = json\n[a]\nm = x\n"),
        ("[profile default]\nk = one\n[default]\nk = two\n", ""),
        ("[default]\nk = one\n[profile default]\nk = two\n", ""),
        ("[profile a]\r\nk = v\r\n", "[a]\r\nl = w\r\n"),
        ("[profile a]\n  k = v\n   l = w\n  m =\n n = x\n", ""),
        ("", "[p]\naws_access_key_id=A\naws_secret_access_key=a+b/c=d\n"),
        ("[profile é]\nk = ü\n", ""),
        ("[profile a]\nk =\n\n\n[profile b]\n", "# only a comment\n"),
    ];
    for (config, credentials) in files {
        let world = World::empty();
        let paths = [("aws-config", config), ("aws-credentials", credentials)]
            .map(|(name, text)| world.file(name, text, 0o600));
        let mut command = python(&world, PROFILES);
        command.env("AWS_CONFIG_FILE", &paths[0]).env("AWS_SHARED_CREDENTIALS_FILE", &paths[1]);
        let theirs = Run::of(command.output().unwrap()).expect(0).out();
        let theirs: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(&theirs).unwrap();
        assert_eq!(ec2ssh::internals::shared_profiles(&paths[0], &paths[1]), theirs, "{config}\n{credentials}");
    }
}

/// As the AWS CLI sets botocore up: the cache of assumed roles is in `~/.aws/cli/cache`.
const ASSUME: &str = r#"
import os
from botocore.session import Session
from botocore.utils import JSONFileCache
session = Session(profile='admin')
provider = session.get_component('credential_provider').get_provider('assume-role')
provider.cache = JSONFileCache(os.path.expanduser('~/.aws/cli/cache'))
provider._prompter = lambda prompt: os.environ['CODE']
print(session.get_credentials().get_frozen_credentials().access_key)
"#;

/// The AWS CLI's cache of assumed roles is read and written: a code is asked for once for both programs.
#[test]
fn botocore_and_ec2ssh_share_the_role_cache() {
    let extras = ["", "external_id = é\n", "duration_seconds = 900\nrole_session_name = me\n"];
    for (number, extra) in extras.iter().enumerate() {
        let world = crate::regression::credentials::world_with_mfa();
        let config = std::fs::read_to_string(world.path(".aws/config")).unwrap() + extra;
        world.file(".aws/config", &config, 0o600);
        let theirs = |code: &str| {
            let mut command = python(&world, ASSUME);
            command.env("CODE", code).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
            Run::of(command.output().unwrap()).expect(0).out()
        };
        // One of the two asks, and the other one uses what is cached.
        if number % 2 == 0 {
            assert_eq!(theirs("123456"), "ASIAROLEROLEROLEROLE\n");
            world.run("list --profile admin").expect(0);
        } else {
            let mut terminal = crate::support::pty::Terminal::run(&world, "\"$EC2SSH\" list --profile admin");
            terminal.wait_for("MFA code for");
            terminal.type_secret("123456\n");
            assert_eq!(terminal.wait(), 0, "{}", terminal.text());
            assert_eq!(theirs("000000"), "ASIAROLEROLEROLEROLE\n");
        }
        assert_eq!(world.cloud.count("AssumeRole"), 1, "{extra}");
    }
}
