//! Tests of errors: snapshots of status, standard output and standard error, with the message and the hint.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ec2ssh_lab::{Fault, Image, Instance};

use crate::support::{ID, World, keygen};

const ACCEPT_NEW: &str = "--host-keys accept-new";

#[test]
fn denied_call_names_action_and_resource() {
    let (world, port) = World::with_instance();
    let encoded =
        "You are not authorized to perform this operation. Encoded authorization failure message: aBc-123_xyz";
    world.cloud.fail("DescribeInstances", Fault::error(403, "UnauthorizedOperation", encoded), 1);
    insta::assert_snapshot!(world.snapshot("my-instance true"));
    let denied = "User: arn:aws:iam::123456789012:user/eve is not authorized";
    world.cloud.fail("SendSSHPublicKey", Fault::error(400, "AccessDeniedException", denied), 1);
    let text = world.snapshot(&format!("{ACCEPT_NEW} -q -p {port} my-instance true"));
    insta::assert_snapshot!(text.replace(&port.to_string(), "PORT"));
}

#[test]
fn instance_connect_refusals_are_explained() {
    let (world, port) = World::trusted();
    let table = [
        ("AuthException", "the credentials are not allowed to push a key to this instance", "get-caller-identity"),
        ("EC2InstanceStateInvalidException", "the instance is not running", "ec2ssh --start "),
        ("EC2InstanceUnavailableException", "the instance is temporarily unavailable", "describe-instance-status"),
        ("InvalidArgsException", "the service does not accept the key's type or size", "use an RSA or ed25519 key"),
    ];
    for (code, meaning, hint) in table {
        world.cloud.fail("SendSSHPublicKey", Fault::error(400, code, "the service's words"), 3);
        world.forget_key();
        let run = world.run(&format!("-p {port} my-instance true")).expect(255);
        assert!(
            run.stderr.contains(meaning) && run.stderr.contains(hint) && run.stderr.contains("the service's words"),
            "{run}"
        );
        // The SDK retries some of these codes, which uses up several faults at once. Run until all faults of this round
        // are used up.
        while world.cloud.count("SendSSHPublicKey") % 4 != 0 {
            world.run(&format!("-p {port} my-instance true"));
        }
    }
}

/// A call that fails with HTTP 500 and then with throttling succeeds at the third attempt.
#[test]
fn transient_failures_and_throttling_are_retried() {
    let (world, port) = World::with_instance();
    world.cloud.fail("DescribeInstances", Fault::Status(500), 1);
    world.cloud.fail("DescribeInstances", Fault::error(503, "RequestLimitExceeded", "slow down"), 1);
    world.run(&format!("{ACCEPT_NEW} -p {port} my-instance true")).expect(0);
    assert_eq!(world.cloud.count("DescribeInstances"), 3);
}

#[test]
fn lasting_service_failure_is_reported() {
    let (world, _) = World::with_instance();
    let faults = [
        ("500", Fault::Status(500)),
        ("throttled", Fault::error(503, "RequestLimitExceeded", "slow down")),
        ("half_way", Fault::CloseHalfway),
        ("endless", Fault::Endless),
        ("no_xml", Fault::Status(200)),
        ("odd_code", Fault::error(400, "Some\u{9b}Code", "wo\u{7}rds")),
    ];
    for (name, fault) in faults {
        world.cloud.fail("DescribeInstances", fault, 3);
        let text = world.snapshot("my-instance true");
        insta::assert_snapshot!(format!("service_{name}"), text);
        while world.cloud.count("DescribeInstances") % 3 != 0 {
            world.run("list");
        }
    }
}

/// A failed DescribeImages only leaves the image's user unknown; the login continues.
#[test]
fn image_lookup_is_optional() {
    let (world, port) = World::with_instance();
    world.cloud.fail("DescribeImages", Fault::CloseHalfway, 9);
    let run = world.run(&format!("-v {ACCEPT_NEW} -p {port} my-instance true")).expect(0);
    assert!(run.stderr.contains("the image's default user is unknown: DescribeImages"), "{run}");
}

#[test]
fn unreachable_aws_endpoint_is_reported() {
    let world = World::empty();
    let mut command = world.ec2ssh("my-instance true");
    let run =
        crate::support::Run::of(command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1").output().unwrap()).expect(255);
    assert!(run.stderr.starts_with("Error: DescribeInstances could not reach AWS\n"), "{run}");
}

fn without_credentials(world: &World) -> std::process::Command {
    let mut command = world.ec2ssh("my-instance true");
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command
}

/// The metadata service accepts connections but never answers, which is the slowest case of not running on EC2.
#[test]
fn missing_credentials_fail_soon_off_ec2() {
    let world = World::empty();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in silent.incoming() {
            count.fetch_add(1, Ordering::Relaxed);
            open.push(stream);
        }
    });
    let mut command = without_credentials(&world);
    command.env_remove("AWS_EC2_METADATA_DISABLED").env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint);
    let run = crate::support::Run::of(command.output().unwrap()).expect(255);
    assert!(run.stderr.starts_with("Error: no usable AWS credentials\n"), "{run}");
    assert_eq!(asked.load(Ordering::Relaxed), 1, "one attempt, of a second");
}

