//! Tests of completion: which word is an instance, the cache of names, and real shells.

use std::fs;
use std::time::Duration;

use ec2ssh_lab::{Fault, Instance};

use crate::support::pty::Terminal;
use crate::support::{ID, World, wait_until};

fn world() -> World {
    let world = World::empty();
    world.cloud.add(Instance::named(ID, "my-instance"));
    world.cloud.add(Instance::named("i-0123456789abcde02", "my-other"));
    world.cloud.add(Instance::named("i-0123456789abcde03", "not me; rm -rf"));
    world
}

fn complete(world: &World, words: &[&str]) -> Vec<String> {
    let (lines, status) = complete_with_status(world, words);
    assert_eq!(status, 0, "{words:?}");
    lines
}

fn complete_with_status(world: &World, words: &[&str]) -> (Vec<String>, i32) {
    let output = world.ec2ssh("complete --").args(words).output().unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    (lines, output.status.code().unwrap())
}

/// Completion answers from the cache at once. A background process fills the cache with one call, however many
/// completions ask meanwhile.
#[test]
fn completion_answers_from_cache_without_waiting() {
    let world = world();
    // EC2 hangs, but completion does not wait for it: the first answer is empty.
    world.cloud.fail("DescribeInstances", Fault::Delay(Duration::from_secs(2)), 1);
    assert!(complete(&world, &["my"]).is_empty());
    wait_until("the names", || !complete(&world, &["my"]).is_empty());
    // Several completions asked meanwhile, but only one call was made.
    assert_eq!(world.cloud.count("DescribeInstances"), 1);
    assert_eq!(complete(&world, &["my"]), ["my-instance", "my-other"]);
    assert_eq!(complete(&world, &["ubuntu@my-i"]), ["ubuntu@my-instance"]);
    assert_eq!(complete(&world, &["i-0123456789abcde01"]), [ID]);
    // A name that would need quoting on a command line is left out.
    assert!(complete(&world, &["not"]).is_empty());
    // The names of one profile are not offered for another one.
    assert!(complete(&world, &["--profile", "other", "my"]).is_empty());
    // A damaged cache counts as empty.
    fs::write(world.path("cache/ec2ssh/names.json"), "{").unwrap();
    assert!(complete(&world, &["my"]).is_empty());
}

#[test]
fn list_fills_the_completion_cache() {
    let world = world();
    world.run("list").expect(0);
    assert_eq!(complete(&world, &["my-o"]), ["my-other"]);
    assert_eq!(world.cloud.count("DescribeInstances"), 1);
}

/// Types a line and a tab in a real shell, and waits until `wanted` is on the screen.
fn tab(shell: &str, line: &str, wanted: &str) {
    let world = world();
    world.run("list").expect(0);
    world.file(".aws/config", "[profile development]\n[profile \"with blank\"]\n", 0o600);
    // The files' state is part of the names' cache.
    world.run("list").expect(0);
    fs::create_dir(world.path("bin")).unwrap();
    std::os::unix::fs::symlink(crate::support::BINARY, world.path("bin/ec2ssh")).unwrap();
    let mut terminal = Terminal::run(&world, &format!("PATH=$HOME/bin:$PATH; export PATH; {shell}"));
    terminal.wait_for("ready>");
    // A script named `trap` is in this folder. Completion must not run it.
    let trap = world.file("trap", "#!/bin/sh\ntouch \"$HOME/trapped\"\n", 0o755);
    terminal.type_in(line);
    terminal.type_in("\t");
    terminal.wait_for(wanted);
    assert!(trap.exists() && !world.path("trapped").exists(), "{shell}: something of the line was run");
}

fn bash(line: &str, wanted: &str) {
    tab(
        "ec2ssh completions bash > rc; echo \"PS1='ready> '\" >> rc; exec bash --noprofile --rcfile rc -i",
        line,
        wanted,
    );
}

fn zsh(line: &str, wanted: &str) {
    let setup = "mkdir -p z; ec2ssh completions zsh > z/_ec2ssh; \
                 echo 'fpath=($HOME/z $fpath); autoload -U compinit; compinit -u; PS1=\"ready> \"' > .zshrc; \
                 ZDOTDIR=$HOME exec zsh -i";
    tab(setup, line, wanted);
}

