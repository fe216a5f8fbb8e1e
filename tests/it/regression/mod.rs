//! Defects that were reported, in ec2ssh or in tools like it: each test has what was reported. One file per part of the program.

pub(crate) mod credentials;
mod feel;
mod homes;
mod keys;
mod openssh;
mod servers;
mod session_manager;
mod sight;
mod slow_readers;
mod targets;
mod trust;
mod words;

use crate::support::{Run, World, tool};

/// CVE-2023-51385: a host or user name with shell characters ran a command through ProxyCommand. fish also interprets a
/// backslash inside quotes.
#[test]
fn quotes_never_reach_the_shell() {
    let world = World::empty();
    world.run("config install --match web-*").expect(0);
    let seen = |words: &[&str]| {
        let mut ssh = world.command(tool("ssh"));
        Run::of(ssh.args(["-G", "-F"]).arg(world.path(".ssh/config")).args(words).output().unwrap()).out()
    };
    for words in [&["web-1"][..], &["-l", "me", "i-0123"], &["web-1.example.com"]] {
        assert!(seen(words).contains("proxycommand "), "{words:?}");
    }
    let bad =
        [&["web-';touch x;'"][..], &["web-\\"], &["-l", "a';touch x;'", "web-1"], &["-l", "a\\", "web-1"], &["xweb-1"]];
    for words in bad {
        assert!(!seen(words).contains("proxycommand "), "{words:?}");
    }
}
