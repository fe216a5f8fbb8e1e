//! Tests of parsing the console output of an instance, clean and damaged.

use crate::trust::console::{ConsoleMatch, Printed, parse};
use proptest::prelude::*;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey, PublicKey};

const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHEChAFbsqqnyHJYo0zLdfAMBJDFkRWpFGXZvVXkkmk";
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIILmbNdXjCKAGhJiQOI2jQ0CQN3zDlnlQWzMFVMSmAvJ";
const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPIT+sY6jSTgE5FcYqCKX4pUnqeGT4JvTf4ajvVxQA0AdY3OkHy9UdTRgqgjD+sW93LBc8ESMlAPTGIRKZcEN4k=";

fn key(line: &str) -> PublicKey {
    PublicKey::from_openssh(line).unwrap()
}

fn print(line: &str) -> String {
    key(line).fingerprint(HashAlg::Sha256).to_string()
}

/// Returns the algorithms found; those with only a fingerprint are in parentheses.
fn found(console: &str) -> Vec<String> {
    let Printed { keys, fingerprints, .. } = parse(console.as_bytes());
    let keys = keys.iter().map(|key| key.algorithm().to_string());
    keys.chain(fingerprints.iter().map(|(algorithm, _)| format!("({algorithm})"))).collect()
}

fn block(lines: &str) -> String {
    format!("-----BEGIN SSH HOST KEY KEYS-----\n{lines}\n-----END SSH HOST KEY KEYS-----\n")
}

/// Escape sequences with which a serial getty resets the terminal, as on Ubuntu 26.04.
const RESET: &str = "\x1b[!p\x1b]104\x1b\\\x1b[0m\x1b[?7h\x1b[1G\x1b[0J\x1b[6n\x1b[32766;32766H\x1b[6n";

#[test]
fn keys_are_found_despite_noise() {
    let (begin, end) = ("-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----");
    let half = &ED25519[..40];
    let rest = &ED25519[40..];
    let cases: Vec<(&str, String)> = vec![
        ("clean", block(&format!("{ED25519} root@ip-10-0-0-1"))),
        ("no comment", block(ED25519)),
        ("an empty comment", block(&format!("{ED25519} "))),
        ("CRLF", block(ED25519).replace('\n', "\r\n")),
        ("twice CR", block(ED25519).replace('\n', "\r\r\n")),
        ("CR alone", block(ED25519).replace('\n', "\r")),
        ("a tab", block(&ED25519.replace(' ', "\t"))),
        ("syslog prefix", format!("<14>cloud-init: {begin}\n<14>cloud-init: {ED25519} r@h\n<14>cloud-init: {end}\n")),
        (
            "a prefix with its date",
            format!("<14>Apr 22 19:51:35 cloud-init: {begin}\n<14>Apr 22 19:51:35 cloud-init: {ED25519}\n"),
        ),
        ("a prefix of old", format!("ec2: {begin}\nec2: {ED25519} root@h\nec2: {end}\n")),
        (
            "prefix upon prefix",
            block(&format!("May 10 22:18:34 localhost cloud-init[1522]: <14>May 10 22:18:34 cloud-init: {ED25519}")),
        ),
        ("a kernel's time", block(&format!("[   15.201] cloud-init[530]: {ED25519}"))),
        ("a prefix that sticks", block(&format!("<14>{ED25519}"))),
        (
            "a line that begins with the reset",
            format!("<14>cloud-init: ###{RESET}[ 15.0] cloud-init[530]: Cloud-init v.\n{}", block(ED25519)),
        ),
        ("colors", block(&format!("\x1b[1;32m{half}\x1b[6n{RESET}{rest}\x1b[0m"))),
        ("an OSC in the key", block(&format!("{half}\x1b]104\x1b\\{rest}"))),
        ("an OSC that ends with BEL", block(&format!("{half}\x1b]0;title\x07{rest}"))),
        ("a systemd OSC around it", block(&format!("\x1b]3008;start=0f1e;type=service\x1b\\{ED25519}"))),
        ("a DCS", block(&format!("{half}\x1bP+q544e\x1b\\{rest}"))),
        ("short escapes", block(&format!("{half}\x1b7\x1b(B\x1bc{rest}"))),
        ("an OSC without an end before the block", format!("###\x1b]104\n{}", block(ED25519))),
        ("control characters", block(&format!("\x07{half}\0\x08{rest}"))),
        ("an escape in the marker", format!("-----BEGIN SSH \x1b[!p\x1b[6nHOST KEY KEYS-----\n{ED25519}\n")),
        ("END is missing", format!("{begin}\n{ED25519} root@h\n")),
        ("END is missing and the file ends in the line", format!("{begin}\n{ED25519}")),
        ("an empty line after the marker", block(&format!("\n\n{ED25519}"))),
        ("BEGIN is behind something", format!("login: {begin}\n{ED25519}\n{end}\n")),
        (
            "the kernel cuts in between",
            block(&format!("[   15.2] eth0: link up\n{ED25519}\n[   15.3] eth0: link down")),
        ),
        (
            "the kernel cuts in more often",
            block(&format!("{0}[ 1.1] x\n[ 1.2] y\n[ 1.3] z\n{0}[ 1.4] x\n[ 1.5] y\n", format!("{ED25519}\n"))),
        ),
        ("printed twice", block(&format!("{ED25519}\n<14>cloud-init: {ED25519}")) + &block(ED25519)),
        ("an empty block before it", block("") + &block(ED25519)),
        ("a decoy before the block", format!("sshd: rejected {OTHER} root@h\n{}", block(ED25519))),
        ("a decoy after the block", format!("{}sshd: rejected\n{OTHER}\n", block(ED25519))),
        ("bytes that are no text", block(ED25519) + "\u{fffd}\u{9b}31m"),
    ];
    for (what, console) in cases {
        assert_eq!(found(&console), ["ssh-ed25519"], "{what}");
        assert_eq!(parse(console.as_bytes()).keys[0].key_data(), key(ED25519).key_data(), "{what}");
    }
    assert_eq!(found(&block(&format!("{ECDSA}\n{ED25519}"))), ["ecdsa-sha2-nistp256", "ssh-ed25519"]);
}

