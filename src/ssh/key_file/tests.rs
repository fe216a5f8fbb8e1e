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
        let judged = check_permissions(Path::new(name), 0o100_000 | mode, true);
        assert_eq!(judged.is_ok(), fits, "{name} {mode:o}");
    }
    // A file of another owner is judged by its mode alone, as ssh does.
    assert!(check_permissions(Path::new("k.pem"), 0o400, false).is_ok());
    assert!(matches!(check_permissions(Path::new("k.pem"), 0o444, false), Err(Error::Mode { own: false, .. })));
}

#[test]
fn every_key_format_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let table: &[(&str, &[&str], &str)] = &[
        ("rsa_openssh", &["-t", "rsa", "-b", "2048"], "ssh-rsa"),
        ("rsa_pkcs1", &["-t", "rsa", "-b", "2048", "-m", "PEM"], "ssh-rsa"),
        ("rsa_pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"], "ssh-rsa"),
        ("ed25519_openssh", &["-t", "ed25519"], "ssh-ed25519"),
        ("ecdsa_openssh", &["-t", "ecdsa", "-b", "256"], "ecdsa-sha2-nistp256"),
        ("ecdsa_384", &["-t", "ecdsa", "-b", "384"], "ecdsa-sha2-nistp384"),
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
        assert!(file.key(None).unwrap().is_none(), "{name}");
        assert!(file.key(Some(&secret("wrong"))).unwrap().is_none(), "{name}");
        assert!(file.key(Some(&secret("open sesame"))).unwrap().is_some(), "{name}");
    }
}

/// Makes a key file with openssl, and returns its path.
fn openssl(folder: &Path, name: &str, arguments: &[&str]) -> std::path::PathBuf {
    let path = folder.join(name);
    let made = Command::new(tool("openssl")).args(arguments).arg("-out").arg(&path).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
    path
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

/// The ciphers of older OpenSSL: PEM's own encryption, and PKCS#8 with 3DES.
#[test]
fn old_encryption_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let rsa = openssl(folder.path(), "rsa", &["genrsa", "-traditional"]).display().to_string();
    let ec =
        openssl(folder.path(), "ec", &["ecparam", "-name", "prime256v1", "-genkey", "-noout"]).display().to_string();
    let pass = ["-passout", "pass:open sesame"];
    let table: &[(&str, &[&str])] = &[
        ("rsa-des3", &["rsa", "-traditional", "-des3", "-in", &rsa]),
        ("rsa-aes128", &["rsa", "-traditional", "-aes128", "-in", &rsa]),
        ("rsa-aes192", &["rsa", "-traditional", "-aes192", "-in", &rsa]),
        ("rsa-aes256", &["rsa", "-traditional", "-aes256", "-in", &rsa]),
        ("ec-des3", &["ec", "-des3", "-in", &ec]),
        ("ec-aes256", &["ec", "-aes256", "-in", &ec]),
        ("pkcs8-des3", &["pkcs8", "-topk8", "-v2", "des3", "-in", &rsa]),
        ("pkcs8-des3-sha1", &["pkcs8", "-topk8", "-v2", "des3", "-v2prf", "hmacWithSHA1", "-in", &rsa]),
        ("pkcs8-aes256-sha1", &["pkcs8", "-topk8", "-v2", "aes256", "-v2prf", "hmacWithSHA1", "-in", &ec]),
        ("pkcs8-scrypt", &["pkcs8", "-topk8", "-scrypt", "-in", &rsa]),
    ];
    for (name, arguments) in table {
        let path = openssl(folder.path(), name, &[arguments, &pass[..]].concat());
        let file = KeyFile::open(&path).unwrap();
        assert!(file.key(None).unwrap().is_none(), "{name}");
        assert!(file.key(Some(&secret("wrong"))).unwrap().is_none(), "{name}");
        assert!(file.key(Some(&secret("open sesame"))).unwrap().is_some(), "{name}");
    }
}

/// A cipher that is not supported is named, and no passphrase is asked for.
#[test]
fn unsupported_encryption_is_not_a_wrong_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let rsa = openssl(folder.path(), "rsa", &["genrsa", "-traditional"]).display().to_string();
    let pass = ["-passout", "pass:open"];
    let table: &[(&str, &[&str], &str)] = &[
        ("camellia", &["rsa", "-traditional", "-camellia256", "-in", &rsa], "CAMELLIA-256-CBC"),
        ("pkcs12-pbe", &["pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES", "-in", &rsa], "an old kind of PKCS#8 encryption"),
        ("pkcs8-camellia", &["pkcs8", "-topk8", "-v2", "camellia128", "-in", &rsa], "an old kind of PKCS#8 encryption"),
    ];
    for (name, arguments, expected) in table {
        let path = openssl(folder.path(), name, &[arguments, &pass[..]].concat());
        let error = KeyFile::open(&path).unwrap().key(None).map(|_| ()).unwrap_err();
        assert!(matches!(&error, Error::Cipher { cipher, .. } if cipher == expected), "{name}: {error:?}");
    }
}

