//! Help and version, as a user sees them.

use crate::support::World;

#[test]
fn help_matches_the_snapshots() {
    let world = World::empty();
    for line in ["--help", "ssh -h", "proxy -h", "list -h", "completions -h"] {
        let name = format!("help_{}", line.replace(' ', "_").replace('-', ""));
        insta::assert_snapshot!(name, world.snapshot(line));
    }
    let run = world.run("--version").expect(0);
    assert_eq!(run.out(), format!("ec2ssh {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_touches_neither_files_nor_network() {
    let world = World::empty();
    world.config("not toml at all = = =");
    world.run("--help").expect(0);
    world.run("completions bash").expect(0);
    assert!(world.cloud.calls().is_empty());
}