#[test]
fn invalid_lines_yield_no_keys() {
    let base64 = ED25519.split(' ').nth(1).unwrap();
    let cases: Vec<(&str, String)> = vec![
        ("nothing", String::new()),
        ("no block", format!("{ED25519}\n")),
        ("a type that is not the one inside", block(&format!("ssh-rsa {base64}"))),
        ("another type", block(&format!("sk-ssh-ed25519@openssh.com {base64}"))),
        ("cut short", block(&ED25519[..60])),
        ("wrapped at 80 columns", block(&format!("{}\r\n{}", &ED25519[..50], &ED25519[50..]))),
        ("the kernel in the middle", block(&format!("{}[   15.2] kern: x\n{}", &ED25519[..50], &ED25519[50..]))),
        ("words before it", block(&format!("sshd rejected {ED25519}"))),
        ("a table", block(&format!("ci-info: | ssh-ed25519 | {base64} |"))),
        (
            "BEGIN is damaged",
            format!("-----BEGIN SSH HOSR[ 15.6] cloud-init[562]\n{ED25519}\n-----END SSH HOST KEY KEYS-----\n"),
        ),
        ("typed at a login prompt", block(&format!("ip-10-0-0-1 login: {ED25519}"))),
        ("typed at a login prompt, with a tag", block(&format!("ip-10-0-0-1 login: cloud-init: {ED25519}"))),
        ("sshd's own words", block(&format!("Jun  3 17:07:52 host sshd[12]: Invalid user cloud-init: {ED25519}"))),
        ("a date alone", block(&format!("Jun  3 17:07:52 {ED25519}"))),
        ("a date and a host alone", block(&format!("Jun  3 17:07:52 host {ED25519}"))),
        ("a kernel's time alone", block(&format!("[   15.201] {ED25519}"))),
        ("two hosts", block(&format!("Jun  3 17:07:52 host other cloud-init: {ED25519}"))),
        ("a host certificate", block(&format!("ssh-ed25519-cert-v01@openssh.com {base64}"))),
        ("DSA", block(&format!("ssh-dss {base64}"))),
    ];
    for (what, console) in cases {
        assert!(parse(console.as_bytes()).is_empty(), "{what}: {:?}", found(&console));
    }
    // A fingerprint line with foreign text before it does not count either.
    let forged = format!("-----BEGIN SSH HOST KEY FINGERPRINTS-----\nhost login: 256 {} x (ED25519)\n", print(ED25519));
    assert!(parse(forged.as_bytes()).is_empty());
    // Without an END marker, the block ends after several unrelated lines.
    let late = format!("-----BEGIN SSH HOST KEY KEYS-----\n{ED25519}\n{}{OTHER}\n", "later\n".repeat(4));
    assert_eq!(parse(late.as_bytes()).keys, [key(ED25519)]);
    // A later block adds no keys.
    assert_eq!(found(&(block(ED25519) + &block(ECDSA))), ["ssh-ed25519"]);
}

