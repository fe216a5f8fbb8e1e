//! Tests of host key verification on first and later contacts: console, certificates, the caller's known_hosts,
//! policies.

use std::fs;
use std::process::Command;
use std::time::Duration;

use ec2ssh_lab::{Fault, HostKey, Instance, Sshd};

use crate::support::RealSshd;
use crate::support::pty::Terminal;
use crate::support::{ID, World, keygen, tool};

/// Creates an instance whose console prints `printed` and whose server presents `presented`.
fn world(presented: &HostKey, printed: &[&HostKey]) -> (World, u16) {
    let world = World::empty();
    world.add_amazon_linux();
    world.cloud.add(Instance::named(ID, "my-instance"));
    let port = world.cloud.sshd(ID, Sshd { host_key: presented.clone(), ..Sshd::default() });
    if !printed.is_empty() {
        world.cloud.print_host_keys(ID, &printed.iter().map(|key| key.public_line()).collect::<Vec<_>>());
    }
    (world, port)
}

/// The console verifies the host key of a first contact without a prompt. Later connections use the stored key and do
/// not read the console.
#[test]
fn console_verifies_first_contact_without_prompt() {
    let key = HostKey::fresh();
    let (world, port) = world(&key, &[&key]);
    let run = world.run(&format!("-v -p {port} my-instance exit 3")).expect(3);
    assert!(run.stderr.contains("is verified by the console of i-0123456789abcde01"), "{run}");
    let run = world.run(&format!("-v -p {port} my-instance exit 3")).expect(3);
    assert!(run.stderr.contains("trusted by: console 20"), "{run}");
    assert_eq!(world.cloud.count("GetConsoleOutput"), 1);
    // A known host key prints nothing.
    let run = world.run(&format!("-p {port} my-instance true")).expect(0);
    assert_eq!(run.stderr, "");
}

/// An algorithm that the console printed is negotiated, and every printed key is stored.
#[test]
fn negotiates_printed_algorithm_and_stores_printed_keys() {
    // The server also has an ed25519 key, which would be negotiated by default. The console printed only its ECDSA key.
    let (world, _) = World::with_instance();
    let sshd = RealSshd::start(&world.cloud, ID, "");
    let line = |kind: &str| fs::read_to_string(sshd.host_key(kind)).unwrap().trim().to_owned();
    world.cloud.print_host_keys(ID, &[line("ecdsa")]);
    let target = format!("-p {} {}@my-instance", sshd.port, sshd.user);
    let run = world.run(&format!("-v {target} exit 3")).expect(3);
    assert!(run.stderr.contains("host key ecdsa-sha2-nistp256"), "{run}");
    fs::remove_file(world.known_hosts()).unwrap();
    world.cloud.print_host_keys(ID, &[line("ecdsa"), line("ed25519")]);
    world.run(&format!("-q {target} true")).expect(0);
    let kept = fs::read_to_string(world.known_hosts()).unwrap();
    assert!(kept.contains("ecdsa-sha2-nistp256") && kept.contains("ssh-ed25519"), "{kept}");
    // Both printed keys are stored, including the one that was not negotiated.
    assert_eq!(kept.lines().filter(|line| line.contains(" console 20")).count(), 2, "{kept}");
}

#[test]
fn fingerprints_alone_verify_too() {
    let key = HostKey::fresh();
    let (world, port) = world(&key, &[]);
    let console = format!(
        "ec2: -----BEGIN SSH HOST KEY FINGERPRINTS-----\r\nec2: 256 {} no comment (ED25519)\r\n",
        key.fingerprint()
    );
    world.cloud.console(ID, console, "");
    world.run(&format!("--host-keys strict -p {port} my-instance true")).expect(0);
    assert!(fs::read_to_string(world.known_hosts()).unwrap().contains(&key.public_line()));
}

/// If the console output that was posted after boot is still empty, the latest output is read with a second call.
#[test]
fn latest_console_is_read_if_none_posted() {
    let key = HostKey::fresh();
    let (world, port) = world(&key, &[&key]);
    let console = format!("-----BEGIN SSH HOST KEY KEYS-----\n{} r@h\n", key.public_line());
    world.cloud.console(ID, "", console);
    world.run(&format!("--host-keys strict -p {port} my-instance true")).expect(0);
    assert_eq!(world.cloud.count("GetConsoleOutput"), 2);
}