/// Blanks at the ends of lines, tabs, CRLF and a byte order mark come from editors and copying; ssh reads such files.
#[test]
fn blanks_around_lines_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let kinds: [&[&str]; 3] = [&["-t", "ed25519"], &["-t", "rsa", "-m", "PEM"], &["-t", "rsa", "-m", "PKCS8"]];
    for (number, arguments) in kinds.iter().enumerate() {
        let path = keygen(folder.path(), &format!("key{number}"), &[arguments, &["-N", ""][..]].concat());
        let text = std::fs::read_to_string(&path).unwrap();
        let variants = [
            text.replace('\n', " \n"),
            text.replace('\n', "\t\n"),
            text.replace('\n', "\r\n"),
            text.lines().map(|line| format!("  {line}\n")).collect(),
            format!("\u{feff}{text}"),
            format!("\n\n{text}\n\n"),
            format!("Bag Attributes\n  friendlyName: x\n{text}"),
            text.trim_end().to_owned(),
        ];
        for variant in variants {
            std::fs::write(&path, &variant).unwrap();
            assert!(KeyFile::open(&path).unwrap().key(None).unwrap().is_some(), "{variant}");
        }
    }
}

/// A P-256 key of ssh-keygen whose number has 31 bytes, and the same key with the passphrase `secret`.
const SHORT: [&str; 2] = [
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS\n1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQSbKoKuiJft+YGo9/Br3qxlbFnSRTIJ\nkSYhB80HlRZ3UzPv5VOybDucdgwkXqOQUYiGq3ipeMT3BvAWuMSVnUjdAAAAoO1HcIztR3\nCMAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBJsqgq6Il+35gaj3\n8GverGVsWdJFMgmRJiEHzQeVFndTM+/lU7JsO5x2DCReo5BRiIareKl4xPcG8Ba4xJWdSN\n0AAAAfWKPA1Z2D2F6jI9dSQA03FGSbB54238xLm64ksp7BCwAAAANzaWIBAgMEBQY=\n-----END OPENSSH PRIVATE KEY-----\n",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDPYWummf\npjB5E9zIgDY9yrAAAAEAAAAAEAAABoAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlz\ndHAyNTYAAABBBJsqgq6Il+35gaj38GverGVsWdJFMgmRJiEHzQeVFndTM+/lU7JsO5x2DC\nReo5BRiIareKl4xPcG8Ba4xJWdSN0AAACgtbWIeZMeNdrOQIIEbDH2c1e6ILvsP2Mfsvbo\nFKaMEBGw8wk7h52M29a3WC6W76kttbC5NaRhcEGZ8zlFGDhaCm+3QveLvb+rTFfeChnAOs\nmxkIjBDx/P9nZSdFzjjwhRI0n5ZSCCK6oaK+ARQF4Mmi9JtxcEBcM9H+uIqZTIaUkCm2nf\nD1LCaHY++dMsUbsDY/gN/p8RUxo9z07XYaDCgA==\n-----END OPENSSH PRIVATE KEY-----\n",
];
const SHORT_PUBLIC: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBJsqgq6Il+35gaj38GverGVsWdJFMgmRJiEHzQeVFndTM+/lU7JsO5x2DCReo5BRiIareKl4xPcG8Ba4xJWdSN0=";

#[test]
fn short_ecdsa_number_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for (number, text) in SHORT.iter().enumerate() {
        let path = folder.path().join(format!("k{number}"));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let file = KeyFile::open(&path).unwrap();
        if number == 1 {
            assert!(file.key(None).unwrap().is_none());
            assert!(file.key(Some(&secret("wrong"))).unwrap().is_none());
        }
        let key = file.key(Some(&secret("secret"))).unwrap().unwrap();
        assert_eq!(key.public_line(), SHORT_PUBLIC);
        assert!(key.sign(b"data", "ecdsa-sha2-nistp256").is_some());
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
    assert!(matches!(open(&write("empty", b"")), Error::NotAKey { .. }));
    assert!(matches!(open(&write("binary", &[0xff, 0xfd, 0])), Error::Unparsable { .. }));
    assert!(matches!(open(&write("prose", b"not a key at all\n")), Error::Unparsable { .. }));
    assert!(matches!(open(&write("k.pub", b"ssh-ed25519 AAAA comment\n")), Error::Public(_)));
    let broken = b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    assert!(matches!(open(&write("broken", broken)), Error::Unparsable { .. }));
}

/// The commands that AWS documents for its key pairs, run by the real openssl.
#[test]
fn fingerprints_are_those_of_key_pairs() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["PEM", "PKCS8"] {
        let path = keygen(folder.path(), format, &["-t", "rsa", "-b", "2048", "-m", format, "-N", ""]);
        let printed = |commands: &str| {
            let line = commands.replace("KEY", &path.display().to_string());
            let output = Command::new("sh").arg("-c").arg(&line).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            text.trim().rsplit(' ').next().unwrap_or_default().trim_start_matches("(stdin)=").to_owned()
        };
        let made = printed("openssl pkcs8 -in KEY -inform PEM -outform DER -topk8 -nocrypt | openssl sha1 -c");
        let imported = printed("openssl rsa -in KEY -pubout -outform DER 2>/dev/null | openssl md5 -c");
        let by_openssh = printed("ssh-keygen -lf KEY.pub | cut -d' ' -f2");
        assert_eq!(made.len(), 59, "{made}");
        assert_eq!(KeyFile::open(&path).unwrap().fingerprints(), [by_openssh, imported, made], "{format}");
    }
    let path = keygen(folder.path(), "closed", &["-t", "ed25519", "-N", "secret"]);
    assert!(KeyFile::open(&path).unwrap().fingerprints().is_empty(), "it is encrypted");
}
