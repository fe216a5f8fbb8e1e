//! `ec2ssh doctor`: broken worlds, each with the causes that must be named and no other.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ec2ssh_lab::broken::{Broken, CALLER, ID, NAME, WORLDS};
use ec2ssh_lab::{Fault, Instance};
use serde_json::Value;

use crate::support::pty::Terminal;
use crate::support::{Run, World};

/// The number of worlds that are looked at side by side; most of the time is spent waiting for answers that do not come.
const SIDE_BY_SIDE: usize = 16;

fn world(broken: &Broken) -> (World, Option<u16>) {
    let world = World::empty();
    if broken.name != "debian" {
        world.add_amazon_linux();
    }
    let port = broken.build(&world.cloud);
    (world, port)
}

/// Runs `doctor` in a broken world. A public address has another port than 22 on loopback.
fn diagnose(broken: &Broken, arguments: &str) -> Run {
    let (world, port) = world(broken);
    doctor(&world, broken, port, arguments)
}

fn doctor(world: &World, broken: &Broken, port: Option<u16>, arguments: &str) -> Run {
    let port = port.map_or(String::new(), |port| format!("-p {port}"));
    world.run(&format!("doctor --from {CALLER} {port} {} {arguments} {NAME}", broken.arguments))
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.out()).unwrap_or_else(|error| panic!("{error}: {run}"))
}

