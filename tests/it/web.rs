//! HTTP for AWS calls and websockets alike: a real HTTP proxy with and without a password, NO_PROXY, and private
//! certificate authorities.

use std::process::Command;

use crate::support::proxy::{RedirectingProxy, Tinyproxy, in_tls};
use crate::support::{Run, World};

fn run(world: &World, line: &str, change: impl FnOnce(&mut Command)) -> Run {
    let mut command = world.ec2ssh(line);
    in_tls(world, &mut command);
    change(&mut command);
    Run::of(command.output().unwrap())
}

#[test]
fn a_real_proxy_carries_calls_and_websockets() {
    let world = World::private();
    let proxy = Tinyproxy::start("");
    for via in ["eice", "ssm"] {
        let before = proxy.connects();
        let line = format!("--via {via} db-1 echo hello");
        let run = run(&world, &line, |command| {
            command.env("HTTPS_PROXY", format!("http://127.0.0.1:{}", proxy.port));
        });
        assert_eq!(run.expect(0).out(), "hello\n");
        // At least one connection is for the calls and one for the websocket.
        assert!(proxy.connects() >= before + 2, "{}", proxy.log());
    }
}

/// A proxy with a password works with the right credentials only, and `-vv` does not show them.
#[test]
fn proxy_with_password_needs_credentials() {
    let world = World::private();
    let proxy = Tinyproxy::start("BasicAuth ana pAss-word\n");
    let address = format!("127.0.0.1:{}", proxy.port);
    for via in ["eice", "ssm"] {
        let line = format!("--via {via} db-1 echo hello");
        let with = |user: &str| {
            run(&world, &line, |command| {
                command.env("https_proxy", format!("http://{user}{address}"));
            })
        };
        assert_eq!(with("ana:p%41ss-word@").expect(0).out(), "hello\n");
        for wrong in ["", "ana:no@"] {
            let run = with(wrong).expect(255);
            assert!(run.stderr.contains(&format!("proxy {address} requires authentication (HTTP 407)")), "{run}");
            let hint = format!("Hint: export HTTPS_PROXY=http://USER:PASSWORD@{address}");
            assert!(run.stderr.contains(&hint), "{run}");
        }
    }
    let run = run(&world, "-vv --via eice db-1 true", |command| {
        command.env("HTTPS_PROXY", format!("http://ana:p%41ss-word@{address}"));
    });
    assert!(!run.stderr.contains("p%41ss-word") && !run.stderr.contains("pAss-word"), "{run}");
}

#[test]
fn proxy_refusal_is_reported() {
    let world = World::private();
    let proxy = Tinyproxy::start("ConnectPort 1\n");
    let run = run(&world, "--via eice db-1 true", |command| {
        command.env("HTTPS_PROXY", format!("http://127.0.0.1:{}", proxy.port));
    });
    let run = run.expect(255);
    assert!(run.stderr.contains("refused the connection to localhost:"), "{run}");
    assert!(run.stderr.contains("403"), "{run}");
}

#[test]
fn no_proxy_bypasses_the_proxy() {
    let world = World::private();
    // Nothing listens on the proxy's port.
    for no_proxy in ["localhost", "example.org,localhost", "*", "LOCALHOST"] {
        let run = run(&world, "--via eice db-1 echo hello", |command| {
            command.env("HTTPS_PROXY", "http://127.0.0.1:1").env("NO_PROXY", no_proxy);
        });
        assert_eq!(run.out(), "hello\n", "{no_proxy}: {run}");
    }
    let refused = run(&world, "--via eice db-1 true", |command| {
        command.env("HTTPS_PROXY", "http://127.0.0.1:1").env("NO_PROXY", "localhost.example.org,10.0.0.0/8");
    });
    assert!(refused.expect(255).stderr.contains("cannot connect to 127.0.0.1:1"));
    // NO_PROXY may list addresses by CIDR, so the endpoint is given by its address.
    let port = world.cloud.tls_endpoint().rsplit(':').next().unwrap().to_owned();
    let by_address = |no_proxy: &str| {
        run(&world, "list", |command| {
            let endpoint = format!("https://127.0.0.1:{port}");
            command
                .env("AWS_ENDPOINT_URL", endpoint)
                .env("HTTPS_PROXY", "http://127.0.0.1:1")
                .env("NO_PROXY", no_proxy);
        })
    };
    by_address("127.0.0.0/8").expect(0);
    by_address("128.0.0.0/8").expect(1);
}

