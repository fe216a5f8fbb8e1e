//! Reports about key files.

use crate::support::pty::Terminal;
use crate::support::{World, keygen, tool};

/// A .ppk, the JSON of create-key-pair, UTF-16 and a key in one line were asked a chmod of, and then not read.
#[test]
fn files_that_are_no_keys_are_named() {
    let (world, port) = World::with_instance();
    let key = std::fs::read_to_string(keygen(world.home.path(), "key", &["-t", "rsa", "-m", "PEM", "-N", ""])).unwrap();
    let utf_16: Vec<u8> = key.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let json = serde_json::json!({ "KeyName": "web", "KeyMaterial": key.trim_end() }).to_string();
    let table: [(&str, Vec<u8>, &str, &str); 5] = [
        ("web.pem", b"PuTTY-User-Key-File-2: ssh-rsa\r\n".to_vec(), "is a PuTTY key (.ppk)", "puttygen "),
        ("web.pem", json.into_bytes(), "is the JSON of create-key-pair", "jq -r .KeyMaterial "),
        ("web.pem", [vec![0xff, 0xfe], utf_16].concat(), "is text in UTF-16", "iconv -f UTF-16 -t UTF-8 "),
        ("web.pem", key.replace('\n', "\\n").into_bytes(), "are written as the two characters \\n", "printf '%b\\n' "),
        ("web", key.trim_end().replace('\n', " ").into_bytes(), "whose lines were joined into one", "sed -E "),
    ];
    for (name, content, what, command) in table {
        let path = world.file(name, "", 0o644);
        std::fs::write(&path, &content).unwrap();
        let run = world.run(&format!("-i {name} -p {port} my-instance true")).expect(255);
        assert!(run.stderr.contains(what), "{run}");
        assert!(!run.stderr.contains("chmod 400") && !run.stderr.contains("mode 0"), "{run}");
        let hint =
            run.stderr.lines().find_map(|line| line.strip_prefix("Hint: write the key as ssh reads it: ")).unwrap();
        assert!(hint.contains(command), "{run}");
        // The command is run as it is printed, where its program is a part of every system.
        if ["iconv", "printf", "sed"].iter().any(|program| command.starts_with(program)) {
            let done = world.command("/bin/sh").args(["-c", hint]).output().unwrap();
            assert!(done.status.success(), "{hint}: {done:?}");
            let new = hint.trim_end_matches(')').rsplit(' ').next().unwrap();
            let run = world.run(&format!("-i {new} -p {port} --host-keys accept-new my-instance true")).expect(255);
            assert!(run.stderr.contains("permission denied for ec2-user"), "the key is read and offered: {run}");
            std::fs::remove_file(world.path(new)).unwrap();
        }
    }
}

/// A key with a cipher that is not supported was reported as a wrong passphrase, with a hint that fails on a file of mode 0400.
#[test]
fn unsupported_cipher_has_a_hint_that_works() {
    let (world, port) = World::with_instance();
    let rsa = keygen(world.home.path(), "key", &["-t", "rsa", "-m", "PEM", "-N", ""]);
    let mut command = world.command(tool("openssl"));
    command
        .args(["pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES", "-passout", "pass:secret", "-out", "web.pem", "-in"])
        .arg(rsa);
    assert!(command.status().unwrap().success());
    world.file("web.pem", &std::fs::read_to_string(world.path("web.pem")).unwrap(), 0o400);
    let run = world.run(&format!("-i web.pem -p {port} my-instance true")).expect(255);
    assert!(run.stderr.starts_with("Error: the cipher of the key file web.pem is not supported"), "{run}");
    let hint = run.stderr.lines().find_map(|line| line.split_once("own format: ").map(|(_, hint)| hint)).unwrap();
    let typed = hint.replace("ssh-keygen -p", &format!("{} -q -P secret -N '' -p", tool("ssh-keygen").display()));
    let done = world.command("/bin/sh").args(["-c", &typed]).output().unwrap();
    assert!(done.status.success(), "{typed}: {done:?}");
    let run = world.run(&format!("-i web.new.pem -p {port} --host-keys accept-new my-instance true")).expect(255);
    assert!(run.stderr.contains("permission denied for ec2-user"), "the key is read and offered: {run}");
}

/// Old PEM encryption asks for its passphrase on the terminal, and logs in.
#[test]
fn key_with_old_encryption_logs_in() {
    let (world, port) = World::with_instance();
    let rsa = keygen(world.home.path(), "key", &["-t", "rsa", "-m", "PEM", "-N", ""]);
    let public = std::fs::read_to_string(rsa.with_extension("pub")).unwrap();
    world.cloud.authorize(crate::support::ID, "ec2-user", &public.split(' ').take(2).collect::<Vec<_>>().join(" "));
    for (name, form) in
        [("a.pem", "rsa -traditional -des3"), ("b.pem", "rsa -traditional -aes256"), ("c.pem", "pkcs8 -topk8 -v2 des3")]
    {
        let mut command = world.command(tool("openssl"));
        command.args(form.split(' ')).args(["-passout", "pass:secret", "-out", name, "-in"]).arg(&rsa);
        assert!(command.status().unwrap().success());
        world.file(name, &std::fs::read_to_string(world.path(name)).unwrap(), 0o400);
        let line = format!("\"$EC2SSH\" --host-keys accept-new -i {name} -p {port} my-instance 'echo we are in'");
        let mut terminal = Terminal::run(&world, &line);
        terminal.wait_for("Passphrase for");
        terminal.type_secret("secret\n");
        terminal.wait_for("we are in");
        assert_eq!(terminal.wait(), 0);
    }
}