/// For each kind of profile without a valid login, the hint is the exact command to type.
#[test]
fn expired_login_names_the_renewal_command() {
    let world = World::empty();
    let config = "[profile work]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = dev\nregion = eu-west-1\n\
                  [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n\
                  sso_registration_scopes = sso:account:access\n\
                  [profile old sso]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n\
                  sso_account_id = 123456789012\nsso_role_name = dev\nregion = eu-west-1\n\
                  [profile me]\nlogin_session = arn:aws:iam::123456789012:user/me\nregion = eu-west-1\n\
                  [profile program]\ncredential_process = /bin/false\nregion = eu-west-1\n";
    fs::write(world.path(".aws/config"), config.replace("old sso", "old-sso")).unwrap();
    let table = [
        ("work", "the SSO session of profile work has expired or was never started", "aws sso login --profile work"),
        (
            "old-sso",
            "the SSO session of profile old-sso has expired or was never started",
            "aws sso login --profile old-sso",
        ),
        ("me", "the login session of profile me has expired or was never started", "aws login --profile me"),
        (
            "program",
            "the credential_process of profile program failed",
            "run it yourself: $(aws configure get credential_process --profile program)",
        ),
    ];
    for (profile, message, hint) in table {
        let mut command = world.ec2ssh(&format!("--profile {profile} my-instance true"));
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        let run = crate::support::Run::of(command.output().unwrap()).expect(255);
        assert!(run.stderr.starts_with(&format!("Error: {message}\n")), "{run}");
        assert!(run.stderr.ends_with(&format!("Hint: {hint}\n")), "{run}");
    }
}

/// A profile that does not exist and a missing region are each reported by name.
#[test]
fn missing_profile_and_region_are_reported() {
    let world = World::empty();
    let mut command = world.ec2ssh("--profile nowhere my-instance true");
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let run = crate::support::Run::of(command.output().unwrap()).expect(255);
    assert!(run.stderr.contains("the config profile nowhere could not be found"), "{run}");
    let mut command = world.ec2ssh("my-instance true");
    let run = crate::support::Run::of(command.env_remove("AWS_REGION").output().unwrap()).expect(255);
    insta::assert_snapshot!(run.to_string());
}

#[test]
fn a_profile_and_its_credential_process_are_used() {
    let world = World::empty();
    world.cloud.add(Instance::named(ID, "my-instance"));
    let program = world.file(
        "credentials.sh",
        &format!(
            "#!/bin/sh\necho '{{\"Version\":1,\"AccessKeyId\":\"{}\",\"SecretAccessKey\":\"x\"}}'\n",
            world.cloud.access_key()
        ),
        0o700,
    );
    let config = format!("[profile p]\nregion = us-west-2\ncredential_process = {}\n", program.display());
    fs::write(world.path(".aws/config"), config).unwrap();
    let mut command = world.ec2ssh("--profile p --dry-run my-instance");
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
        command.env_remove(name);
    }
    let run = crate::support::Run::of(command.output().unwrap()).expect(0);
    assert!(run.out().contains("account    region us-west-2, profile p"), "{run}");
}

fn denied(world: &World, line: &str, port: u16) -> String {
    // The sshd on this port refuses every login, because it accepts only keys that were pushed to another instance.
    world.snapshot(&format!("{ACCEPT_NEW} -q -p {port} {line}")).replace(&port.to_string(), "PORT")
}