#[test]
fn no_proxy_suffix_covers_subdomains() {
    let world = World::private();
    let streams = world.cloud.streams_port();
    let tls: u16 = world.cloud.tls_endpoint().rsplit(':').next().unwrap().parse().unwrap();
    let leads = vec![("ec2-instance-connect-endpoint", streams), ("amazonaws.com", tls)];
    let (all, one) = (RedirectingProxy::start(leads.clone()), RedirectingProxy::start(leads));
    let run = |no_proxy: &str, proxy: &RedirectingProxy| {
        let mut command = world.ec2ssh("list");
        command.env_remove("AWS_ENDPOINT_URL").env("NO_PROXY", no_proxy);
        command.env("HTTPS_PROXY", format!("http://{}", proxy.address));
        Run::of(command.output().unwrap())
    };
    run(".example.org,amazonaws.org", &all).expect(0);
    assert_eq!(all.asked(), ["ec2.eu-west-1.amazonaws.com:443"]);
    // Without the proxy, AWS's names do not lead to the embedded cloud.
    run(".amazonaws.com", &one).expect(1);
    assert!(one.asked().is_empty());
}

/// Uses AWS's own host names without an endpoint override, so that the host name checks apply.
#[test]
fn aws_host_names_work_behind_a_proxy() {
    let world = World::private();
    let streams = world.cloud.streams_port();
    let tls: u16 = world.cloud.tls_endpoint().rsplit(':').next().unwrap().parse().unwrap();
    let host = "eice-0123456789abcdef0.0123abcd.ec2-instance-connect-endpoint.eu-west-1.amazonaws.com";
    let id = "eice-0aaaaaaaaaaaaaaa0";
    world.cloud.add_endpoint(ec2ssh_lab::Endpoint { host: Some(host.to_owned()), ..ec2ssh_lab::Endpoint::new(id) });
    world.cloud.stream_base("wss://ssmmessages.eu-west-1.amazonaws.com");
    let leads = vec![("ec2-instance-connect-endpoint", streams), ("ssmmessages", streams), ("amazonaws.com", tls)];
    let detour = RedirectingProxy::start(leads);
    let run = |line: &str| {
        let mut command = world.ec2ssh(line);
        command.env_remove("AWS_ENDPOINT_URL").env("HTTPS_PROXY", format!("http://{}", detour.address));
        Run::of(command.output().unwrap())
    };
    assert_eq!(run(&format!("--eice-id {id} db-1 echo hello")).expect(0).out(), "hello\n");
    assert_eq!(run("--via ssm db-1 echo hello").expect(0).out(), "hello\n");
    // The embedded cloud's usual endpoint is at localhost, which is not a host of AWS.
    let refused = run("--via eice --eice-id eice-0123456789abcdef0 db-1 true").expect(255);
    assert!(refused.stderr.contains("localhost is not an AWS endpoint of this service"), "{refused}");
    world.cloud.stream_base("wss://ssmmessages.eu-west-1.evil.test");
    let refused = run("--via ssm db-1 true").expect(255);
    assert!(
        refused.stderr.contains("ssmmessages.eu-west-1.evil.test is not an AWS endpoint of this service"),
        "{refused}"
    );
    assert!(!detour.asked().iter().any(|target| target.contains("evil")), "{:?}", detour.asked());
    assert_eq!(world.cloud.open_sessions(), 1, "no agent has heard of it");
    assert_eq!(world.cloud.count("TerminateSession"), 1);
}

