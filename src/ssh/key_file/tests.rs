//! Key files: the rule for file modes as a table, and every supported format, made by the real ssh-keygen and openssl.

use std::path::Path;
use std::process::Command;

use crate::secret::Secret;
use crate::ssh::key_file::{Error, KeyFile, check_permissions};

use ec2ssh_lab::openssh::{keygen, tool};

#[test]
fn unsafe_file_modes_are_refused() {
    let table = [
        ("k.pem", 0o400, true),
        ("k.PEM", 0o400, true),
        ("k.pem", 0o600, false),
        ("k.pem", 0o440, false),
        ("k.pem", 0o644, false),
        ("k.pem", 0o700, false),
        ("k.pem", 0o4400, false),
        ("id_rsa", 0o400, true),
        ("id_rsa", 0o600, true),
        ("id_rsa", 0o700, true),
        ("id_rsa", 0o640, false),
        ("id_rsa", 0o604, false),
        ("id_rsa", 0o610, false),
        ("id_rsa", 0o777, false),
    ];
    for (name, mode, fits) in table {
        // The mode is passed as the system returns it, with the file type above the permission bits.
        let judged = check_permissions(Path::new(name), 0o100_000 | mode, 1000, 1000);
        assert_eq!(judged.is_ok(), fits, "{name} {mode:o}");
    }
    assert!(matches!(
        check_permissions(Path::new("id_rsa"), 0o600, 0, 1000),
        Err(Error::Owner { owner: 0, caller: 1000, .. })
    ));
}

#[test]
fn every_key_format_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let table: &[(&str, &[&str], &str)] = &[
        ("rsa_openssh", &["-t", "rsa", "-b", "2048"], "ssh-rsa"),
        ("rsa_pkcs1", &["-t", "rsa", "-b", "2048", "-m", "PEM"], "ssh-rsa"),
        ("rsa_pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"], "ssh-rsa"),
        ("ed25519_openssh", &["-t", "ed25519"], "ssh-ed25519"),
        // One in 256 P-256 keys contains a short number, which ssh-key 0.7.0-rc.11 does not read in this format.
        ("ecdsa_openssh", &["-t", "ecdsa", "-b", "384"], "ecdsa-sha2-nistp384"),
        ("ecdsa_sec1", &["-t", "ecdsa", "-m", "PEM"], "ecdsa-sha2-nistp256"),
        ("ecdsa_pkcs8", &["-t", "ecdsa", "-b", "384", "-m", "PKCS8"], "ecdsa-sha2-nistp384"),
    ];
    for (name, arguments, algorithm) in table {
        let path = keygen(folder.path(), name, &[arguments, &["-N", ""][..]].concat());
        let key = KeyFile::open(&path).unwrap().key(None).unwrap().expect("it is not encrypted");
        assert_eq!(key.algorithm(), *algorithm, "{name}");
        let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
        assert!(public.starts_with(&key.public_line()), "{name}: {} is not in {public}", key.public_line());
    }
    // ssh-keygen cannot write ed25519 keys as PKCS#8. AWS's ed25519 .pem files are in the OpenSSH format, but those of
    // other tools are not.
    let path = folder.path().join("ed25519_pkcs8");
    let made =
        Command::new(tool("openssl")).args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&path).output().unwrap();
    assert!(made.status.success());
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let key = KeyFile::open(&path).unwrap().key(None).unwrap().unwrap();
    assert_eq!(key.algorithm(), "ssh-ed25519");
}

#[test]
fn encrypted_keys_need_the_right_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let table: &[(&str, &[&str])] = &[
        ("openssh", &["-t", "ed25519"]),
        ("rsa_pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
        ("rsa_pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"]),
        ("ecdsa", &["-t", "ecdsa", "-b", "384"]),
    ];
    for (name, arguments) in table {
        let path = keygen(folder.path(), name, &[arguments, &["-N", "open sesame"][..]].concat());
        let file = KeyFile::open(&path).unwrap();
        let secret = |text: &str| Secret::new(text.to_owned());
        assert!(file.key(None).unwrap().is_none(), "{name}");
        assert!(file.key(Some(&secret("wrong"))).unwrap().is_none(), "{name}");
        assert!(file.key(Some(&secret("open sesame"))).unwrap().is_some(), "{name}");
    }
}

/// Legacy PEM encryption is not supported: the error names `ssh-keygen -p`, and no passphrase is asked for.
#[test]
fn unsupported_encryption_is_not_a_wrong_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let old: &[(&str, &[&str])] = &[
        ("des3", &["genrsa", "-traditional", "-des3", "-passout", "pass:open", "2048"]),
        ("aes256", &["genrsa", "-traditional", "-aes256", "-passout", "pass:open", "2048"]),
    ];
    for (name, arguments) in old {
        let path = folder.path().join(name);
        let made = Command::new(tool("openssl")).args(*arguments).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        std::fs::write(&path, made.stdout).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let error = KeyFile::open(&path).unwrap().key(None).map(|_| ()).unwrap_err();
        assert!(matches!(&error, Error::Unparsable { detail, .. } if detail.contains("ssh-keygen -p")), "{error:?}");
    }
}

/// A missing file, a public key, unusable content, and a folder or device give different errors.
#[test]
fn other_files_than_private_keys_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    };
    let open = |path: &Path| KeyFile::open(path).and_then(|file| file.key(None).map(|_| ())).unwrap_err();
    assert!(matches!(open(folder.path()), Error::NotAFile(_)));
    assert!(matches!(open(Path::new("/dev/null")), Error::NotAFile(_)));
    assert!(matches!(open(&folder.path().join("missing")), Error::Read { .. }));
    assert!(matches!(open(&write("empty", b"")), Error::Unparsable { .. }));
    assert!(matches!(open(&write("binary", &[0xff, 0xfe, 0])), Error::Unparsable { .. }));
    assert!(matches!(open(&write("prose", b"not a key at all\n")), Error::Unparsable { .. }));
    assert!(matches!(open(&write("k.pub", b"ssh-ed25519 AAAA comment\n")), Error::Public(_)));
    let broken = b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    assert!(matches!(open(&write("broken", broken)), Error::Unparsable { .. }));
}
