//! `ec2ssh config`: the ssh_config block, and how it is installed into the file and removed from it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use crate::support::{BINARY, Run, World, tool};

/// Returns the settings that ssh reads from the whole file for a host (`ssh -G`).
fn seen_by_ssh(world: &World, host: &str) -> String {
    let mut ssh = world.command(tool("ssh"));
    Run::of(ssh.args(["-G", "-F"]).arg(world.path(".ssh/config")).arg(host).output().unwrap()).expect(0).out()
}

const THEIRS: &str = "# mine\nServerAliveInterval 7\n\nHost *\n  IdentitiesOnly yes\n  User me\n";

/// The installed ssh reads the block for hosts that match, and other hosts are not affected.
#[test]
fn installed_block_applies_to_matching_hosts_only() {
    let world = World::empty();
    world.file(".ssh/config", THEIRS, 0o644);
    let run = world.run("config install --match web-* --profile dev").expect(0);
    assert_eq!(run.out(), "");
    assert!(
        run.stderr.contains("Added the ec2ssh block to ") && run.stderr.contains("Connect with: ssh USER@web-NAME"),
        "{run}"
    );
    for host in ["i-0123456789abcdef0", "web-1"] {
        let seen = seen_by_ssh(&world, host);
        assert!(seen.contains(&format!("proxycommand {BINARY} proxy --fdpass --agent '")), "{seen}");
        assert!(seen.contains("--profile dev") && seen.contains("proxyusefdpass yes"), "{seen}");
        // The first value wins: the user's own lines come after the block and apply where it sets nothing.
        assert!(seen.contains("identitiesonly no") && seen.contains("user me"), "{seen}");
        assert!(seen.contains("serveraliveinterval 7"), "{seen}");
    }
    let other = seen_by_ssh(&world, "example.com");
    assert!(!other.contains("ec2ssh") && other.contains("serveraliveinterval 7"), "{other}");
}

/// Installing twice leaves one block, and removing it restores the file byte for byte.
#[test]
fn install_is_idempotent_and_remove_restores() {
    let cases: [&[u8]; 6] =
        [b"", THEIRS.as_bytes(), b"Host a\n  User b", b"\r\nHost a\r\n", b"\n\n\n", b"# \xff\xfe\nHost x\n"];
    for theirs in cases {
        let world = World::empty();
        let path = world.path(".ssh/config");
        fs::write(&path, theirs).unwrap();
        world.run("config install").expect(0);
        let once = fs::read(&path).unwrap();
        assert!(once.ends_with(theirs) && once != theirs);
        let run = world.run("config install").expect(0);
        assert!(run.stderr.contains("has this ec2ssh block already. It is for: i-*"), "{run}");
        assert_eq!(fs::read(&path).unwrap(), once);
        // A second block replaces the first.
        world.run("config install --match web-*").expect(0);
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert_eq!(text.matches(">>> ec2ssh >>>").count(), 1, "{text}");
        assert!(text.contains("\"i-*,web-*,"), "{text}");
        world.run("config remove").expect(0);
        assert_eq!(fs::read(&path).unwrap(), theirs);
        world.run("config remove").expect(0);
        assert_eq!(fs::read(&path).unwrap(), theirs);
    }
    // A file that did not exist before is removed again.
    let world = World::empty();
    fs::remove_dir(world.path(".ssh")).unwrap();
    world.run("config install").expect(0);
    let mode = |name: &str| fs::metadata(world.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(".ssh"), mode(".ssh/config")), (0o700, 0o600));
    world.run("config remove").expect(0);
    assert!(!world.path(".ssh/config").exists());
    // Lines that the user has added in the meantime stay.
    world.run("config install").expect(0);
    let text = fs::read_to_string(world.path(".ssh/config")).unwrap();
    fs::write(world.path(".ssh/config"), format!("# before\n{text}# after\n")).unwrap();
    world.run("config install --match web-*").expect(0);
    world.run("config remove").expect(0);
    assert_eq!(fs::read_to_string(world.path(".ssh/config")).unwrap(), "# before\n# after\n");
}