/// If the console shows two different keys of an algorithm, neither is accepted, whatever their order, and the console
/// does not count as empty.
#[test]
fn disputed_algorithm_yields_no_key() {
    let prints = |line: &str| {
        format!(
            "-----BEGIN SSH HOST KEY FINGERPRINTS-----\n256 {} x (ED25519)\n-----END SSH HOST KEY FINGERPRINTS-----\n",
            print(line)
        )
    };
    for (what, console) in [
        ("in one block", block(&format!("{ED25519}\n{OTHER}"))),
        ("in two", block(ED25519) + &block(OTHER)),
        ("a fingerprint that is not the key's", prints(OTHER) + &block(ED25519)),
        ("a fingerprint in a later block", block(ED25519) + &prints(ED25519) + &prints(OTHER)),
        ("two fingerprints", prints(ED25519) + &prints(OTHER)),
    ] {
        let printed = parse(console.as_bytes());
        assert!(printed.keys.is_empty() && printed.fingerprints.is_empty() && !printed.is_empty(), "{what}");
        assert_eq!(printed.compare(&key(ED25519)), ConsoleMatch::Disputed, "{what}");
        assert_eq!(printed.compare(&key(OTHER)), ConsoleMatch::Disputed, "{what}");
        assert_eq!(printed.compare(&key(ECDSA)), ConsoleMatch::OtherAlgorithms, "{what}");
        let listed = printed.listed();
        assert!(listed.iter().any(|(_, listed)| *listed == print(OTHER)), "{what}: {listed:?}");
    }
    // Keys of other algorithms remain valid.
    let printed = parse(block(&format!("{ED25519}\n{OTHER}\n{ECDSA}")).as_bytes());
    assert_eq!(printed.compare(&key(ECDSA)), ConsoleMatch::Printed);
    // A fingerprint that matches the key is not a dispute.
    assert_eq!(parse((prints(ED25519) + &block(ED25519)).as_bytes()).compare(&key(ED25519)), ConsoleMatch::Printed);
}

#[test]
fn fingerprints_count_without_whole_keys() {
    let line =
        |prefix: &str, line: &str, kind: &str| format!("{prefix}256 {} root@ip-10-0-0-1 ({kind})\n", print(line));
    let block = |prefix: &str| {
        format!(
            "{prefix}#############################################################\n\
             {prefix}-----BEGIN SSH HOST KEY FINGERPRINTS-----\n{}{}\
             {prefix}2048 98:c4:4b:6a:9f:0e:55:21:00:01:02:03:04:05:06:07  root@ip-10-0-0-1 (RSA)\n\
             {prefix}-----END SSH HOST KEY FINGERPRINTS-----\n{prefix}####\n",
            line(prefix, ED25519, "ED25519"),
            line(prefix, ECDSA, "ECDSA"),
        )
    };
    for prefix in [
        "",
        "ec2: ",
        "<14>Jun  3 17:07:52 ec2: ",
        "<14>Apr 22 19:51:35 cloud-init: ",
        "May  6 02:57:58 ip-10-0-0-1 ec2[1441]: ",
    ] {
        assert_eq!(found(&block(prefix)), ["(ssh-ed25519)", "(ecdsa-sha2-nistp256)"], "{prefix}");
    }
    // The comment "no comment" consists of two words.
    let text = block("").replace("root@ip-10-0-0-1", "no comment");
    assert_eq!(found(&text), ["(ssh-ed25519)", "(ecdsa-sha2-nistp256)"]);
    // A whole key takes precedence over its fingerprint.
    let both = format!("{}-----BEGIN SSH HOST KEY KEYS-----\n{ED25519}\n", block("ec2: "));
    assert_eq!(found(&both), ["ssh-ed25519", "(ecdsa-sha2-nistp256)"]);
    // A truncated fingerprint is ignored.
    let cut = block("").replace(&print(ED25519), &print(ED25519)[..30]);
    assert_eq!(found(&cut), ["(ecdsa-sha2-nistp256)"]);
}

