//! Whom it trusts on a first contact and later: console, certificates, the caller's known_hosts, the policies.

use std::fs;
use std::process::Command;
use std::time::Duration;

use ec2ssh_lab::{Fault, HostKey, Instance, Sshd};

use crate::support::RealSshd;
use crate::support::pty::Terminal;
use crate::support::{ID, World, keygen, tool};

/// An instance whose console prints `printed`, and whose server has `presented`.
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

#[test]
fn the_console_verifies_a_first_contact_without_a_question_and_once() {
    let key = HostKey::fresh();
    let (world, port) = world(&key, &[&key]);
    let run = world.run(&format!("-v -p {port} my-instance exit 3")).expect(3);
    assert!(run.stderr.contains("is verified by the console of i-0123456789abcde01"), "{run}");
    let run = world.run(&format!("-v -p {port} my-instance exit 3")).expect(3);
    assert!(run.stderr.contains("trusted by: console 20"), "{run}");
    assert_eq!(world.cloud.count("GetConsoleOutput"), 1);
    // Nothing to say where all is well.
    let run = world.run(&format!("-p {port} my-instance true")).expect(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn every_printed_key_is_kept_and_the_negotiated_one_is_of_a_printed_algorithm() {
    // The server has ed25519 too, which would be negotiated by itself; the console printed only its ECDSA key.
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
    // By the other of the two: known as well.
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

#[test]
fn what_is_not_posted_yet_is_read_as_it_is_now() {
    let key = HostKey::fresh();
    let (world, port) = world(&key, &[&key]);
    let console = format!("-----BEGIN SSH HOST KEY KEYS-----\n{} r@h\n", key.public_line());
    world.cloud.console(ID, "", console);
    world.run(&format!("--host-keys strict -p {port} my-instance true")).expect(0);
    assert_eq!(world.cloud.count("GetConsoleOutput"), 2);
}

#[test]
fn a_console_that_contradicts_is_refused_in_every_mode() {
    let (ours, printed) = (HostKey::fresh(), HostKey::fresh());
    let (world, port) = world(&ours, &[&printed]);
    // The caller's own known_hosts does not outweigh it.
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
    // Who has looked on the instance itself says so, and is believed.
    let mut add = world.ec2ssh(&format!("known-hosts add {ID}:{port}"));
    assert!(add.arg(ours.public_line()).status().unwrap().success());
    world.run(&format!("--host-keys strict -p {port} my-instance exit 3")).expect(3);
}

/// An impostor that has none of the printed algorithms does not get around the comparison.
#[test]
fn a_server_with_other_algorithms_than_those_printed_is_refused() {
    let (world, port) = world(&HostKey::fresh(), &[]);
    let ecdsa = keygen(world.home.path(), "ecdsa", &["-t", "ecdsa", "-N", ""]);
    let line = fs::read_to_string(ecdsa.with_extension("pub")).unwrap().trim().to_owned();
    world.cloud.print_host_keys(ID, &[line]);
    let run = world.run(&format!("--host-keys accept-new -p {port} my-instance true")).expect(255);
    assert!(run.stderr.contains("is not the one that i-0123456789abcde01 printed"), "{run}");
}

#[test]
fn a_later_console_replaces_nothing_and_tells_a_new_sshd_from_an_impostor() {
    let (old, new) = (HostKey::fresh(), HostKey::fresh());
    let (world, port) = world(&old, &[&old]);
    world.run(&format!("-p {port} my-instance true")).expect(0);
    let kept = fs::read_to_string(world.known_hosts()).unwrap();
    // Another server answers; the config file has its port under the old one's alias.
    let known = kept.replace(&port.to_string(), "PORT");
    let other = world.cloud.sshd(ID, Sshd { host_key: new.clone(), ..Sshd::default() });
    fs::write(world.known_hosts(), known.replace("PORT", &other.to_string())).unwrap();
    let line = format!("--host-keys accept-new -p {other} my-instance true");
    let tell = |printed: &[&HostKey]| {
        world.cloud.print_host_keys(ID, &printed.iter().map(|key| key.public_line()).collect::<Vec<_>>());
        world.run(&line).expect(255).stderr
    };
    let text = tell(&[&new]);
    assert!(text.contains("has changed") && text.contains("sshd was set up anew"), "{text}");
    assert!(text.contains("ec2ssh known-hosts forget i-0123456789abcde01"), "{text}");
    let text = tell(&[&old]);
    assert!(text.contains("somebody else may be answering") && !text.contains("forget"), "{text}");
    let text = tell(&[]);
    assert!(text.contains("its console does not tell"), "{text}");
    assert!(fs::read_to_string(world.known_hosts()).unwrap().contains(&old.public_line()));
    // Only a person's word makes room for the new one.
    world.run("known-hosts forget my-instance").expect(0);
    world.cloud.print_host_keys(ID, &[new.public_line()]);
    world.run(&line).expect(0);
}

#[test]
fn a_console_that_is_denied_empty_or_silent_degrades_in_one_line() {
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
    // The next source is asked then.
    let run = world.run(&format!("--host-keys accept-new -p {port} my-instance exit 3")).expect(3);
    assert!(run.stderr.contains("Accepted the new host key"), "{run}");
    assert!(fs::read_to_string(world.known_hosts()).unwrap().contains(" accept-new 20"));
}

#[test]
fn the_callers_known_hosts_knows_it_by_a_name_or_an_address() {
    let key = HostKey::fresh();
    let (world, port) = world(&key, &[]);
    let names = [format!("[my-instance]:{port}"), format!("[127.0.0.1]:{port}"), format!("[ip-10-0-222-1.*]:{port},x")];
    for name in names {
        world.file(".ssh/known_hosts", &format!("# mine\n{name} {}\n", key.public_line()), 0o600);
        // Hashed names are what Debian writes.
        for hashed in [false, true] {
            if hashed && !name.contains('*') {
                let hash = Command::new(tool("ssh-keygen")).arg("-Hf").arg(world.path(".ssh/known_hosts")).output();
                assert!(hash.unwrap().status.success());
            }
            let run = world.run(&format!("-v -p {port} my-instance exit 3")).expect(3);
            assert!(run.stderr.contains("is known to ssh ("), "{name}: {run}");
            assert!(fs::read_to_string(world.known_hosts()).unwrap().contains(" known_hosts 20"));
            fs::remove_file(world.known_hosts()).unwrap();
            // strict takes what is verified only.
            world.run(&format!("--host-keys strict -p {port} my-instance exit 3")).expect(255);
        }
    }
    // Another machine's key under one of its names is no alarm, and no trust.
    world.file(".ssh/known_hosts", &format!("[my-instance]:{port} {}\n", HostKey::fresh().public_line()), 0o600);
    let run = world.run(&format!("-p {port} my-instance exit 3")).expect(255);
    assert!(run.stderr.contains("is not known, and nobody confirmed it"), "{run}");
    // And a revoked key is refused, whatever else speaks for it.
    world.file(".ssh/known_hosts", &format!("@revoked * {}\n", key.public_line()), 0o600);
    let run = world.run(&format!("--host-keys accept-new -p {port} my-instance exit 3")).expect(255);
    assert!(
        run.stderr.contains("is revoked (HOME/.ssh/known_hosts:1)") || run.stderr.contains("is revoked ("),
        "{run}"
    );
}

/// A real sshd with a host certificate for `principals`, and the authority's public key.
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
fn a_host_certificate_of_a_known_authority_is_enough() {
    let (world, _) = World::with_instance();
    let (sshd, authority) = certified(&world, "my-instance,i-0123456789abcde01", "+1h");
    let line = format!("-v --host-keys strict -p {} {}@my-instance exit 3", sshd.port, sshd.user);
    world.run(&line).expect(255);
    for file in [world.path(".ssh/known_hosts"), world.known_hosts()] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, format!("@cert-authority my-*,i-* {authority}\n")).unwrap();
        let run = world.run(&line).expect(3);
        assert!(run.stderr.contains("by a certificate of the authority in "), "{run}");
        // Not for these names.
        fs::write(&file, format!("@cert-authority other-* {authority}\n")).unwrap();
        world.run(&line).expect(255);
        // Not by a revoked authority.
        fs::write(&file, format!("@cert-authority * {authority}\n@revoked * {authority}\n")).unwrap();
        let run = world.run(&line).expect(255);
        assert!(run.stderr.contains("its authority is revoked"), "{run}");
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn a_certificate_that_does_not_count_leaves_the_key_in_it_to_be_judged() {
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
fn the_file_for_people() {
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
    // An id needs no AWS; a name is looked up.
    world.run(&format!("known-hosts forget {ID}")).expect(0);
    assert_eq!(world.run("known-hosts list").expect(0).out(), "");
    let mut add = world.ec2ssh(&format!("known-hosts add {ID}"));
    let added = add.arg("no key").output().unwrap();
    assert_eq!(added.status.code(), Some(1));
}

#[test]
fn a_question_only_where_nothing_else_knows() {
    let (world, port) = world(&HostKey::fresh(), &[]);
    let mut terminal = Terminal::run(&world, &format!("\"$EC2SSH\" -p {port} my-instance exit 3; echo \"status $?\""));
    terminal.wait_for("shows no host keys.");
    terminal.wait_for("(yes/no/paste the fingerprint)");
    terminal.type_in("yes\r");
    terminal.wait_for("status 3");
    assert!(fs::read_to_string(world.known_hosts()).unwrap().contains(" confirmed 20"));
}

/// The console is slower than all else: what it costs is waited for once, and the server is not blamed for it.
#[test]
fn a_slow_console_is_waited_for() {
    let key = HostKey::fresh();
    let (world, port) = world(&key, &[&key]);
    world.cloud.fail("GetConsoleOutput", Fault::Delay(Duration::from_secs(2)), 1);
    world.run(&format!("--host-keys strict -p {port} my-instance exit 3")).expect(3);
}