#[test]
fn permission_denied_lists_its_causes_by_their_likelihood() {
    let world = World::empty();
    world.add_amazon_linux();
    let image = |id: &str, name: &str| Image {
        id: id.into(),
        name: name.into(),
        owner: String::new(),
        description: String::new(),
    };
    world.cloud.add_image(image("ami-ubuntu", "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20240101"));
    world.cloud.add_image(image("ami-debian", "debian-12-amd64-20240102-1614"));
    let port = world.cloud.sshd("i-0fffffffffffffff0", ec2ssh_lab::Sshd::default());
    let with = |id: &str, name: &str, image: &str, metadata| {
        let mut instance = Instance::named(id, name);
        (instance.image_id, instance.metadata) = (image.to_owned(), metadata);
        world.cloud.add(instance);
    };
    with("i-0123456789abcde02", "ubuntu-box", "ami-ubuntu", "enabled");
    with("i-0123456789abcde03", "debian-box", "ami-debian", "enabled");
    with("i-0123456789abcde04", "no-metadata", "ami-0a1b2c3d4e5f60718", "disabled");
    with("i-0123456789abcde05", "unknown-image", "ami-gone", "enabled");
    // A look-up caches the image. A typed user is then compared with the image's default user.
    insta::assert_snapshot!("denied_debian", denied(&world, "debian-box true", port));
    insta::assert_snapshot!("denied_no_metadata", denied(&world, "no-metadata true", port));
    insta::assert_snapshot!("denied_unknown_image", denied(&world, "unknown-image true", port));
    world.run("--dry-run ubuntu-box").expect(0);
    insta::assert_snapshot!("denied_wrong_user", denied(&world, "ec2-user@ubuntu-box true", port));
    let key = keygen(world.home.path(), "k", &["-t", "ed25519", "-N", ""]);
    let line = format!("-i {} ubuntu-box true", key.display());
    insta::assert_snapshot!("denied_key_file", world.redact(&denied(&world, &line, port)));
}

#[test]
fn bad_key_files_are_explained() {
    let (world, _) = World::with_instance();
    world.file("garbage", "not a key\n", 0o600);
    world.file(
        "public.pub",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ me\n",
        0o600,
    );
    keygen(world.home.path(), "locked", &["-t", "ed25519", "-N", "secret words"]);
    for name in ["garbage", "public.pub", ".aws", "missing", "locked"] {
        let text = world.snapshot(&format!("{ACCEPT_NEW} -q -i {name} my-instance true"));
        insta::assert_snapshot!(format!("key_file_{}", name.replace('.', "_")), text);
    }
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 0);
}

#[test]
fn usage_errors() {
    let world = World::empty();
    let lines = [
        "",
        "@web",
        "web:99999",
        "tag:Env",
        "-l -x web",
        "--address nowhere web",
        "list --nonsense",
        "proxy",
        "--offline --start web",
        "--json web",
    ];
    let mut all = String::new();
    for line in lines {
        all.push_str(&world.snapshot(line));
        all.push('\n');
    }
    insta::assert_snapshot!(all);
    let mut command = world.command(crate::support::BINARY);
    let run = crate::support::Run::of(command.args(["", "true"]).output().unwrap()).expect(255);
    assert!(run.stderr.starts_with("Error: the target is empty\n"), "{run}");
    world.config("[defaults]\nuzer = \"x\"\n");
    insta::assert_snapshot!(world.snapshot("web true"));
}

#[test]
fn refused_connection_differs_from_no_answer() {
    let (world, _) = World::with_instance();
    insta::assert_snapshot!(world.snapshot("-p 1 my-instance true"));
    let mut instance = Instance::named("i-0123456789abcde02", "far");
    // TEST-NET-1 (RFC 5737): no host answers at this address.
    instance.public_ip = Some("192.0.2.1".to_owned());
    world.cloud.add(instance);
    let run = world.run("far true").expect(255);
    assert!(
        run.stderr.starts_with(
            "Error: cannot reach i-0123456789abcde02 on port 22: all routes failed\nCaused by: direct: 192.0.2.1:22: "
        ),
        "{run}"
    );
    let run = world.run("--via direct far true").expect(255);
    assert!(
        run.stderr.starts_with("Error: cannot reach i-0123456789abcde02 on port 22\nCaused by: 192.0.2.1:22: "),
        "{run}"
    );
}

#[test]
fn killed_session_prints_nothing() {
    let (world, port) = World::trusted();
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let mut command = world.ec2ssh(&format!("-p {port} my-instance echo up; sleep 30"));
        let mut child =
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let mut byte = [0];
        child.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
        std::process::Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
        let run = crate::support::Run::of(child.wait_with_output().unwrap()).expect(code);
        assert_eq!(run.stderr, "", "{signal}");
    }
}

/// A limit of this machine was taken for a security group, a network fault or a broken file.
#[test]
fn too_many_open_files_is_no_security_group() {
    let (world, port) = World::trusted();
    let mut seen = 0;
    for limit in 8..16 {
        let script = format!("ulimit -n {limit}; exec {} -q -p {port} my-instance true", crate::support::BINARY);
        let run = crate::support::Run::of(world.command("/bin/sh").args(["-c", &script]).output().unwrap());
        if run.code == 0 {
            continue;
        }
        seen += 1;
        assert!(run.stderr.contains("ulimit -n 4096"), "{limit}: {run}");
        assert!(!run.stderr.contains("security group") && !run.stderr.contains("proxy"), "{limit}: {run}");
    }
    assert!(seen > 0, "no limit was too low");
}