#[test]
fn presented_key_is_compared_with_console() {
    let printed = parse(block(ED25519).as_bytes());
    assert_eq!(printed.compare(&key(ED25519)), ConsoleMatch::Printed);
    assert_eq!(printed.compare(&key(OTHER)), ConsoleMatch::Another);
    assert_eq!(printed.compare(&key(ECDSA)), ConsoleMatch::OtherAlgorithms);
    assert_eq!(Printed::default().compare(&key(ECDSA)), ConsoleMatch::Nothing);
    let prints = Printed { fingerprints: vec![(Algorithm::Ed25519, print(ED25519))], ..Printed::default() };
    assert_eq!(prints.compare(&key(ED25519)), ConsoleMatch::Printed);
    assert_eq!(prints.compare(&key(OTHER)), ConsoleMatch::Another);
    assert_eq!(prints.compare(&key(ECDSA)), ConsoleMatch::OtherAlgorithms);
}

fn random_public_key(algorithm: Algorithm) -> String {
    let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), algorithm).unwrap();
    key.public_key().to_openssh().unwrap()
}

proptest! {
    #[test]
    fn parsing_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        parse(&bytes);
    }

    /// Near misses of a valid key cause no panic and never yield a key that was not printed whole.
    #[test]
fn noise_never_creates_a_key(
        at in 0usize..700,
        dirt in "(\\x1b\\[[0-9;?]{0,4}[a-zA-Z])|(\\x1b[a-zA-Z78])|(\\x1b\\][0-9;a-z]{0,4}(\\x07|\\x1b\\\\))|[\\[\\];\\r\\n\\x07 ]{0,6}"
    ) {
        let mut console = block(&format!("{ED25519} root@h\n{ECDSA} root@h"));
        console.insert_str(at % console.len(), &dirt);
        for key in parse(console.as_bytes()).keys {
            let line = key.to_openssh().unwrap();
            prop_assert!([ED25519, ECDSA].contains(&line.trim()), "{line}");
        }
    }

    #[test]
    fn several_insertions_never_panic(cuts in proptest::collection::vec((0usize..700, "[\\x1b\\[\\]a-zA-Z0-9;\\r\\n\\x07 ]{0,6}"), 0..6)) {
        let mut console = block(&format!("{ED25519} root@h\n{ECDSA} root@h"));
        for (at, dirt) in cuts {
            let at = at % console.len();
            console.insert_str(at, &dirt);
        }
        parse(console.as_bytes());
    }

    #[test]
    fn printed_keys_are_found_among_noise(noise in "[ -~\\n]{0,200}", crlf in any::<bool>()) {
        prop_assume!(!noise.contains("-----"));
        let keys = [random_public_key(Algorithm::Ed25519), random_public_key(Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 })];
        let mut console = format!("{noise}\n{}{noise}", block(&keys.join("\n")));
        if crlf {
            console = console.replace('\n', "\r\n");
        }
        let found: Vec<String> = parse(console.as_bytes()).keys.iter().map(|key| key.to_openssh().unwrap()).collect();
        prop_assert_eq!(found, keys);
    }
}

/// The server is asked first for the algorithms that can be compared, also by a fingerprint alone.
#[test]
fn printed_algorithms_are_listed() {
    let printed = parse(block(&format!("{ED25519}\n{ECDSA}")).as_bytes());
    let names: Vec<String> = printed.algorithms().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["ssh-ed25519", "ecdsa-sha2-nistp256"]);
    let listed = [("ssh-ed25519", ED25519), ("ecdsa-sha2-nistp256", ECDSA)];
    assert_eq!(printed.listed(), listed.map(|(name, key)| (name.to_owned(), print(key))));
    assert!(!printed.is_empty() && Printed::default().is_empty());
}

/// The keys are printed early in the boot, and GetConsoleOutput returns up to 64 KB after them.
#[test]
fn keys_are_found_before_a_long_log() {
    let output = block(ED25519) + &"[   12.345678] systemd[1]: Started a unit.\n".repeat(1500);
    assert!(output.len() > 60_000);
    assert_eq!(found(&output), ["ssh-ed25519"]);
}