#[test]
fn console_mismatch_is_refused_in_every_mode() {
    let (ours, printed) = (HostKey::fresh(), HostKey::fresh());
    let (world, port) = world(&ours, &[&printed]);
    // The caller's own known_hosts does not override the console.
    world.file(".ssh/known_hosts", &format!("my-instance {}\n[my-instance]:{port} {0}\n", ours.public_line()), 0o600);
    for mode in ["auto", "strict", "accept-new"] {
        let run = world.run(&format!("--host-keys {mode} -p {port} my-instance true")).expect(255);
        assert!(run.stderr.contains("is not the one that i-0123456789abcde01 printed on its console"), "{run}");
        assert!(run.stderr.contains(&ours.fingerprint()) && run.stderr.contains(&printed.fingerprint()), "{run}");
    }
    assert!(!world.known_hosts().exists());
    insta::assert_snapshot!(
        world
            .snapshot(&format!("-p {port} my-instance true"))
            .replace(&port.to_string(), "PORT")
            .replace(&ours.fingerprint(), "OURS")
            .replace(&printed.fingerprint(), "PRINTED")
    );
    // A key that a person has read on the instance itself and added is accepted.
    let mut add = world.ec2ssh(&format!("known-hosts add {ID}:{port}"));
    assert!(add.arg(ours.public_line()).status().unwrap().success());
    world.run(&format!("--host-keys strict -p {port} my-instance exit 3")).expect(3);
}

/// An impostor cannot skip the comparison by offering none of the printed algorithms.
#[test]
fn server_without_printed_algorithms_is_refused() {
    let (world, port) = world(&HostKey::fresh(), &[]);
    let ecdsa = keygen(world.home.path(), "ecdsa", &["-t", "ecdsa", "-N", ""]);
    let line = fs::read_to_string(ecdsa.with_extension("pub")).unwrap().trim().to_owned();
    world.cloud.print_host_keys(ID, &[line]);
    let run = world.run(&format!("--host-keys accept-new -p {port} my-instance true")).expect(255);
    assert!(run.stderr.contains("is not the one that i-0123456789abcde01 printed"), "{run}");
}

/// A later console output never replaces the stored key. It only tells whether sshd has new keys or somebody else may
/// be answering.
#[test]
fn later_console_explains_a_changed_key() {
    let (old, new) = (HostKey::fresh(), HostKey::fresh());
    let (world, port) = world(&old, &[&old]);
    world.run(&format!("-p {port} my-instance true")).expect(0);
    let kept = fs::read_to_string(world.known_hosts()).unwrap();
    // Another server answers, and known_hosts lists its port with the old server's key.
    let known = kept.replace(&port.to_string(), "PORT");
    let other = world.cloud.sshd(ID, Sshd { host_key: new.clone(), ..Sshd::default() });
    fs::write(world.known_hosts(), known.replace("PORT", &other.to_string())).unwrap();
    let line = format!("--host-keys accept-new -p {other} my-instance true");
    let tell = |printed: &[&HostKey]| {
        world.cloud.print_host_keys(ID, &printed.iter().map(|key| key.public_line()).collect::<Vec<_>>());
        world.run(&line).expect(255).stderr
    };
    let text = tell(&[&new]);
    assert!(text.contains("has changed") && text.contains("its host keys were regenerated"), "{text}");
    assert!(text.contains("ec2ssh known-hosts forget i-0123456789abcde01"), "{text}");
    let text = tell(&[&old]);
    assert!(text.contains("another machine may be answering") && !text.contains("forget"), "{text}");
    let text = tell(&[]);
    assert!(text.contains("the console output does not show which"), "{text}");
    assert!(fs::read_to_string(world.known_hosts()).unwrap().contains(&old.public_line()));
    // Only an explicit command makes room for the new key.
    world.run("known-hosts forget my-instance").expect(0);
    world.cloud.print_host_keys(ID, &[new.public_line()]);
    world.run(&line).expect(0);
}

/// If the console cannot be read or shows no host keys, one line says so, and the policy decides.
#[test]
fn unreadable_or_empty_console_takes_one_line() {
    let key = HostKey::fresh();
    let (world, port) = world(&key, &[&key]);
    let strict = format!("--host-keys strict -p {port} my-instance true");
    let denied = Fault::error(403, "UnauthorizedOperation", "You are not authorized to perform this operation.");
    world.cloud.fail("GetConsoleOutput", denied, 1);
    let run = world.run(&strict).expect(255);
    assert_eq!(
        run.stderr.lines().next(),
        Some("The console of i-0123456789abcde01 cannot be read: the credentials lack ec2:GetConsoleOutput."),
        "{run}"
    );
    assert!(run.stderr.contains("is not known, and --host-keys strict"), "{run}");
    world.cloud.console(ID, "[    0.000000] Linux\r\n", "");
    let run = world.run(&strict).expect(255);
    assert_eq!(run.stderr.lines().next(), Some("The console of i-0123456789abcde01 shows no host keys."), "{run}");
    // Without host keys on the console, the next source decides: here the policy.
    let run = world.run(&format!("--host-keys accept-new -p {port} my-instance exit 3")).expect(3);
    assert!(run.stderr.contains("Accepted the new host key"), "{run}");
    assert!(fs::read_to_string(world.known_hosts()).unwrap().contains(" accept-new 20"));
}

