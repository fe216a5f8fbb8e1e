//! Tests of the block for ssh_config(5).

use super::*;
use crate::config::HostKeyPolicy;

fn block() -> Block {
    Block {
        program: PathBuf::from("/usr/bin/ec2ssh"),
        patterns: Vec::new(),
        agents: PathBuf::from("/run/user/1000/ec2ssh"),
        known_hosts: PathBuf::from("/home/me/.local/share/ec2ssh/openssh_known_hosts"),
        options: Vec::new(),
        host_keys: None,
        user: None,
        version: Version(9, 6),
    }
}

#[test]
fn block_depends_on_the_openssh_version() {
    insta::assert_snapshot!("block", block().text().unwrap());
    let full = Block {
        program: PathBuf::from("/opt/my tools/100%/ec2ssh"),
        patterns: vec!["web-*".into(), "!web-9".into(), "*.ec2".into(), "i-*".into()],
        options: vec![("--profile", "o'brien".into()), ("--region", "eu-west-1".into())],
        user: Some("ubuntu".into()),
        ..block()
    };
    insta::assert_snapshot!("block_with_everything", full.text().unwrap());
    assert_eq!(patterns_of(&full.text().unwrap()), ["i-*", "web-*", "!web-9", "*.ec2"]);
    assert!(patterns_of("Host *").is_empty());
    let older =
        |major, minor| Block { version: Version(major, minor), host_keys: Some(HostKeyPolicy::Strict), ..block() };
    insta::assert_snapshot!("block_for_8_2", older(8, 2).text().unwrap());
    // ProxyCommand supports `%n` since OpenSSH 8.1.
    assert!(!older(8, 0).text().unwrap().contains("%n"));
}

/// Patterns and values that ssh_config would read as something else are refused.
#[test]
fn ambiguous_patterns_and_values_are_refused() {
    for pattern in ["", "*", "a b", "a\nb", "a\"b", "a#b", "a,b", "a'b", "$(x)", "%h"] {
        let bad = Block { patterns: vec![pattern.into()], ..block() };
        assert_eq!(bad.text(), Err(Error::Pattern(pattern.into())));
    }
    for value in ["a\"b", "a\\b", "a\nb", "${HOME}", ""] {
        assert!(Block { options: vec![("--profile", value.into())], ..block() }.text().is_err(), "{value:?}");
        assert!(Block { program: PathBuf::from(value), ..block() }.text().is_err(), "{value:?}");
    }
}

#[test]
fn openssh_version_is_parsed() {
    let cases = [
        ("OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15 3 Sep 2024\n", Some(Version(9, 2))),
        ("OpenSSH_10.0p2, LibreSSL 3.3.6", Some(Version(10, 0))),
        ("OpenSSH_for_Windows_9.5p1, LibreSSL 3.8.2", Some(Version(9, 5))),
        ("Sun_SSH_1.1.4", None),
        ("", None),
    ];
    for (text, version) in cases {
        assert_eq!(Version::parse(text), version, "{text}");
    }
}