#[test]
fn modes_and_symbolic_links_stay() {
    let world = World::empty();
    fs::create_dir(world.path("dotfiles")).unwrap();
    world.file("dotfiles/ssh", THEIRS, 0o640);
    symlink("../dotfiles/ssh", world.path(".ssh/config")).unwrap();
    for line in ["config install", "config remove"] {
        world.run(line).expect(0);
        assert_eq!(fs::read_link(world.path(".ssh/config")).unwrap(), PathBuf::from("../dotfiles/ssh"));
        assert_eq!(fs::metadata(world.path("dotfiles/ssh")).unwrap().permissions().mode() & 0o777, 0o640);
        let names =
            fs::read_dir(world.path("dotfiles")).unwrap().count() + fs::read_dir(world.path(".ssh")).unwrap().count();
        assert_eq!(names, 2, "something was left over");
    }
    assert_eq!(fs::read_to_string(world.path("dotfiles/ssh")).unwrap(), THEIRS);
}

#[test]
fn dry_run_shows_the_change_only() {
    let world = World::empty();
    world.file(".ssh/config", THEIRS, 0o600);
    let out = world.run("config install --dry-run").expect(0).out();
    assert!(out.contains("\n+    ProxyCommand "), "{out}");
    assert_eq!(fs::read_to_string(world.path(".ssh/config")).unwrap(), THEIRS);
    world.run("config install").expect(0);
    let out = world.run("config install --match web-* --dry-run").expect(0).out();
    let head = |sign: char, rest: &str| out.lines().any(|line| line.starts_with(sign) && line.contains(rest));
    assert!(head('-', "i-*") && head('+', "web-*") && !head('-', "web-*"), "{out}");
    let out = world.run("config remove --dry-run").expect(0).out();
    assert!(out.contains("\n-    ProxyCommand ") && !out.contains('+'), "{out}");
    assert!(fs::read_to_string(world.path(".ssh/config")).unwrap().contains(">>> ec2ssh"));
}

#[test]
fn damaged_block_is_not_edited() {
    let world = World::empty();
    world.run("config install").expect(0);
    let text = fs::read_to_string(world.path(".ssh/config")).unwrap();
    let without_end = text.replace("# <<< ec2ssh <<<\n", "");
    let without_begin = text.split_once('\n').unwrap().1.to_owned();
    for damaged in [without_end, without_begin, format!("{}{text}", text.replace("# <<< ec2ssh <<<\n", ""))] {
        fs::write(world.path(".ssh/config"), &damaged).unwrap();
        let run = world.run("config remove").expect(1);
        assert!(
            run.stderr.contains("unpaired begin and end markers") && run.stderr.contains("Hint: fix the lines"),
            "{run}"
        );
        world.run("config install").expect(1);
        assert_eq!(fs::read_to_string(world.path(".ssh/config")).unwrap(), damaged);
    }
}

#[test]
fn concurrent_installs_leave_one_block() {
    let world = World::empty();
    world.file(".ssh/config", THEIRS, 0o600);
    let children: Vec<_> =
        (0..10).map(|n| world.ec2ssh(&format!("config install --match web-{n}")).spawn().unwrap()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let text = fs::read_to_string(world.path(".ssh/config")).unwrap();
    assert_eq!(text.matches(">>> ec2ssh >>>").count(), 1, "{text}");
    assert!(text.ends_with(THEIRS));
    world.run("config remove").expect(0);
    assert_eq!(fs::read_to_string(world.path(".ssh/config")).unwrap(), THEIRS);
}

#[test]
fn a_bad_pattern_is_a_usage_error() {
    let world = World::empty();
    let mut command = world.ec2ssh("config install --match");
    let run = Run::of(command.arg("a b").output().unwrap()).expect(2);
    assert!(run.stderr.contains("'a b' is not a valid host pattern for ssh_config"), "{run}");
    assert!(!world.path(".ssh/config").exists());
}