fn codes(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

/// Does the work for each of these, side by side, and returns the results in their order.
fn for_each<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (left, done) = (Mutex::new(all.iter().enumerate()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some((at, one)) = { left.lock().unwrap().next() } {
                    let result = work(one);
                    done.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[test]
fn each_broken_world_has_its_cause() {
    assert!(WORLDS.iter().filter(|broken| !broken.causes.is_empty()).count() >= 40);
    let wrong: Vec<Option<String>> = for_each(WORLDS, |broken| {
        let run = diagnose(broken, "--json");
        let (found, code) = (codes(&json(&run)), i32::from(!broken.causes.is_empty()));
        let is_right = found == broken.causes && run.code == code;
        (!is_right).then(|| format!("{}: {found:?}, exit {}: {}", broken.name, run.code, run.stderr))
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn find(name: &str) -> &'static Broken {
    WORLDS.iter().find(|broken| broken.name == name).unwrap()
}

/// The calls whose answers are facts, with the check that then does not know, in a world, and the causes that are left.
const FACTS: &[(&str, &str, &str, &[&str])] = &[
    ("ec2:DescribeInstanceStatus", "status", "host-firewall", &["connection-timed-out"]),
    ("ec2:GetConsoleOutput", "boot", "host-firewall", &["connection-timed-out"]),
    ("ec2:DescribeRouteTables", "route-table", "host-firewall", &["connection-timed-out"]),
    ("ec2:DescribeNetworkAcls", "network-acl", "host-firewall", &["connection-timed-out"]),
    ("ec2:DescribeSecurityGroupRules", "security-group", "group-for-others", &["connection-timed-out"]),
    ("ec2:GetManagedPrefixListEntries", "security-group", "group-of-a-list", &["connection-timed-out"]),
    ("ssm:DescribeInstanceInformation", "agent", "host-firewall", &["connection-timed-out"]),
    ("ec2:DescribeInstanceConnectEndpoints", "endpoint", "endpoint-not-admitted", &["no-public-address"]),
    ("ec2:DescribeSubnets", "endpoint-ingress", "endpoint-not-admitted", &[]),
    ("ec2:DescribeVpcBlockPublicAccessExclusions", "public-access", "access-blocked", &["connection-timed-out"]),
    ("ec2:DescribeSecurityGroupRules", "endpoint-ingress", "endpoint-not-admitted", &[]),
];

/// A denied call is unknown with its action named, and never "blocked".
#[test]
fn each_fact_may_be_denied() {
    let reports = for_each(FACTS, |(action, _, name, _)| {
        let broken = find(name);
        let (world, port) = world(broken);
        let (service, operation) = action.split_once(':').unwrap();
        let (status, code) =
            if service == "ssm" { (400, "AccessDeniedException") } else { (403, "UnauthorizedOperation") };
        world.cloud.fail(operation, Fault::error(status, code, "not authorized"), usize::MAX);
        json(&doctor(&world, broken, port, "--json"))
    });
    for ((action, check, _, left), report) in FACTS.iter().zip(reports) {
        let checks = report["checks"].as_array().unwrap();
        let found = checks.iter().find(|found| found["code"] == *check).unwrap();
        assert_eq!(found["verdict"], "unknown", "{action}: {found}");
        assert!(found["detail"].as_str().unwrap().contains(action), "{action}: {found}");
        assert_eq!(codes(&report), *left, "{action}");
    }
}

/// Facts that are denied, or another account's, are not guessed from what is left.
#[test]
fn facts_that_are_hidden_are_not_guessed() {
    let broken = find("access-blocked");
    let (world, port) = world(broken);
    let denied = Fault::error(403, "UnauthorizedOperation", "no");
    world.cloud.fail("DescribeVpcBlockPublicAccessOptions", denied, usize::MAX);
    let report = json(&doctor(&world, broken, port, "--json"));
    assert_eq!(codes(&report), ["connection-timed-out"]);
    let gap = "not allowed: ec2:DescribeVpcBlockPublicAccessOptions";
    assert!(report["findings"][0]["because"][1].as_str().unwrap().contains(gap), "{report}");
    let broken = find("host-firewall");
    let (world, port) = self::world(broken);
    world.cloud.network(|network| {
        network.acls.clear();
        network.subnets[0].owner = "999999999999".to_owned();
    });
    let run = doctor(&world, broken, port, "");
    let out = run.out().replace("\n  ", " ");
    assert!(out.contains("no network ACL is shown: the subnet belongs to the account 999999999999"), "{run}");
}

/// The caller is on the last of the pages.
#[test]
fn prefix_lists_are_read_to_their_end() {
    let broken = find("group-of-a-list");
    let (world, port) = world(broken);
    world.cloud.page_limit(1);
    world.cloud.network(|network| {
        network.prefix_lists.values_mut().for_each(|networks| networks.push("203.0.113.0/24".to_owned()));
    });
    assert_eq!(codes(&json(&doctor(&world, broken, port, "--json"))), ["connection-timed-out"]);
    assert_eq!(world.cloud.count("GetManagedPrefixListEntries"), 3);
}

#[test]
fn distant_service_costs_few_round_trips() {
    let broken = find("group-of-a-list");
    let (world, port) = world(broken);
    world.cloud.delay_calls(Duration::from_millis(80));
    let begun = Instant::now();
    let report = json(&doctor(&world, broken, port, "--json"));
    assert_eq!(codes(&report), ["security-group-closed"]);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let calls = world.cloud.calls();
    let reads = |name: &str| name.starts_with("Describe") || name.starts_with("Get");
    assert!(calls.iter().all(|call| reads(&call.operation)), "{calls:?}");
}

/// The report is read by somebody in a hurry: each of these is shown as it is.
#[test]
fn reports_are_readable() {
    let wide = |name: &str, arguments: &str| {
        let broken = find(name);
        let (world, port) = world(broken);
        let run = doctor(&world, broken, port, arguments);
        let port = port.map_or("22".to_owned(), |port| port.to_string());
        world.redact(&format!("== {name}\n{run}")).replace(&format!(":{port}"), ":PORT").replace(&port, "PORT")
    };
    let names = [
        "healthy",
        "healthy-by-agent-although-closed",
        "stopped",
        "kernel-panic",
        "group-for-others",
        "acl-denies-ssh",
        "nat-only",
        "access-blocked",
        "host-firewall",
        "no-sshd",
        "other-machine",
        "private",
        "endpoint-not-admitted",
        "agent-lost",
        "metadata-off",
        "no-route-and-closed",
    ];
    let all: String = for_each(&names, |name| without_keys(&wide(name, "")) + "\n").concat();
    insta::assert_snapshot!("reports", all);
    insta::assert_snapshot!("all_checks", without_keys(&wide("healthy", "-v")));
}

/// Replaces fingerprints and the time of the last ping, which differ from run to run.
fn without_keys(text: &str) -> String {
    let word = |word: &str| if word.contains("SHA256:") { "SHA256:…".to_owned() } else { word.to_owned() };
    let text = text.split(' ').map(word).collect::<Vec<_>>().join(" ");
    let line = |line: &str| line.split_once(", last ping").map_or(line, |(before, _)| before).to_owned() + "\n";
    text.lines().map(line).collect()
}

/// Serves an answer to GET on loopback, and returns its URL.
fn service(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let length = answer.len();
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{answer}").as_bytes());
        }
    });
    url
}

/// With no address the verdict is "unknown from here", never "closed".
#[test]
fn address_of_the_caller_is_asked_for() {
    let broken = find("group-for-others");
    let (world, port) = world(broken);
    let port = port.unwrap();
    let report =
        |world: &World, arguments: &str| json(&world.run(&format!("doctor --json -p {port} {arguments} {NAME}")));
    world.config(&format!("[defaults]\ncheckip-url = \"{}\"\n", service("203.0.113.9\n")));
    let found = report(&world, "");
    assert_eq!(codes(&found), ["security-group-closed"]);
    assert_eq!(found["facts"]["caller"]["address"], "203.0.113.9");
    assert!(found["findings"][0]["because"][1].as_str().unwrap().contains("is your address according to http://127"));
    assert!(found["findings"][0]["fix"][0]["command"].as_str().unwrap().contains("--cidr 203.0.113.9/32"));
    world.config(&format!("[defaults]\ncheckip-url = \"{}\"\n", service("198.51.100.7")));
    assert_eq!(codes(&report(&world, "")), ["connection-timed-out"]);
    let none = [("--no-checkip", ""), ("", ""), ("", "http://127.0.0.1:1"), ("", &service("<html>"))];
    for_each(&none, |(arguments, url)| {
        let (world, port) = self::world(broken);
        world.config(&format!("[defaults]\ncheckip-url = \"{url}\"\n"));
        let found = json(&world.run(&format!("doctor --json -p {} {arguments} {NAME}", port.unwrap())));
        assert_eq!(codes(&found), ["connection-timed-out"], "{arguments} {url}");
        let checks = found["checks"].as_array().unwrap();
        let groups = checks.iter().find(|check| check["code"] == "security-group").unwrap();
        assert!(groups["detail"].as_str().unwrap().starts_with("unknown from here: "), "{groups}");
    });
}

/// A connection that fails names the group and the address itself, and the doctor is the last hint.
#[test]
fn failed_connection_names_the_group() {
    let broken = find("group-for-others");
    let (world, port) = world(broken);
    let port = port.unwrap();
    world.config(&format!("[defaults]\ncheckip-url = \"{}\"\n", service("203.0.113.9")));
    let run = world.run(&format!("--via direct -p {port} {NAME} true")).expect(255);
    let expected = format!("the security group sg-0123456789abcdef0 does not admit 203.0.113.9 on port {port}");
    assert!(run.stderr.contains(&expected), "{run}");
    assert!(run.stderr.contains("--cidr 203.0.113.9/32"), "{run}");
    let last = run.stderr.lines().last().unwrap();
    assert_eq!(last, format!("Hint: look at the whole way: ec2ssh doctor -p {port} {ID}"));
}

#[test]
fn instance_that_is_not_found_is_a_finding() {
    let (world, _) = world(find("healthy"));
    let run = world.run("doctor --json web-9").expect(1);
    assert_eq!(codes(&json(&run)), ["instance-not-found"]);
    let run = world.run("doctor web-9").expect(1);
    assert!(run.stderr.contains("no instance matches 'web-9'"), "{run}");
    world.cloud.fail("DescribeInstances", Fault::error(403, "UnauthorizedOperation", "no"), 1);
    assert_eq!(codes(&json(&world.run("doctor --json web-1"))), ["not-allowed"]);
    world.cloud.fail("DescribeInstances", Fault::Clock(7200), 1);
    assert_eq!(codes(&json(&world.run("doctor --json web-1"))), ["clock-wrong"]);
    let mut expired = world.ec2ssh("doctor --json web-1");
    expired.env("AWS_ACCESS_KEY_ID", "AKIAEXPIRED");
    assert_eq!(codes(&json(&Run::of(expired.output().unwrap()))), ["credentials-invalid"]);
    let mut nowhere = world.ec2ssh("doctor --json web-1");
    nowhere.env_remove("AWS_REGION");
    assert_eq!(codes(&json(&Run::of(nowhere.output().unwrap()))), ["region-unusable"]);
    world.run("doctor").expect(2);
    world.run("doctor --json --fix web-1").expect(2);
}

/// The region is the usual mistake, so the others are looked at.
#[test]
fn instance_of_another_region_is_found() {
    let (world, _) = world(find("healthy"));
    world.cloud.add(Instance { region: Some("us-east-1"), ..Instance::named("i-0123456789abcde09", "far-1") });
    let report = json(&world.run("doctor --json far-1").expect(1));
    assert_eq!(codes(&report), ["instance-elsewhere"]);
    let run = world.run("doctor far-1").expect(1);
    assert!(run.stderr.contains("i-0123456789abcde09 is in us-east-1: running"), "{run}");
    assert!(run.stderr.contains("Hint: look there: ec2ssh doctor --region us-east-1 far-1\n"), "{run}");
    world.cloud.fail("DescribeRegions", Fault::error(403, "UnauthorizedOperation", "no"), usize::MAX);
    assert_eq!(codes(&json(&world.run("doctor --json far-1"))), ["instance-not-found"]);
}

/// A way whose state is not known is not said to be open.
#[test]
fn unknown_way_is_not_called_open() {
    let (world, _) = world(find("no-agent"));
    world.cloud.fail("DescribeInstanceInformation", Fault::error(400, "AccessDeniedException", "no"), usize::MAX);
    let run = world.run("doctor --via ssm web-1").expect(1);
    assert!(run.out().contains("no way is known to be open"), "{run}");
    assert!(run.out().contains("not allowed: ssm:DescribeInstanceInformation"), "{run}");
}

/// Within the VPC, or where a private address was asked for, its rules are judged like others.
#[test]
fn private_address_is_judged_by_its_rules() {
    let broken = find("private");
    let report = |arguments: &str| {
        let (world, _) = world(broken);
        world.cloud.network(|network| network.rules.retain(|rule| rule.egress));
        json(&world.run(&format!("doctor --json {arguments} -p 9 {NAME}")))
    };
    // Nothing listens there, so the packets get through.
    assert_eq!(codes(&report("--from 10.0.0.9")), ["connection-refused"]);
    assert_eq!(codes(&report("--from 10.0.0.9 --via ssm")), ["agent-missing"]);
    let (world, port) = world(find("acl-closed"));
    let arguments = |from: &str| format!("doctor --json --from {from} -p {} {NAME}", port.unwrap());
    // No ACL counts within a subnet.
    assert_eq!(codes(&json(&world.run(&arguments("10.0.0.9")))), ["connection-timed-out"]);
    assert_eq!(codes(&json(&world.run(&arguments("10.9.0.9")))), ["network-acl-inbound"]);
    // From elsewhere another machine may have answered.
    assert_eq!(codes(&report(&format!("--from {CALLER} --address private"))), ["security-group-closed"]);
}

#[test]
fn login_is_tried_on_request() {
    let broken = find("healthy");
    let (world, port) = world(broken);
    let run = doctor(&world, broken, port, "--login").expect(0);
    assert!(run.out().contains("The login as ec2-user works."), "{run}");
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 1);
    world.forget_key();
    let denied = Fault::error(400, "AccessDeniedException", "not authorized");
    world.cloud.fail("SendSSHPublicKey", denied, usize::MAX);
    let report = json(&doctor(&world, broken, port, "--login --json"));
    assert_eq!(codes(&report), ["login-failed"]);
    assert!(report["findings"][0].to_string().contains("ec2-instance-connect:SendSSHPublicKey"), "{report}");
}

/// The key file's mode and fingerprint are judged before anybody logs in.
#[test]
fn key_file_is_compared_with_the_key_pair() {
    let broken = find("healthy");
    let (world, port) = world(broken);
    let key = world.path("ops.pem");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(made.success());
    let report =
        |arguments: &str| codes(&json(&doctor(&world, broken, port, &format!("--json -i ops.pem {arguments}"))));
    assert_eq!(report(""), ["key-file-mode"]);
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
    assert!(report("").is_empty(), "the key pair is not known");
    let other = "1f:51:ae:28:bf:89:e9:d8:1f:25:5d:37:2d:7d:b8:ca:9f:f5:f1:6f".to_owned();
    world.cloud.network(|network| network.key_pairs.push(("ops".to_owned(), other)));
    assert_eq!(report(""), ["key-pair-mismatch"]);
    let print = Command::new("ssh-keygen").arg("-lf").arg(world.path("ops.pem.pub")).output().unwrap().stdout;
    let print = String::from_utf8(print).unwrap().split(' ').nth(1).unwrap().trim_start_matches("SHA256:").to_owned();
    world.cloud.network(|network| network.key_pairs[0].1 = format!("{print}="));
    assert!(report("").is_empty());
    world.file("text.pem", "hello", 0o400);
    assert_eq!(codes(&json(&doctor(&world, broken, port, "--json -i text.pem"))), ["key-file-unusable"]);
}

/// Each change is asked for, and the way back is said.
#[test]
fn safe_changes_are_made_one_by_one() {
    let broken = find("group-for-others");
    let (world, port) = world(broken);
    let port = port.unwrap();
    let run = world.run(&format!("doctor --fix --from {CALLER} -p {port} {NAME}")).expect(1);
    assert!(run.stderr.contains("--fix asks before each change, and there is no terminal"), "{run}");
    let line = format!("\"$EC2SSH\" doctor --fix --from {CALLER} -p {port} {NAME}; echo \"ended with $?\"");
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for(&format!("Admit {CALLER} to port {port} of sg-0123456789abcdef0?"));
    terminal.type_in("no\r");
    terminal.wait_for("ended with 1");
    assert_eq!(world.cloud.count("AuthorizeSecurityGroupIngress"), 0);
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("(yes/no)");
    terminal.type_in("yes\r");
    terminal.wait_for("To take it back: aws ec2 revoke-security-group-ingress");
    terminal.wait_for("ended with 1");
    let calls = world.cloud.calls();
    let made = calls.iter().find(|call| call.operation == "AuthorizeSecurityGroupIngress").unwrap();
    assert!(made.body.contains("CidrIp=203.0.113.7%2F32"), "{}", made.body);
}

#[test]
fn key_file_is_closed_and_instance_started() {
    let (world, port) = world(find("healthy"));
    let port = port.unwrap();
    let key = world.path("ops.pem");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(made.success());
    let yes = |line: &str, question: &str, answer: &str| {
        let mut terminal = Terminal::run(&world, &format!("\"$EC2SSH\" doctor --fix {line}; echo \"ended with $?\""));
        terminal.wait_for(question);
        terminal.type_in("yes\r");
        terminal.wait_for(answer);
        terminal.wait_for("ended with 1");
    };
    yes(&format!("-i ops.pem -p {port} {NAME}"), "Give ops.pem mode 0400?", "To take it back: chmod 600 ops.pem");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o400);
    world.cloud.add(Instance::named(ID, NAME).state("stopped"));
    yes(NAME, &format!("Start {ID}?"), &format!("aws ec2 stop-instances --instance-ids {ID}"));
    assert_eq!(world.cloud.count("StartInstances"), 1);
}

/// Programs rely on the codes.
#[test]
fn codes_are_in_the_documentation() {
    let text = include_str!("../../docs/doctor.md");
    let all: BTreeSet<&str> = WORLDS.iter().flat_map(|broken| broken.causes).copied().collect();
    let missing: Vec<_> = all.iter().filter(|code| !text.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