#[test]
fn fingerprints_of_every_algorithm_are_read() {
    let lines =
        ["256 {} x (ED25519)", "3072 {} x (RSA)", "384 {} x (ECDSA)"].map(|line| line.replace("{}", &print(ED25519)));
    let output = |lines: &[String]| {
        let (begin, end) = ("-----BEGIN SSH HOST KEY FINGERPRINTS-----", "-----END SSH HOST KEY FINGERPRINTS-----");
        format!("{begin}\n{}\n{end}\n", lines.join("\n"))
    };
    assert_eq!(found(&output(&lines)), ["(ssh-ed25519)", "(ssh-rsa)", "(ecdsa-sha2-nistp384)"]);
    for (bits, curve) in [("256", "nistp256"), ("384", "nistp384"), ("521", "nistp521")] {
        let line = format!("{bits} {} x (ECDSA)", print(ECDSA));
        assert_eq!(found(&output(&[line])), [format!("(ecdsa-sha2-{curve})")]);
    }
    for other in ["255", "2048"] {
        assert!(found(&output(&[format!("{other} {} x (ECDSA)", print(ECDSA))])).is_empty(), "{other}");
    }
}

/// A prefix that only resembles a date or a tag does not make the rest of the line a key.
#[test]
fn lines_with_odd_prefixes_are_no_keys() {
    let odd = [
        "Jun x 17:07:52 ip cloud-init: ",
        "Jun  3 17:07 ip cloud-init: ",
        "Jun  3 a:b:c ip cloud-init: ",
        "cloud-init[]: ",
    ];
    for prefix in odd {
        assert!(found(&block(&format!("{prefix}{ED25519}"))).is_empty(), "{prefix}");
    }
    assert_eq!(found(&block(&format!("Jun  3 17:07:52 ip cloud-init: {ED25519}"))), ["ssh-ed25519"]);
}

/// Reported of other tools: keys on consoles whose lines have a prefix inside a prefix, dates of RFC 3339, or the tag of the
/// unit that printed them were not read.
#[test]
fn prefixes_of_all_kinds_are_read() {
    let (begin, end) = ("-----BEGIN SSH HOST KEY FINGERPRINTS-----", "-----END SSH HOST KEY FINGERPRINTS-----");
    let console = |prefix: &str| {
        let (first, second) = (print(ECDSA), print(ED25519));
        format!(
            "[    9.512345] cloud-init[1522]: Failed to write to /dev/console\r\n{prefix}####\r\n{prefix}{begin}\r\n\
             {prefix}256 {first} root@ip-10-0-0-7 (ECDSA)\r\n{prefix}256 {second} root@ip-10-0-0-7 (ED25519)\r\n{prefix}{end}\r\n"
        )
    };
    let prefixes = [
        "May 10 22:18:34 localhost cloud-init[1522]: <14>May 10 22:18:34 cloud-init: ",
        "[   14.250912] cloud-init[1522]: <14>May 10 22:18:34 cloud-init: ",
        "[   14.250912] cloud-init[1522]: <14>May 10 22:18:34 ip-10-0-0-7 ec2: ",
        "2026-05-10T22:18:34.123456+00:00 ip-10-0-0-7 cloud-init[1522]: ",
        "2026-05-10T22:18:34+0000 ip-10-0-0-7 ec2: ",
        "2026-05-10T22:18:34Z ip-10-0-0-7 cloud-init: ",
        "<14>2026-05-10T22:18:34,123Z ip-10-0-0-7 cloud-init: ",
        "May 10 22:18:34.123456 ip-10-0-0-7 cloud-init[1522]: ",
        "[   14.250912] print-host-keys[812]: ",
        "May 10 22:18:34 localhost print-host-keys[812]: ",
        "print-host-keys: ",
        "2026-05-10T22:18:34Z ip-10-0-0-7 ssh-keys@0.service: <14>May 10 22:18:34 ec2: ",
    ];
    for prefix in prefixes {
        assert_eq!(found(&console(prefix)), ["(ecdsa-sha2-nistp256)", "(ssh-ed25519)"], "{prefix}");
    }
    for prefix in
        ["2026-05-10 22:18 ip cloud-init: ", "2026-05-1xT22:18:34Z ip cloud-init: ", "ip-10-0-0-7 login: ", "login: "]
    {
        assert!(found(&console(prefix)).is_empty(), "{prefix}");
    }
    // A tag counts only where the block's first line has it.
    let other = console("print-host-keys: ").replace("print-host-keys: 256", "sshd: 256");
    assert!(found(&other).is_empty());
}