fn fish(line: &str, wanted: &str) {
    let setup = "mkdir -p config/fish/completions; ec2ssh completions fish > config/fish/completions/ec2ssh.fish; \
                 exec fish --no-config -i -C 'source config/fish/completions/ec2ssh.fish; set fish_greeting; \
                 function fish_prompt; echo \"ready> \"; end'";
    tab(setup, line, wanted);
}

#[test]
fn bash_completes_names() {
    bash("ec2ssh my-i", "ec2ssh my-instance");
    // Completion does not run a command that is earlier on the line or in this folder.
    bash("./trap; ec2ssh my-o", "./trap; ec2ssh my-other");
    bash("ec2ssh ssh ubuntu@my-o", "ec2ssh ssh ubuntu@my-other");
    bash("ec2ssh -p 22 my-o", "ec2ssh -p 22 my-other");
    bash("ec2ssh known-hosts fo", "ec2ssh known-hosts forget");
    bash("ec2ssh --profile dev", "ec2ssh --profile development");
    bash("ec2ssh list --region af-", "ec2ssh list --region af-south-1");
    // After the target the words are the remote command's.
    bash("ec2ssh my-instance --sta\t; echo", "ec2ssh my-instance --sta; echo");
    bash("ec2ssh ssh my-instance --sta\t; echo", "ec2ssh ssh my-instance --sta; echo");
    bash("ec2ssh --host-keys str", "ec2ssh --host-keys strict");
}

#[test]
fn zsh_completes_names() {
    zsh("ec2ssh my-i", "ec2ssh my-instance");
    // Completion does not run a command that is earlier on the line or in this folder.
    zsh("./trap; ec2ssh my-o", "./trap; ec2ssh my-other");
    zsh("ec2ssh ssh my-o", "ec2ssh ssh my-other");
    zsh("ec2ssh -p 22 my-o", "ec2ssh -p 22 my-other");
    zsh("ec2ssh known-hosts fo", "ec2ssh known-hosts forget");
    zsh("ec2ssh --profile dev", "ec2ssh --profile development");
    zsh("ec2ssh list --region af-", "ec2ssh list --region af-south-1");
    // After the target the words are the remote command's.
    zsh("ec2ssh my-instance --sta\t; echo", "ec2ssh my-instance --sta; echo");
    zsh("ec2ssh ssh my-instance --sta\t; echo", "ec2ssh ssh my-instance --sta; echo");
    zsh("ec2ssh lis", "ec2ssh list");
}

#[test]
fn fish_completes_names() {
    fish("ec2ssh my-i", "ec2ssh my-instance");
    // Completion does not run a command that is earlier on the line or in this folder.
    fish("./trap; ec2ssh my-o", "./trap; ec2ssh my-other");
    fish("ec2ssh ssh my-o", "ec2ssh ssh my-other");
    fish("ec2ssh -p 22 my-o", "ec2ssh -p 22 my-other");
    fish("ec2ssh lis", "ec2ssh list");
}

#[test]
fn known_hosts_are_completed_for_forget() {
    let (world, _) = World::trusted();
    assert_eq!(complete_with_status(&world, &["known-hosts", "forget", "i-"]), ([ID.to_owned()].to_vec(), 0));
    assert_eq!(complete_with_status(&world, &["known-hosts", "forget", "x"]).0, [""; 0]);
}

/// The status tells the scripts what else to offer.
#[test]
fn status_says_what_else_fits() {
    let world = world();
    world.file(".aws/config", "[profile development]\n", 0o600);
    for (words, lines, status) in [
        (&["--profile", "d"][..], &["development"][..], 4),
        (&["--region=us-gov-w"], &["--region=us-gov-west-1"], 4),
        (&["my-instance", "--st"], &[], 3),
        (&["list", "my-instance", "--js"], &[], 0),
    ] {
        let expected = lines.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(complete_with_status(&world, words), (expected, status), "{words:?}");
    }
}