/// The caller's known_hosts is searched for the typed name and the address that is dialed, plain or hashed.
#[test]
fn callers_known_hosts_matches_typed_name_and_address() {
    let key = HostKey::fresh();
    let (world, port) = world(&key, &[]);
    let names = [format!("[my-instance]:{port}"), format!("[127.0.0.1]:{port}"), format!("[my-*]:{port},x")];
    for name in names {
        world.file(".ssh/known_hosts", &format!("# mine\n{name} {}\n", key.public_line()), 0o600);
        // Debian writes hashed names.
        for hashed in [false, true] {
            if hashed && !name.contains('*') {
                let hash = Command::new(tool("ssh-keygen")).arg("-Hf").arg(world.path(".ssh/known_hosts")).output();
                assert!(hash.unwrap().status.success());
            }
            let run = world.run(&format!("-v -p {port} my-instance exit 3")).expect(3);
            assert!(run.stderr.contains("is known to ssh ("), "{name}: {run}");
            assert!(fs::read_to_string(world.known_hosts()).unwrap().contains(" known_hosts 20"));
            fs::remove_file(world.known_hosts()).unwrap();
            // The policy strict accepts only verified keys.
            world.run(&format!("--host-keys strict -p {port} my-instance exit 3")).expect(255);
        }
    }
    // Another machine's key under one of the instance's names causes neither an alarm nor trust.
    world.file(".ssh/known_hosts", &format!("[my-instance]:{port} {}\n", HostKey::fresh().public_line()), 0o600);
    let run = world.run(&format!("-p {port} my-instance exit 3")).expect(255);
    assert!(run.stderr.contains("is not known, and it was not confirmed"), "{run}");
    // A revoked key is refused, whatever other source accepts it.
    world.file(".ssh/known_hosts", &format!("@revoked * {}\n", key.public_line()), 0o600);
    let run = world.run(&format!("--host-keys accept-new -p {port} my-instance exit 3")).expect(255);
    assert!(
        run.stderr.contains("is revoked (HOME/.ssh/known_hosts:1)") || run.stderr.contains("is revoked ("),
        "{run}"
    );
}

/// A Name tag is anybody's, and other networks have the same private addresses: neither vouches for what is dialed.
#[test]
fn ambiguous_names_vouch_for_nothing() {
    let key = HostKey::fresh();
    let (world, port) = world(&key, &[]);
    let dialed = format!("-v -p {port} {ID} exit 3");
    let names = ["my-instance", "10.0.222.1", "10.*", "ip-10-0-222-1.*", "!nothing,ip-*"];
    for name in names {
        let pattern = name.split(',').map(|name| match name.strip_prefix('!') {
            Some(name) => format!("![{name}]:{port}"),
            None => format!("[{name}]:{port}"),
        });
        let pattern = pattern.collect::<Vec<_>>().join(",");
        world.file(".ssh/known_hosts", &format!("{pattern} {}\n", key.public_line()), 0o600);
        let run = world.run(&dialed).expect(255);
        assert!(run.stderr.contains("is not known, and it was not confirmed"), "{name}: {run}");
        // What is revoked for any name is refused.
        world.file(".ssh/known_hosts", &format!("@revoked {pattern} {}\n", key.public_line()), 0o600);
        assert!(world.run(&dialed).expect(255).stderr.contains("is revoked ("), "{name}");
    }
    world.file(".ssh/known_hosts", &format!("[{ID}]:{port} {}\n", key.public_line()), 0o600);
    world.run(&dialed).expect(3);
}

/// Starts a real sshd with a host certificate for `principals`, and returns the authority's public key too.
fn certified(world: &World, principals: &str, validity: &str) -> (RealSshd, String) {
    let authority = keygen(world.home.path(), "authority", &["-t", "ed25519", "-N", ""]);
    let sshd = RealSshd::start(&world.cloud, ID, "");
    let mut sign = Command::new(tool("ssh-keygen"));
    sign.args(["-q", "-s"]).arg(&authority).args(["-I", "test", "-h", "-n", principals, "-V", validity]);
    let signed = sign.arg(sshd.host_key("ed25519")).output().unwrap();
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    let certificate = sshd.host_key("ed25519").with_file_name("ed25519-cert.pub");
    let sshd = sshd.restart(&format!("HostCertificate {}", certificate.display()));
    (sshd, fs::read_to_string(authority.with_extension("pub")).unwrap().trim().to_owned())
}