/// AWS_CA_BUNDLE, the profile's `ca_bundle` or SSL_CERT_FILE names the trusted certificate authority. Others are
/// refused.
#[test]
fn private_ca_is_trusted_only_when_configured() {
    let world = World::private();
    run(&world, "--via eice db-1 true", |_| ()).expect(0);
    // The profile names the bundle, as for the AWS CLI.
    let bundle = world.path("authority.pem");
    let profile = format!("[default]\nca_bundle = {}\n", bundle.display());
    world.file(".aws/config", &profile, 0o600);
    run(&world, "--via ssm db-1 true", |command| {
        command.env_remove("AWS_CA_BUNDLE");
    })
    .expect(0);
    std::fs::remove_file(world.path(".aws/config")).unwrap();
    // The system's own variable names the bundle.
    run(&world, "--via ssm db-1 true", |command| {
        command.env_remove("AWS_CA_BUNDLE").env("SSL_CERT_FILE", &bundle);
    })
    .expect(0);
    let untrusted = run(&world, "--via eice db-1 true", |command| {
        command.env_remove("AWS_CA_BUNDLE");
    });
    let untrusted = untrusted.expect(255);
    assert!(untrusted.stderr.contains("is not trusted: signed by an unknown authority"), "{untrusted}");
    assert!(untrusted.stderr.contains("Hint: trust that authority: export AWS_CA_BUNDLE=FILE.pem"), "{untrusted}");
    assert_eq!(world.cloud.calls().iter().filter(|call| call.operation == "DescribeInstances").count(), 3);
}

/// The AWS calls do not use TLS here, but the tunnel does, and its certificate is verified.
#[test]
fn an_untrusted_websocket_gets_no_signature() {
    let world = World::private();
    for via in ["eice", "ssm"] {
        let mut command = world.ec2ssh(&format!("--via {via} db-1 true"));
        let run = Run::of(command.env_remove("AWS_CA_BUNDLE").output().unwrap()).expect(255);
        assert!(run.stderr.contains("is not trusted"), "{run}");
    }
    assert!(world.cloud.tunnels().is_empty());
    assert_eq!((world.cloud.sessions().0, world.cloud.count("TerminateSession")), (1, 1));
}

#[test]
fn unusable_ca_bundle_is_named() {
    let world = World::private();
    let missing = run(&world, "list", |command| {
        command.env("AWS_CA_BUNDLE", "/nowhere/at/all.pem");
    })
    .expect(1);
    assert!(missing.stderr.contains("cannot read the CA certificates in /nowhere/at/all.pem"), "{missing}");
    let empty = world.file("empty.pem", "no certificates\n", 0o600);
    let empty = run(&world, "list", |command| {
        command.env("AWS_CA_BUNDLE", empty);
    })
    .expect(1);
    assert!(empty.stderr.contains("no usable certificate found"), "{empty}");
}

/// The DNS name to dial depends on the settings: FIPS, dual-stack (IPv6 beside IPv4), or both.
#[test]
fn endpoint_name_follows_fips_and_dual_stack() {
    let world = World::private();
    let id = "eice-0aaaaaaaaaaaaaaa0";
    let name =
        |label: &str, domain: &str| Some(format!("{label}.0123abcd.ec2-instance-connect-endpoint.eu-west-1.{domain}"));
    world.cloud.add_endpoint(ec2ssh_lab::Endpoint {
        host: name("plain", "amazonaws.com"),
        fips_host: name("fips", "amazonaws.com"),
        dual_hosts: name("dual", "api.aws").zip(name("dualfips", "api.aws")),
        ..ec2ssh_lab::Endpoint::new(id)
    });
    let tls: u16 = world.cloud.tls_endpoint().rsplit(':').next().unwrap().parse().unwrap();
    let detour = RedirectingProxy::start(vec![(".eu-west-1.a", tls)]);
    let dialed = |fips: &str, dual: &str, id: &str| {
        let mut command = world.ec2ssh(&format!("--eice-id {id} db-1 true"));
        command.env_remove("AWS_ENDPOINT_URL").env("HTTPS_PROXY", format!("http://{}", detour.address));
        command.env("AWS_USE_FIPS_ENDPOINT", fips).env("AWS_USE_DUALSTACK_ENDPOINT", dual);
        let run = Run::of(command.output().unwrap()).expect(255);
        let asked = detour.asked().into_iter().rfind(|target| target.contains("ec2-instance-connect-endpoint"));
        (asked.unwrap_or_default().split('.').next().unwrap().to_owned(), run)
    };
    assert_eq!(dialed("false", "false", id).0, "plain");
    assert_eq!(dialed("true", "false", id).0, "fips");
    assert_eq!(dialed("false", "true", id).0, "dual");
    assert_eq!(dialed("true", "true", id).0, "dualfips");
    let (_, none) = dialed("true", "false", "eice-0123456789abcdef0");
    assert!(none.stderr.contains("has no FIPS DNS name, but FIPS endpoints are enabled"), "{none}");
}
