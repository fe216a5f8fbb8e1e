//! `ec2ssh metadata`: the metadata service is asked on the instance, by each tool that it may have.

use std::path::PathBuf;
use std::process::Command;

use ec2ssh_lab::{Instance, Metadata};

use crate::support::{ID, RealSshd, World, tool};

/// Returns an instance with a real sshd, whose programs ask this metadata service and find only the named tools.
fn world(state: Metadata, tools: Option<&[&str]>) -> (World, RealSshd) {
    let world = World::empty();
    world.add_amazon_linux();
    world.cloud.add(Instance::named(ID, "web-1"));
    let mut environment = format!("SHLVL=2 AWS_EC2_METADATA_SERVICE_ENDPOINT={}", world.cloud.metadata(state));
    if let Some(tools) = tools {
        let folder = world.path("tools");
        std::fs::create_dir_all(&folder).unwrap();
        for name in tools.iter().chain(&["sh", "grep", "sed", "tail"]) {
            let program = if *name == "python3" { python() } else { tool(name) };
            std::os::unix::fs::symlink(program, folder.join(name)).unwrap();
        }
        environment += &format!(" PATH={}", folder.display());
    }
    let sshd = RealSshd::start(&world.cloud, ID, &format!("SetEnv {environment}"));
    (world, sshd)
}

/// Returns the interpreter itself, where `python3` is a script that chooses one.
fn python() -> PathBuf {
    let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable, end=\"\")"]).output().unwrap();
    PathBuf::from(String::from_utf8(asked.stdout).unwrap())
}

fn line(sshd: &RealSshd, path: &str) -> String {
    format!("metadata -q --host-keys accept-new -p {} {}@web-1 {path}", sshd.port, sshd.user)
}

#[test]
fn each_tool_reads_the_metadata() {
    for tools in [&["curl"][..], &["wget"], &["python3"]] {
        let (world, sshd) = world(Metadata::On, Some(tools));
        let ask = |path: &str| world.run(&line(&sshd, path)).expect(0).out();
        assert_eq!(ask("meta-data/placement/region"), "eu-west-1", "{tools:?}");
        assert_eq!(ask("/latest/meta-data/"), "instance-id\nplacement/\ntags/", "{tools:?}");
        assert_eq!(ask(""), "dynamic\nmeta-data\nuser-data", "{tools:?}");
        assert_eq!(ask("meta-data/placement/"), "availability-zone\nregion", "{tools:?}");
        let absent = world.run(&line(&sshd, "user-data")).expect(1);
        assert!(absent.stderr.contains(&format!("{ID} has no user data")), "{tools:?} {absent}");
    }
}

#[test]
fn silence_is_explained() {
    let table = [
        (Metadata::Off, None, "the instance metadata service is off", "--http-endpoint enabled --http-tokens required"),
        (Metadata::NoToken, None, "gives no token", "--http-put-response-hop-limit 2"),
        (Metadata::Mute, None, "does not answer", "ec2ssh info"),
        (Metadata::On, Some(&[][..]), "has neither curl nor wget nor python3", ""),
    ];
    for (state, tools, message, hint) in table {
        let (world, sshd) = world(state, tools);
        let run = world.run(&line(&sshd, "meta-data/")).expect(1);
        assert!(run.stderr.contains(message) && run.stderr.contains(hint), "{run}");
        assert_eq!(run.out(), "");
    }
    let (world, sshd) = world(Metadata::On, None);
    let run = world.run(&line(&sshd, "meta-data/tags/instance/Name")).expect(1);
    assert!(run.stderr.contains("--instance-metadata-tags enabled"), "{run}");
    let run = world.run(&line(&sshd, "meta-data/../x")).expect(2);
    assert!(run.stderr.contains("a path looks like this: meta-data/placement/region"), "{run}");
}