#[test]
fn host_certificate_of_known_authority_is_accepted() {
    let (world, _) = World::with_instance();
    let (sshd, authority) = certified(&world, "my-instance,i-0123456789abcde01", "+1h");
    let line = format!("-v --host-keys strict -p {} {}@my-instance exit 3", sshd.port, sshd.user);
    world.run(&line).expect(255);
    for file in [world.path(".ssh/known_hosts"), world.known_hosts()] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, format!("@cert-authority my-*,i-* {authority}\n")).unwrap();
        let run = world.run(&line).expect(3);
        assert!(run.stderr.contains("certified by the authority in "), "{run}");
        // The authority is not trusted for these names.
        fs::write(&file, format!("@cert-authority other-* {authority}\n")).unwrap();
        world.run(&line).expect(255);
        // A revoked authority is not trusted.
        fs::write(&file, format!("@cert-authority * {authority}\n@revoked * {authority}\n")).unwrap();
        let run = world.run(&line).expect(255);
        assert!(run.stderr.contains("its authority is revoked"), "{run}");
        fs::remove_file(&file).unwrap();
    }
}

/// A certificate for other names, or outside its validity, is ignored, and the key inside it is verified instead.
#[test]
fn invalid_certificate_falls_back_to_its_key() {
    for (principals, validity, why) in
        [("other", "+1h", "it is for other names"), ("my-instance", "-2h:-1h", "it is not valid now")]
    {
        let (world, _) = World::with_instance();
        let (sshd, authority) = certified(&world, principals, validity);
        world.file(".ssh/known_hosts", &format!("@cert-authority * {authority}\n"), 0o600);
        let target = format!("-p {} {}@my-instance", sshd.port, sshd.user);
        let run = world.run(&format!("-v --host-keys strict {target} true")).expect(255);
        assert!(run.stderr.contains(why), "{run}");
        world.cloud.print_host_keys(ID, &[fs::read_to_string(sshd.host_key("ed25519")).unwrap().trim().to_owned()]);
        world.run(&format!("-q --host-keys strict {target} exit 3")).expect(3);
    }
}

#[test]
fn known_hosts_commands_list_forget_and_add() {
    let (world, port) = world(&HostKey::fresh(), &[]);
    world.run("known-hosts").expect(0);
    world.run(&format!("-q --host-keys accept-new -p {port} my-instance true")).expect(0);
    let out = world.run("known-hosts list").expect(0).out();
    assert!(
        out.contains(&format!("[{ID}]:{port}")) && out.contains("accept-new 20") && out.contains("SHA256:"),
        "{out}"
    );
    let json: serde_json::Value = serde_json::from_str(&world.run("known-hosts list --json").expect(0).out()).unwrap();
    assert_eq!(json[0]["algorithm"], "ssh-ed25519");
    let run = world.run("known-hosts forget i-0123456789abcde09").expect(1);
    assert!(run.stderr.contains("no host key of i-0123456789abcde09 is known"), "{run}");
    // An instance id needs no AWS call; a name is looked up.
    world.run(&format!("known-hosts forget {ID}")).expect(0);
    assert_eq!(world.run("known-hosts list").expect(0).out(), "");
    let mut add = world.ec2ssh(&format!("known-hosts add {ID}"));
    let added = add.arg("no key").output().unwrap();
    assert_eq!(added.status.code(), Some(1));
}

#[test]
fn prompts_only_if_no_source_knows_key() {
    let (world, port) = world(&HostKey::fresh(), &[]);
    let mut terminal = Terminal::run(&world, &format!("\"$EC2SSH\" -p {port} my-instance exit 3; echo \"status $?\""));
    terminal.wait_for("shows no host keys.");
    terminal.wait_for("(yes/no/paste the fingerprint)");
    terminal.type_in("yes\r");
    terminal.wait_for("status 3");
    assert!(fs::read_to_string(world.known_hosts()).unwrap().contains(" confirmed 20"));
}

/// If the console answers later than everything else, the connection waits for it once, and the delay is not reported
/// as the server's.
#[test]
fn a_slow_console_is_waited_for() {
    let key = HostKey::fresh();
    let (world, port) = world(&key, &[&key]);
    world.cloud.fail("GetConsoleOutput", Fault::Delay(Duration::from_secs(2)), 1);
    world.run(&format!("--host-keys strict -p {port} my-instance exit 3")).expect(3);
}
